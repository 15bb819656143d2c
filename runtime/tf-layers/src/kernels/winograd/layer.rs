//! A convolution by Winograd's minimal filtering, some tiles at a time.

use std::ops::Range;

use super::{Epilogue, Points, Tiles, check_output, transform_input, transform_output};
use crate::kernels::gemm::{Axis, Groups, Product, Rows};
use crate::kernels::product;
use crate::kernels::threads::{SendPtr, Threads};

/// Elements of the weights of all points, beyond which they are read from behind the second-level cache for each block.
const FAR_WEIGHTS: usize = 256 * 1024;

/// The most tiles that go through the three steps together, for `weights` elements: more where each block waits for the
/// weights. Those of 256 channels and filters take 0.69 of the time for 49 tiles in one block instead of two if they come
/// from memory, and 0.94 if not; blocks of 98 are as fast, and take half as much memory again.
pub(crate) const fn block(weights: usize) -> usize {
    if weights > FAR_WEIGHTS { 64 } else { 32 }
}

/// The fewest tiles of a block on a thread of its own: each block reads all weights.
const LEAST: usize = 16;

/// How far the matrices [tiles, columns] of two points are apart: an odd number of cache lines, so that the points of a
/// tile lie in different sets of the cache.
pub(crate) const fn distance(tiles: usize, columns: usize) -> usize {
    ((tiles * columns).div_ceil(16) | 1) * 16
}

/// What the three steps read.
pub(crate) struct Layer<'a> {
    pub geometry: Tiles,
    /// NHWC images, and their number of channels.
    pub x: &'a [f32],
    pub channels: usize,
    /// For each point a packed [channels, filters] matrix.
    pub weights: &'a [f32],
    pub filters: usize,
    /// The tiles of all images.
    pub tiles: usize,
    pub epilogue: Epilogue<'a>,
}

impl Layer<'_> {
    /// Computes the images `out`, or the columns of it that the epilogue names. Several threads run blocks of tiles side by
    /// side where there are enough for all, the workers have scratch memory and the weights are not most of what is read;
    /// else they share out each step of a block.
    ///
    /// # Panics
    /// If a length does not fit.
    pub(crate) fn run<Y: Points, X: Points>(
        &self,
        threads: &Threads,
        scratch: &mut [f32],
        out: &mut [f32],
    ) {
        check_output(
            &self.geometry,
            self.filters,
            self.tiles,
            &self.epilogue,
            out.len(),
        );
        let out = SendPtr(out.as_mut_ptr());
        let block = block(self.weights.len());
        let most = block.min(self.tiles);
        let apart = distance(most, self.channels) + distance(most, self.filters);
        let needed = product([Y::N, X::N, apart]);
        let count = threads.count();
        // Threads with blocks of their own read all weights each, threads that share a block what another one has written:
        // 256 channels at 14 x 14 394 and 337 us.
        let by_block = self.tiles > block || self.weights.len() <= needed;
        if by_block && self.tiles >= LEAST * count && threads.have_scratch(needed) {
            let blocks = self.tiles.div_ceil(block).next_multiple_of(count);
            threads.run_with_scratch(blocks, scratch, needed, |index, scratch| {
                let tiles = self.tiles_of(index, blocks);
                // SAFETY: the operands are checked, and a tile is in one block.
                unsafe { self.run_block::<Y, X>(&Threads::single(), tiles, scratch, out.get()) };
            });
        } else {
            let blocks = self.tiles.div_ceil(block);
            for index in 0..blocks {
                let tiles = self.tiles_of(index, blocks);
                // SAFETY: the operands are checked, and `out` is borrowed.
                unsafe { self.run_block::<Y, X>(threads, tiles, scratch, out.get()) };
            }
        }
    }

    /// The tiles of a block, of which there are `blocks`: their numbers differ by one at most.
    fn tiles_of(&self, index: usize, blocks: usize) -> Range<usize> {
        index * self.tiles / blocks..(index + 1) * self.tiles / blocks
    }

    /// Computes the pixels of some tiles.
    ///
    /// # Safety
    /// As for [`transform_output`].
    unsafe fn run_block<Y: Points, X: Points>(
        &self,
        threads: &Threads,
        tiles: Range<usize>,
        scratch: &mut [f32],
        out: *mut f32,
    ) {
        let points = product([Y::N, X::N]);
        let apart = [self.channels, self.filters].map(|n| distance(tiles.len(), n));
        let (patches, products) = scratch.split_at_mut(points * apart[0]);
        let products = &mut products[..points * apart[1]];
        transform_input::<Y, X>(
            threads,
            &self.geometry,
            self.x,
            self.channels,
            tiles.clone(),
            patches,
            apart[0],
        );
        let one = Axis::new(1, 0);
        Product {
            x: patches,
            rows: [one, one, one, Axis::new(tiles.len(), self.channels)],
            taps: [one; 3],
            segment: self.channels,
            groups: Groups::Apart {
                count: points,
                x: apart[0],
                out: apart[1],
            },
            packed: self.weights,
            columns: self.filters,
            bias: None,
            residual: None,
            out: Rows::PLAIN,
            activation: crate::Activation::None,
            register_tile: None,
        }
        .run(threads, products);
        // SAFETY: the caller's promise.
        unsafe {
            transform_output::<Y, X>(
                threads,
                &self.geometry,
                products,
                apart[1],
                self.filters,
                tiles,
                self.epilogue,
                out,
            );
        }
    }
}
