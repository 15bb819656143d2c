//! Convolution with 3×3 filters by Winograd's minimal filtering.

use std::ops::Range;

use super::Conv2d;
use crate::kernels::gemm::{Axis, Groups, Product, Rows};
use crate::kernels::pack::packed_len;
use crate::kernels::threads::Threads;
use crate::kernels::winograd::{
    Epilogue, F2, F4, Points, Tiles, transform_input, transform_output,
};

/// A [`Conv2d`] with 3×3 filters, strides and dilations of 1 and one group, by Winograd's F(2×2, 3×3) or F(4×4, 3×3):
/// 2.25 or 4 times fewer multiplications, more additions, and larger rounding errors.
///
/// For inputs of standard normal numbers behind a relu, 128 channels, the largest error relative to the largest result
/// is 4e-7 with tiles of 2 and 1.5e-6 with tiles of 4, where a direct sum has 2e-7. An infinity or NaN spoils all pixels
/// of the tiles that it reaches.
///
/// Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WinogradConv2d {
    conv: Conv2d,
    tile: usize,
}

/// Tiles that go through the three steps together.
const BLOCK: usize = 32;

impl WinogradConv2d {
    /// `conv` with tiles of `tile` × `tile` pixels.
    ///
    /// # Panics
    /// If `tile` is neither 2 nor 4, or `conv` has other filters than 3×3, strides, dilations, groups or a cropped image.
    pub const fn new(conv: Conv2d, tile: usize) -> Self {
        let Conv2d(inner) = conv;
        assert!(
            tile == 2 || tile == 4,
            "WinogradConv2d: tiles are 2 or 4 pixels wide"
        );
        let [planes, height, width] = inner.kernel;
        let [_, dy, dx] = inner.dilations;
        let [_, sy, sx] = inner.strides;
        assert!(
            planes == 1 && height == 3 && width == 3 && dy * dx * sy * sx == 1 && inner.groups == 1,
            "WinogradConv2d: the filters are not 3×3 with strides, dilations and groups of 1"
        );
        assert!(!inner.is_cropped(), "WinogradConv2d: the image is cropped");
        Self { conv, tile }
    }

    /// The numbers of a transformed patch.
    const fn points(&self) -> usize {
        (self.tile + 2) * (self.tile + 2)
    }

    /// Length of the packed weights: a matrix [channels, filters] for each of the `(tile + 2)²` points.
    pub const fn weights_len(&self) -> usize {
        self.points() * packed_len(self.conv.0.channels, self.conv.0.filters)
    }

    /// Tiles of an image, down and across.
    const fn grid(&self) -> [usize; 2] {
        let [height, width, _] = self.conv.output();
        [height.div_ceil(self.tile), width.div_ceil(self.tile)]
    }

    /// Length of the scratch memory: `(tile + 2)² * (f(channels) + f(filters))`, where `f(n)` is
    /// `(ceil(tiles * n / 16) | 1) * 16` and `tiles` are those of all images, or 32 if that is less.
    pub const fn scratch_len(&self, batch: usize) -> usize {
        let [down, across] = self.grid();
        let tiles = batch * down * across;
        let block = if tiles < BLOCK { tiles } else { BLOCK };
        let inner = &self.conv.0;
        self.points() * (distance(block, inner.channels) + distance(block, inner.filters))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the operands of the public function"
    )]
    fn run<P: Points<M, N>, const M: usize, const N: usize>(
        &self,
        threads: &Threads,
        x: &[f32],
        batch: usize,
        weights: &[f32],
        epilogue: Epilogue,
        scratch: &mut [f32],
        out: &mut [f32],
    ) {
        let inner = &self.conv.0;
        let (channels, filters) = (inner.channels, inner.filters);
        let [height, width, _] = self.conv.output();
        let geometry = Tiles {
            input: [inner.input[1], inner.input[2]],
            output: [height, width],
            pads: [inner.before[1], inner.before[2]],
            grid: self.grid(),
        };
        let tiles = batch * geometry.grid[0] * geometry.grid[1];
        for tiles in blocks(tiles) {
            let apart = [channels, filters].map(|n| distance(tiles.len(), n));
            let (patches, products) = scratch.split_at_mut(self.points() * apart[0]);
            let products = &mut products[..self.points() * apart[1]];
            transform_input::<P, M, N>(
                threads,
                &geometry,
                x,
                channels,
                tiles.clone(),
                patches,
                apart[0],
            );
            let one = Axis::new(1, 0);
            Product {
                x: patches,
                rows: [one, one, one, Axis::new(tiles.len(), channels)],
                taps: [one; 3],
                segment: channels,
                groups: Groups::Apart {
                    count: self.points(),
                    x: apart[0],
                    out: apart[1],
                },
                packed: weights,
                columns: filters,
                bias: None,
                residual: None,
                out: Rows::PLAIN,
                activation: crate::Activation::None,
                register_tile: None,
            }
            .run(threads, products);
            transform_output::<P, M, N>(
                threads, &geometry, products, apart[1], filters, tiles, epilogue, out,
            );
        }
    }
}

/// How far the matrices [tiles, columns] of two points are apart: an odd number of cache lines, so that the points of a
/// tile lie in different sets of the cache.
const fn distance(tiles: usize, columns: usize) -> usize {
    ((tiles * columns).div_ceil(16) | 1) * 16
}

/// `tiles` in blocks of at most [`BLOCK`] that differ by one at most.
fn blocks(tiles: usize) -> impl Iterator<Item = Range<usize>> {
    let count = tiles.div_ceil(BLOCK);
    (0..count).map(move |i| i * tiles / count..(i + 1) * tiles / count)
}

/// [`conv2d`](crate::conv2d) by Winograd's minimal filtering.
///
/// `weights` are the packed matrices of the points: for filters `g` of a channel and a filter, number `(i, j)` of
/// `G g Gᵀ`, where `G` has a row `[1, a, a²] / Π (a - b)` for each point `a`, with `b` the others, and a last row
/// `[0, 0, 1]`; the points are 0, 1 and -1 for tiles of 2, 0, 5/8, -5/8, 3/2 and -3/2 for tiles of 4. `bias` is
/// `[filters]`; `residual` has the shape of `out`; `scratch` has at least `p.scratch_len(batch)` elements. The batch size
/// follows from the length of `out`.
///
/// # Panics
/// If a length does not fit.
#[expect(clippy::too_many_arguments, reason = "operands, as in the equation")]
pub fn conv2d_winograd(
    threads: &Threads,
    p: &WinogradConv2d,
    x: &[f32],
    weights: &[f32],
    bias: Option<&[f32]>,
    residual: Option<&[f32]>,
    scratch: &mut [f32],
    out: &mut [f32],
) {
    let batch = p.conv.0.batch("conv2d_winograd", x, residual, out);
    if batch == 0 {
        return;
    }
    let needed = p.scratch_len(batch);
    assert!(
        scratch.len() >= needed,
        "conv2d_winograd: the scratch memory has {} elements, fewer than {needed}",
        scratch.len()
    );
    let epilogue = Epilogue {
        bias,
        residual,
        rows: p.conv.0.out,
        activation: p.conv.0.activation,
    };
    if p.tile == 2 {
        p.run::<F2, 2, 4>(threads, x, batch, weights, epilogue, scratch, out);
    } else {
        p.run::<F4, 4, 6>(threads, x, batch, weights, epilogue, scratch, out);
    }
}
