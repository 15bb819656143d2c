//! Convolution with 3×3, 1×3 and 1×5 filters by Winograd's minimal filtering.

use super::{Conv1d, Conv2d};
use crate::kernels::pack::packed_len;
use crate::kernels::threads::Threads;
use crate::kernels::winograd::{Epilogue, F1, F2, F4, F4Of5, Layer, Tiles, block, distance};

/// A [`Conv2d`] with strides and dilations of 1 and one group, by Winograd's F(2×2, 3×3) or F(4×4, 3×3): 2.25 or 4 times
/// fewer multiplications, more additions, and larger rounding errors; or, with filters of one line, by F(2, 3), F(4, 3) or
/// F(4, 5): 1.5, 2 or 2.5 times fewer.
///
/// For inputs of standard normal numbers behind a relu, 128 channels, the largest error relative to the largest result
/// is 4e-7 with tiles of 2 and 1.5e-6 with tiles of 4, where a direct sum has 2e-7; with filters of one line, 4e-7 for three
/// taps and 7e-7 for five. An infinity or NaN spoils all pixels of the tiles that it reaches.
///
/// Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WinogradConv2d {
    conv: Conv2d,
    tile: usize,
}

/// A [`Conv1d`] with stride and dilation of 1 and one group, by Winograd's F(2, 3), F(4, 3) or F(4, 5): as
/// [`WinogradConv2d`] with filters of one line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WinogradConv1d(WinogradConv2d);

impl WinogradConv2d {
    /// `conv` with tiles of `tile` × `tile` pixels, or of `tile` pixels of a line for filters of one line.
    ///
    /// # Panics
    /// If the filters are not 3×3 or 1×3 with tiles of 2 or 4, nor 1×5 with tiles of 4, or if `conv` has strides, dilations
    /// or groups.
    pub const fn new(conv: Conv2d, tile: usize) -> Self {
        let Conv2d(inner) = conv;
        let [planes, height, width] = inner.kernel;
        assert!(
            matches!((height, width, tile), (1 | 3, 3, 2 | 4) | (1, 5, 4)),
            "WinogradConv2d: there is no such tile for filters of this size"
        );
        let [_, dy, dx] = inner.dilations;
        let [_, sy, sx] = inner.strides;
        assert!(
            planes == 1 && dy * dx * sy * sx == 1 && inner.groups == 1,
            "WinogradConv2d: strides, dilations or groups are not 1"
        );
        assert!(!inner.is_cropped(), "WinogradConv2d: the image is cropped");
        Self { conv, tile }
    }

    /// The pixels of a tile, down and across.
    const fn tiles(&self) -> [usize; 2] {
        let [_, height, _] = self.conv.0.kernel;
        [if height == 1 { 1 } else { self.tile }, self.tile]
    }

    /// The numbers of a transformed patch.
    const fn points(&self) -> usize {
        let ([down, across], [_, height, width]) = (self.tiles(), self.conv.0.kernel);
        (down + height - 1) * (across + width - 1)
    }

    /// Length of the packed weights: a matrix [channels, filters] for each point, of which there are `tile + taps - 1`
    /// along an axis with several taps.
    pub const fn weights_len(&self) -> usize {
        self.points() * packed_len(self.conv.0.channels, self.conv.0.filters)
    }

    /// Tiles of an image, down and across.
    const fn grid(&self) -> [usize; 2] {
        let ([height, width, _], [down, across]) = (self.conv.output(), self.tiles());
        [height.div_ceil(down), width.div_ceil(across)]
    }

    /// Length of the scratch memory: `points * (f(channels) + f(filters))`, where `f(n)` is
    /// `(ceil(tiles * n / 16) | 1) * 16` and `tiles` are those of all images, or 32 if that is less; 64 if
    /// [`weights_len`](Self::weights_len) is more than 2^18.
    pub const fn scratch_len(&self, batch: usize) -> usize {
        let [down, across] = self.grid();
        let tiles = batch * down * across;
        let most = block(self.weights_len());
        let block = if tiles < most { tiles } else { most };
        let inner = &self.conv.0;
        self.points() * (distance(block, inner.channels) + distance(block, inner.filters))
    }
}

/// [`conv2d`](crate::conv2d) by Winograd's minimal filtering.
///
/// `weights` are the packed matrices of the points: for filters `g` of a channel and a filter, number `(i, j)` of
/// `G g Gᵀ`, where `G` has a row `[1, a, a², …] / Π (a - b)` for each point `a`, with `b` the others, and a last row
/// `[0, 0, …, 1]`; the points are 0, 1 and -1 for tiles of 2, 0, 5/8, -5/8, 3/2 and -3/2 for tiles of 4 and three taps,
/// 0, 1/2, -1/2, 1, -1, 2 and -2 for five. `G` is 1 along an axis with one tap. `bias` is
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
    let inner = &p.conv.0;
    let ([height, width, _], grid) = (p.conv.output(), p.grid());
    let layer = Layer {
        geometry: Tiles {
            input: [inner.input[1], inner.input[2]],
            output: [height, width],
            pads: [inner.before[1], inner.before[2]],
            grid,
        },
        x,
        channels: inner.channels,
        weights,
        filters: inner.filters,
        tiles: batch * grid[0] * grid[1],
        epilogue: Epilogue {
            bias,
            residual,
            rows: inner.out,
            activation: inner.activation,
        },
    };
    let [_, down, across] = inner.kernel;
    let run = match (down, across, p.tile) {
        (1, 3, 2) => Layer::run::<F1, F2>,
        (1, 3, _) => Layer::run::<F1, F4>,
        (1, _, _) => Layer::run::<F1, F4Of5>,
        (_, _, 2) => Layer::run::<F2, F2>,
        _ => Layer::run::<F4, F4>,
    };
    run(&layer, threads, scratch, out);
}

/// [`conv1d`](crate::conv1d) by Winograd's minimal filtering: [`conv2d_winograd`] on images of one line.
///
/// # Panics
/// If a length does not fit.
#[expect(clippy::too_many_arguments, reason = "operands, as in the equation")]
pub fn conv1d_winograd(
    threads: &Threads,
    p: &WinogradConv1d,
    x: &[f32],
    weights: &[f32],
    bias: Option<&[f32]>,
    residual: Option<&[f32]>,
    scratch: &mut [f32],
    out: &mut [f32],
) {
    conv2d_winograd(threads, &p.0, x, weights, bias, residual, scratch, out);
}

impl WinogradConv1d {
    /// `conv` with tiles of `tile` elements.
    ///
    /// # Panics
    /// If the filters do not have three taps with tiles of 2 or 4, nor five with tiles of 4, or if `conv` has a stride, a
    /// dilation or groups.
    pub const fn new(conv: Conv1d, tile: usize) -> Self {
        Self(WinogradConv2d::new(Conv2d(conv.0), tile))
    }

    /// Length of the packed weights: a matrix [channels, filters] for each of the `tile + taps - 1` points.
    pub const fn weights_len(&self) -> usize {
        self.0.weights_len()
    }

    /// Length of the scratch memory: see [`WinogradConv2d::scratch_len`].
    pub const fn scratch_len(&self, batch: usize) -> usize {
        self.0.scratch_len(batch)
    }
}
