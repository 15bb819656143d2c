//! The transforms of Winograd's convolution: patches of pixels to numbers at points, and numbers at the points to tiles of
//! pixels. Between the two lies one matrix product for each point. Along each axis it is F(M, R): N = M + R - 1 pixels,
//! and as many points, for M results of R taps; F(1, 1) along an axis where the filter has one tap.
//!
//! Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, in the general form of Toom and Cook for
//! points `a`: `Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A`, where a row of `Bᵀ` has the coefficients of `Π (x - b)` over the other
//! points `b`, a column of `Aᵀ` the powers of `a`, and a row of `G` the same divided by `Π (a - b)`.

mod layer;
mod points;

use std::ops::Range;

pub(crate) use layer::{Layer, block, distance};
pub(crate) use points::{F1, F2, F4, F4Of5, Points};

use self::points::MOST;
use super::block::Block;
use super::gemm::Rows;
use super::product;
use super::threads::{SendPtr, Threads};
use super::unroll::unroll;
use crate::activation::{Activation, InRegisters, hard_swish};
use crate::simd::{Simd, WithSimd, dispatch};

/// Where the tiles of a batch of images lie: line by line, image by image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tiles {
    /// Height and width of an image.
    pub input: [usize; 2],
    /// Height and width of a result.
    pub output: [usize; 2],
    /// Zeros above and on the left.
    pub pads: [usize; 2],
    /// Tiles of an image, down and across.
    pub grid: [usize; 2],
}

impl Tiles {
    /// The image of a tile, and its line and column in the grid.
    fn position(&self, tile: usize) -> (usize, [usize; 2]) {
        let [down, across] = self.grid;
        (tile / across / down, [tile / across % down, tile % across])
    }

    /// How many images have `tiles` tiles.
    fn images(&self, tiles: usize) -> usize {
        tiles.div_ceil(product(self.grid).max(1))
    }
}

/// Below this number of transformed numbers (some 5 µs) a transform stays on one thread.
const PARALLEL_WORK: usize = 100_000;

/// The parts of `tiles` for the threads.
fn parts(threads: &Threads, tiles: usize, work: usize) -> usize {
    if threads.count() > 1 && work >= PARALLEL_WORK {
        (2 * threads.count()).min(tiles)
    } else {
        1
    }
}

/// Transforms the patches of some `tiles` of NHWC images `x` with `channels` channels: the matrix [tiles, channels] of
/// point `p` starts at `points[p * distance]`.
///
/// # Panics
/// If a length does not fit.
fn transform_input<Y: Points, X: Points>(
    threads: &Threads,
    geometry: &Tiles,
    x: &[f32],
    channels: usize,
    tiles: Range<usize>,
    points: &mut [f32],
    distance: usize,
) {
    let image = product([geometry.input[0], geometry.input[1], channels]);
    assert!(
        x.len() >= geometry.images(tiles.end).saturating_mul(image),
        "the input has {} elements, too few for {} tiles",
        x.len(),
        tiles.end
    );
    assert!(
        points.len() >= product([Y::N, X::N, distance])
            && distance >= product([tiles.len(), channels]),
        "{} transformed elements are too few for {} tiles",
        points.len(),
        tiles.len()
    );
    let count = parts(threads, tiles.len(), tiles.len() * Y::N * X::N * channels);
    let to = SendPtr(points.as_mut_ptr());
    threads.run(count, |part| {
        let first = part * tiles.len() / count;
        dispatch(Input::<Y, X> {
            geometry,
            x: x.as_ptr(),
            channels,
            tiles: tiles.start + first..tiles.start + (part + 1) * tiles.len() / count,
            points: to.get().wrapping_add(first * channels),
            distance,
            transform: std::marker::PhantomData,
        });
    });
}

/// Some tiles to transform. Made in `transform_input` only, which has checked the lengths.
struct Input<'a, Y, X> {
    geometry: &'a Tiles,
    x: *const f32,
    channels: usize,
    tiles: Range<usize>,
    points: *mut f32,
    distance: usize,
    transform: std::marker::PhantomData<(Y, X)>,
}

impl<Y: Points, X: Points> WithSimd for Input<'_, Y, X> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let Tiles { input, pads, .. } = *self.geometry;
        let line = input[1] * self.channels;
        for (row, tile) in self.tiles.clone().enumerate() {
            let (image, at) = self.geometry.position(tile);
            // The pixels of the patch that are in the image; the others are zeros.
            let [rows, columns] = [(0, Y::M, Y::N), (1, X::M, X::N)].map(|(axis, m, n)| {
                let first = at[axis] * m;
                pads[axis].saturating_sub(first).min(n)
                    ..(input[axis] + pads[axis]).saturating_sub(first).min(n)
            });
            let corner = (image * input[0] + at[0] * Y::M) * line + at[1] * X::M * self.channels;
            let x = self
                .x
                .wrapping_add(corner)
                .wrapping_sub(pads[0] * line + pads[1] * self.channels);
            let to = self.points.wrapping_add(row * self.channels);
            let whole = rows == (0..Y::N) && columns == (0..X::N);
            let mut channel = 0;
            while channel < self.channels {
                let lanes = S::LANES.min(self.channels - channel);
                let patch = Patch {
                    x: x.wrapping_add(channel),
                    line,
                    pixel: self.channels,
                    rows: &rows,
                    columns: &columns,
                    lanes,
                    points: to.wrapping_add(channel),
                    distance: self.distance,
                };
                // SAFETY: `transform_input` checked the lengths, the pixels are within the image, and no other part
                // writes these rows.
                unsafe {
                    if whole && lanes == S::LANES {
                        patch.transform::<S, Y, X, true>(s);
                    } else {
                        patch.transform::<S, Y, X, false>(s);
                    }
                }
                channel += lanes;
            }
        }
    }
}

/// A patch of a vector of channels.
struct Patch<'a> {
    /// The upper left pixel, which can be outside of the image.
    x: *const f32,
    line: usize,
    pixel: usize,
    /// What is in the image.
    rows: &'a Range<usize>,
    columns: &'a Range<usize>,
    lanes: usize,
    points: *mut f32,
    distance: usize,
}

impl Patch<'_> {
    /// Transforms the patch; with `WHOLE` all pixels are in the image, and there is a whole vector of channels.
    ///
    /// # Safety
    /// The pixels that the ranges name are valid for reads of `lanes` elements, and the points for writes.
    #[inline(always)]
    unsafe fn transform<S: Simd, Y: Points, X: Points, const WHOLE: bool>(&self, s: S) {
        let mut half = [[s.zero(); MOST]; MOST];
        // SAFETY: the caller's promise; what is outside of the ranges is not read.
        unsafe {
            unroll!(8, J, X::N, {
                let mut d = [s.zero(); MOST];
                unroll!(8, I, Y::N, {
                    let x = self.x.wrapping_add(I * self.line + J * self.pixel);
                    if WHOLE {
                        d[I] = s.load_ptr(x);
                    } else if self.rows.contains(&I) && self.columns.contains(&J) {
                        d[I] = s.load_ptr_partial(x, self.lanes);
                    }
                });
                let d = Y::input(s, d);
                unroll!(8, I, Y::N, {
                    half[I][J] = d[I];
                });
            });
            unroll!(8, I, Y::N, {
                let d = X::input(s, half[I]);
                unroll!(8, J, X::N, {
                    let to = self.points.wrapping_add((I * X::N + J) * self.distance);
                    if WHOLE {
                        s.store_ptr(d[J], to);
                    } else {
                        s.store_ptr_partial(d[J], to, self.lanes);
                    }
                });
            });
        }
    }
}

/// What follows the transform of the output.
#[derive(Clone, Copy)]
pub(crate) struct Epilogue<'a> {
    pub bias: Option<&'a [f32]>,
    /// NHWC images with the filters as channels.
    pub residual: Option<&'a [f32]>,
    /// Where the pixels lie in the output, and whether they hold a residual.
    pub rows: Rows,
    pub activation: Activation,
}

/// Checks the lengths of what [`transform_output`] reads and writes for `tiles` tiles, but for the points.
///
/// # Panics
/// If one does not fit.
fn check_output(geometry: &Tiles, filters: usize, tiles: usize, epilogue: &Epilogue, out: usize) {
    let pixels = product([geometry.images(tiles), product(geometry.output)]);
    let stride = epilogue.rows.stride(filters);
    assert!(
        out >= pixels.saturating_mul(stride),
        "the output has {} elements, too few for {} tiles",
        out,
        tiles
    );
    assert!(
        epilogue.rows.first().saturating_add(filters) <= stride,
        "{filters} columns from {} on are not within {stride}",
        epilogue.rows.first()
    );
    assert!(
        epilogue.bias.is_none_or(|bias| bias.len() == filters),
        "the bias does not have {filters} elements"
    );
    assert!(
        epilogue
            .residual
            .is_none_or(|x| x.len() >= pixels.saturating_mul(filters) && !epilogue.rows.accumulate),
        "the residual is too short, or another one is in the output"
    );
}

/// Transforms the points of some `tiles` to NHWC images `out` with `filters` channels, or to the columns that
/// `epilogue.rows` names: the matrix [tiles, filters] of point `p` starts at `points[p * distance]`.
///
/// # Safety
/// [`check_output`] accepts the operands for these tiles, and nothing else accesses their pixels in `out` meanwhile.
///
/// # Panics
/// If there are too few points.
#[expect(clippy::too_many_arguments, reason = "mirrors `transform_input`")]
unsafe fn transform_output<Y: Points, X: Points>(
    threads: &Threads,
    geometry: &Tiles,
    points: &[f32],
    distance: usize,
    filters: usize,
    tiles: Range<usize>,
    epilogue: Epilogue,
    out: *mut f32,
) {
    assert!(
        points.len() >= product([Y::N, X::N, distance])
            && distance >= product([tiles.len(), filters]),
        "{} transformed elements are too few for {} tiles",
        points.len(),
        tiles.len()
    );
    let count = parts(threads, tiles.len(), tiles.len() * Y::N * X::N * filters);
    let to = SendPtr(out);
    threads.run(count, |part| {
        let first = part * tiles.len() / count;
        dispatch(Output::<Y, X> {
            geometry,
            points: points.as_ptr().wrapping_add(first * filters),
            distance,
            filters,
            tiles: tiles.start + first..tiles.start + (part + 1) * tiles.len() / count,
            epilogue,
            out: to.get(),
            transform: std::marker::PhantomData,
        });
    });
}

/// Some tiles to transform. Made in `transform_output` only, whose caller has checked the lengths.
struct Output<'a, Y, X> {
    geometry: &'a Tiles,
    points: *const f32,
    distance: usize,
    filters: usize,
    tiles: Range<usize>,
    epilogue: Epilogue<'a>,
    out: *mut f32,
    transform: std::marker::PhantomData<(Y, X)>,
}

impl<Y: Points, X: Points> WithSimd for Output<'_, Y, X> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let output = self.geometry.output;
        let Epilogue {
            bias,
            residual,
            rows: place,
            activation,
        } = self.epilogue;
        let pixel = place.stride(self.filters);
        let out = self.out.wrapping_add(place.first());
        let (residual, residual_pixel) = match residual {
            Some(residual) => (residual.as_ptr(), self.filters),
            None if place.accumulate => (out.cast_const(), pixel),
            None => (std::ptr::null(), 0),
        };
        let InRegisters {
            low,
            high,
            hard_swish,
            rest,
        } = activation.in_registers();
        for (row, tile) in self.tiles.clone().enumerate() {
            let (image, at) = self.geometry.position(tile);
            let rows = Y::M.min(output[0] - at[0] * Y::M);
            let columns = X::M.min(output[1] - at[1] * X::M);
            let corner = (image * output[0] + at[0] * Y::M) * output[1] + at[1] * X::M;
            let from = self.points.wrapping_add(row * self.filters);
            let mut filter = 0;
            while filter < self.filters {
                let lanes = S::LANES.min(self.filters - filter);
                let tile = Tile {
                    points: from.wrapping_add(filter),
                    distance: self.distance,
                    bias: bias.map_or(std::ptr::null(), |x| x.as_ptr().wrapping_add(filter)),
                    residual: if residual.is_null() {
                        residual
                    } else {
                        residual.wrapping_add(corner * residual_pixel + filter)
                    },
                    residual_pixel,
                    out: out.wrapping_add(corner * pixel + filter),
                    pixel,
                    width: output[1],
                    rows,
                    columns,
                    lanes,
                    low,
                    high,
                    hard_swish,
                };
                // SAFETY: `check_output` accepted the lengths, the pixels are within the image, and no other part
                // writes them.
                unsafe {
                    if rows == Y::M && columns == X::M && lanes == S::LANES {
                        tile.transform::<S, Y, X, true>(s);
                    } else {
                        tile.transform::<S, Y, X, false>(s);
                    }
                }
                filter += lanes;
            }
            if rest {
                for row in 0..rows {
                    let first = out.wrapping_add((corner + row * output[1]) * pixel);
                    // SAFETY: the tile's pixels were just written, and belong to this part.
                    let line = unsafe { Block::new(first, columns, pixel, self.filters) };
                    activation.apply_block(line);
                }
            }
        }
    }
}

/// A tile of a vector of filters.
struct Tile {
    points: *const f32,
    distance: usize,
    /// Null for none.
    bias: *const f32,
    /// At the upper left pixel, or null for none.
    residual: *const f32,
    /// The distance of two pixels of the residual.
    residual_pixel: usize,
    /// The upper left pixel.
    out: *mut f32,
    /// The distance of two pixels of the output.
    pixel: usize,
    /// Pixels of a line.
    width: usize,
    /// What is in the image.
    rows: usize,
    columns: usize,
    lanes: usize,
    low: f32,
    high: f32,
    hard_swish: bool,
}

impl Tile {
    /// Transforms the tile; with `WHOLE` all pixels are in the image, and there is a whole vector of filters.
    ///
    /// # Safety
    /// The points and the operands of the epilogue are valid for reads of `lanes` elements, the pixels for writes.
    #[inline(always)]
    unsafe fn transform<S: Simd, Y: Points, X: Points, const WHOLE: bool>(&self, s: S) {
        // SAFETY: the caller's promise; what is outside of the image is neither read nor written.
        unsafe {
            let load = |x: *const f32| {
                if WHOLE {
                    s.load_ptr(x)
                } else {
                    s.load_ptr_partial(x, self.lanes)
                }
            };
            let mut half = [[s.zero(); MOST]; MOST];
            unroll!(8, J, X::N, {
                let mut m = [s.zero(); MOST];
                unroll!(8, I, Y::N, {
                    m[I] = load(self.points.wrapping_add((I * X::N + J) * self.distance));
                });
                let m = Y::output(s, m);
                unroll!(8, I, Y::M, {
                    half[I][J] = m[I];
                });
            });
            let bias = if self.bias.is_null() {
                s.zero()
            } else {
                load(self.bias)
            };
            let (low, high) = (s.splat(self.low), s.splat(self.high));
            unroll!(8, I, Y::M, {
                let y = X::output(s, half[I]);
                unroll!(8, J, X::M, {
                    if WHOLE || (I < self.rows && J < self.columns) {
                        let at = I * self.width + J;
                        let out = self.out.add(at * self.pixel);
                        let mut y = y[J] + bias;
                        if !self.residual.is_null() {
                            y = y + load(self.residual.add(at * self.residual_pixel));
                        }
                        y = s.min(high, s.max(low, y));
                        if self.hard_swish {
                            y = hard_swish(s, y);
                        }
                        if WHOLE {
                            s.store_ptr(y, out);
                        } else {
                            s.store_ptr_partial(y, out, self.lanes);
                        }
                    }
                });
            });
        }
    }
}
