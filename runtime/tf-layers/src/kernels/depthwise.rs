//! Depthwise convolution: every channel with its own filter, so a load of a pixel serves the taps of one vector of
//! channels only.
//!
//! A tile is some output pixels of a line times one vector of channels. Each input column is loaded once for a line of
//! the filter, and its taps are unrolled; columns outside of the image are left out, so that no padded copy is needed.
//! With registers enough, a tile has two lines of output pixels, as their filters share most lines.
//! Neighbouring vectors of channels form a block, whose pixels and weights are on neighbouring cache lines.

use std::ops::Range;

use super::block::Block;
use super::grid::Grid;
use super::product;
use super::threads::{SendPtr, Threads};
use super::unroll::unroll;
use crate::activation::{Activation, hard_swish};
use crate::simd::{Isa, Simd, WithSimd, dispatch};

/// A depthwise convolution of `batch` NHWC images; `out` has `channels * multiplier` channels.
pub(crate) struct Depthwise<'a> {
    pub x: &'a [f32],
    pub weights: &'a [f32],
    pub bias: Option<&'a [f32]>,
    pub activation: Activation,
    pub batch: usize,
    /// Height and width.
    pub input: [usize; 2],
    pub output: [usize; 2],
    pub kernel: [usize; 2],
    pub strides: [usize; 2],
    pub dilations: [usize; 2],
    /// Top and left.
    pub pads: [usize; 2],
    pub channels: usize,
    pub multiplier: usize,
}

/// Channels of a block: four cache lines.
const BLOCK: usize = 64;
/// Below this number of multiply-adds (some 5 µs) a layer stays on one thread.
const PARALLEL_WORK: usize = 100_000;
/// Parts for each thread: more than one, so that a thread that is late leaves some to the others.
const PARTS_PER_THREAD: usize = 2;

impl Depthwise<'_> {
    fn out_channels(&self) -> usize {
        self.channels.saturating_mul(self.multiplier)
    }

    /// Computes the convolution.
    ///
    /// # Panics
    /// If a slice is too short or too long.
    pub(crate) fn run(&self, threads: &Threads, out: &mut [f32]) {
        let [height, width] = self.input;
        let [out_height, out_width] = self.output;
        let channels = self.out_channels();
        let image_in = product([height, width, self.channels]);
        let image_out = product([out_height, out_width, channels]);
        let taps = product(self.kernel);
        assert_eq!(
            self.x.len(),
            self.batch.saturating_mul(image_in),
            "the input is not {} images of {image_in} elements",
            self.batch
        );
        assert_eq!(
            out.len(),
            self.batch.saturating_mul(image_out),
            "the output is not {} images of {image_out} elements",
            self.batch
        );
        assert_eq!(
            self.weights.len(),
            taps.saturating_mul(channels),
            "the weights are not [{taps}, {channels}]"
        );
        if let Some(bias) = self.bias {
            assert_eq!(
                bias.len(),
                channels,
                "the bias does not have {channels} elements"
            );
        }
        if out.is_empty() {
            return;
        }
        let blocks = channels.div_ceil(BLOCK);
        let count = threads.count();
        let wanted = if count > 1 && out.len() * taps >= PARALLEL_WORK {
            PARTS_PER_THREAD * count
        } else {
            1
        };
        // Lines first, as the layers before and behind are cut.
        let grid = Grid::new(self.batch * out_height, blocks, wanted);
        let out = SendPtr(out.as_mut_ptr());
        threads.run(grid.parts(), |part| {
            for (mut lines, blocks) in grid.part(part) {
                while !lines.is_empty() {
                    let (image, first) = (lines.start / out_height, lines.start % out_height);
                    let end = out_height.min(first + lines.len());
                    for block in blocks.clone() {
                        dispatch(Part {
                            layer: self,
                            x: self.x[image * image_in..].as_ptr(),
                            out: out.get().wrapping_add(image * image_out),
                            lines: first..end,
                            channels: block * BLOCK..channels.min((block + 1) * BLOCK),
                        });
                    }
                    lines.start += end - first;
                }
            }
        });
    }
}

/// Some lines of a block of channels of an image. Made in `Depthwise::run` only, which has checked the lengths.
struct Part<'a> {
    layer: &'a Depthwise<'a>,
    x: *const f32,
    out: *mut f32,
    lines: Range<usize>,
    channels: Range<usize>,
}

impl WithSimd for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let layer = self.layer;
        // The portable code has no registers to spare for unrolled taps.
        if const { matches!(S::ISA, Isa::Portable) } {
            // SAFETY: `Depthwise::run` checked the lengths, and its parts are disjoint.
            return unsafe { self.lines::<S, General>(s) };
        }
        let plain = layer.dilations[1] == 1 && layer.multiplier == 1;
        // Tiles of seven pixels suit the sizes of ImageNet's networks; four leave less over of other widths.
        let width = layer.output[1];
        let wide = width.next_multiple_of(7) <= width.next_multiple_of(4) + width / 7;
        // Nine taps and fourteen sums.
        let registers = const { matches!(S::ISA, Isa::Avx512 | Isa::Neon) };
        let pairs =
            registers && layer.kernel[0] == 3 && layer.strides[0] == 1 && layer.dilations[0] == 1;
        // SAFETY: as above.
        unsafe {
            match (plain, layer.kernel[1], layer.strides[1], wide) {
                (true, 3, 1, true) if pairs => self.lines::<S, Pair<7>>(s),
                (true, 3, 1, false) if pairs => self.lines::<S, Pair<4>>(s),
                (true, 3, 1, true) => self.lines::<S, Unrolled<3, 1, 7>>(s),
                (true, 3, 1, false) => self.lines::<S, Unrolled<3, 1, 4>>(s),
                (true, 3, 2, _) => self.lines::<S, Unrolled<3, 2, 4>>(s),
                (true, 5, 1, _) => self.lines::<S, Unrolled<5, 1, 7>>(s),
                (true, 5, 2, _) => self.lines::<S, Unrolled<5, 2, 4>>(s),
                (true, 7, 1, _) => self.lines::<S, Unrolled<7, 1, 7>>(s),
                _ => self.lines::<S, General>(s),
            }
        }
    }
}

/// Pixels of a line, and the first vector of channels.
struct Tile<'a> {
    layer: &'a Depthwise<'a>,
    /// The first line of the image under the filter, column zero, first channel.
    x: *const f32,
    /// The lines within the image, of those under the filters of all lines of the tile.
    lines: Range<usize>,
    /// The weights of the first of them, at the channel.
    weights: *const f32,
    /// Bias at the channel, or null.
    bias: *const f32,
    /// Output channel, for the channel multiplier.
    channel: usize,
    /// The column under the first tap of the first pixel; negative in the padding.
    column: isize,
    /// The first pixel.
    out: *mut f32,
    /// Pixels that exist, at most the width of the tile.
    pixels: usize,
    /// Channels that exist, at most the lanes of a vector.
    lanes: usize,
    low: f32,
    high: f32,
    hard_swish: bool,
}

/// How a tile is computed.
trait Body {
    /// Pixels of a line of a tile.
    const WIDTH: usize;
    /// Lines of a tile.
    const LINES: usize = 1;
    /// What computes the lines that are left over.
    type Rest: Body;

    /// Computes a tile; with `WHOLE` all columns are within the image, and all pixels and channels exist.
    ///
    /// # Safety
    /// The pointers are to elements as `Tile` describes them.
    unsafe fn tile<S: Simd, const WHOLE: bool, const VECTOR: bool>(s: S, t: &Tile);
}

impl Part<'_> {
    /// Computes the part, tile by tile.
    ///
    /// # Safety
    /// The layer's lengths are checked, and no other thread writes these channels of these lines.
    #[inline(always)]
    unsafe fn lines<S: Simd, B: Body>(&self, s: S) {
        let Range { start, end } = self.lines;
        let left = end - (end - start) % B::LINES;
        // SAFETY: the caller's promise.
        unsafe {
            self.tiles::<S, B>(s, start..left);
            if const { B::LINES > 1 } {
                self.tiles::<S, B::Rest>(s, left..end);
            }
        }
    }

    /// Computes some lines of the part, a multiple of those of a tile.
    ///
    /// # Safety
    /// As for [`Part::lines`].
    #[inline(always)]
    unsafe fn tiles<S: Simd, B: Body>(&self, s: S, lines: Range<usize>) {
        let layer = self.layer;
        let [height, width] = layer.input.map(|size| size as isize);
        let (in_channels, channels) = (layer.channels, layer.out_channels());
        let out_width = layer.output[1];
        let (low, high) = layer.activation.as_clamp().unwrap_or(Activation::UNBOUNDED);
        let hard_swish = layer.activation == Activation::HardSwish;
        // What the tile does not compute in registers.
        let rest = !hard_swish && layer.activation.as_clamp().is_none();
        let span = ((B::WIDTH - 1) * layer.strides[1]
            + (layer.kernel[1] - 1) * layer.dilations[1]
            + 1) as isize;
        let window = layer.kernel[0] + B::LINES - 1;
        for y in lines.step_by(B::LINES) {
            let top = (y * layer.strides[0]) as isize - layer.pads[0] as isize;
            let dilation = layer.dilations[0] as isize;
            // Lines `first..end` of those under the filter are within the image.
            let first = if top < 0 {
                (-top + dilation - 1) / dilation
            } else {
                0
            };
            let end = ((height - top + dilation - 1) / dilation)
                .clamp(first, (window as isize).max(first));
            let line = (top + first * dilation) * width * in_channels as isize;
            let tap = first as usize * layer.kernel[1] * channels;
            for left in (0..out_width).step_by(B::WIDTH) {
                let column = (left * layer.strides[1]) as isize - layer.pads[1] as isize;
                let pixels = B::WIDTH.min(out_width - left);
                let inside = pixels == B::WIDTH && column >= 0 && column + span <= width;
                let out = (y * out_width + left) * channels;
                for channel in self.channels.clone().step_by(S::LANES) {
                    let tile = Tile {
                        layer,
                        x: self
                            .x
                            .wrapping_offset(line)
                            .wrapping_add(channel / layer.multiplier),
                        lines: first as usize..end as usize,
                        weights: layer.weights.as_ptr().wrapping_add(tap + channel),
                        bias: layer
                            .bias
                            .map_or(std::ptr::null(), |bias| bias.as_ptr().wrapping_add(channel)),
                        channel,
                        column,
                        out: self.out.wrapping_add(out + channel),
                        pixels,
                        lanes: S::LANES.min(channels - channel),
                        low,
                        high,
                        hard_swish,
                    };
                    let half = S::Half::LANES < S::LANES && tile.lanes <= S::Half::LANES;
                    // SAFETY: the lines, columns and channels are within the tensors, whose lengths are checked.
                    unsafe {
                        if half {
                            tile.run::<S::Half, B>(s.half(), inside);
                        } else {
                            tile.run::<S, B>(s, inside);
                        }
                    }
                }
            }
            if rest {
                let first = y * out_width * channels + self.channels.start;
                let first = self.out.wrapping_add(first);
                let pixels = B::LINES * out_width;
                // SAFETY: these channels of these lines were just written, and belong to this part.
                let lines = unsafe { Block::new(first, pixels, channels, self.channels.len()) };
                layer.activation.apply_block(lines);
            }
        }
    }
}

impl Tile<'_> {
    /// Computes the tile; `inside` is that its columns are within the image and all of its pixels exist.
    ///
    /// # Safety
    /// The pointers are to elements as the tile describes them.
    #[inline(always)]
    unsafe fn run<S: Simd, B: Body>(&self, s: S, inside: bool) {
        // SAFETY: the caller's promise.
        unsafe {
            match (inside, self.lanes == S::LANES) {
                (true, true) => B::tile::<S, true, true>(s, self),
                (false, true) => B::tile::<S, false, true>(s, self),
                (_, false) => B::tile::<S, false, false>(s, self),
            }
        }
    }

    /// # Safety
    /// `lanes` elements at `x` are valid for reads.
    #[inline(always)]
    unsafe fn load<S: Simd, const VECTOR: bool>(&self, s: S, x: *const f32) -> S::F32 {
        // SAFETY: the caller's promise; with `VECTOR` there are as many as in a vector.
        unsafe {
            if VECTOR {
                s.load_ptr(x)
            } else {
                s.load_ptr_partial(x, self.lanes)
            }
        }
    }

    /// # Safety
    /// The bias is null or has `lanes` elements.
    #[inline(always)]
    unsafe fn seed<S: Simd, const VECTOR: bool>(&self, s: S) -> S::F32 {
        if self.bias.is_null() {
            return s.zero();
        }
        // SAFETY: the caller's promise.
        unsafe { self.load::<S, VECTOR>(s, self.bias) }
    }

    /// Writes pixel `index`.
    ///
    /// # Safety
    /// The pixel exists.
    #[inline(always)]
    unsafe fn store<S: Simd, const VECTOR: bool>(&self, s: S, index: usize, y: S::F32) {
        let mut y = s.min(s.splat(self.high), s.max(s.splat(self.low), y));
        if self.hard_swish {
            y = hard_swish(s, y);
        }
        // SAFETY: the pixel's `lanes` channels exist.
        unsafe {
            let out = self.out.add(index * self.layer.out_channels());
            if VECTOR {
                s.store_ptr(y, out)
            } else {
                s.store_ptr_partial(y, out, self.lanes)
            }
        }
    }
}

/// `K` taps in a line, a stride of `STRIDE`, `WIDTH` pixels; no dilation, no channel multiplier.
struct Unrolled<const K: usize, const STRIDE: usize, const WIDTH: usize>;

/// The pixel for which a column is under a tap, `usize::MAX` for none.
const fn pixel_of(column: usize, tap: usize, stride: usize) -> usize {
    if column >= tap && (column - tap).is_multiple_of(stride) {
        (column - tap) / stride
    } else {
        usize::MAX
    }
}

/// Of a 3x3 filter, the index of the tap in column `tap` that is over a line of the image for a line of the tile,
/// `usize::MAX` for none.
const fn tap_of(line: usize, out: usize, tap: usize) -> usize {
    if line >= out && line - out < 3 {
        (line - out) * 3 + tap
    } else {
        usize::MAX
    }
}

impl<const K: usize, const STRIDE: usize, const WIDTH: usize> Body for Unrolled<K, STRIDE, WIDTH> {
    const WIDTH: usize = WIDTH;
    type Rest = Self;

    #[inline(always)]
    unsafe fn tile<S: Simd, const WHOLE: bool, const VECTOR: bool>(s: S, t: &Tile) {
        let layer = t.layer;
        let channels = layer.channels;
        let width = layer.input[1] as isize;
        // Columns within the image.
        let columns = if WHOLE {
            0..width
        } else {
            -t.column..width - t.column
        };
        // SAFETY: the columns are within the image, the taps within the filter, the pixels are those that exist.
        unsafe {
            let mut acc = [t.seed::<S, VECTOR>(s); WIDTH];
            let mut line = t.x.wrapping_offset(t.column * channels as isize);
            let mut weights = t.weights;
            for _ in 0..t.lines.len() {
                let mut taps = [s.zero(); K];
                unroll!(8, TAP, K, {
                    taps[TAP] = t.load::<S, VECTOR>(s, weights.add(TAP * channels));
                });
                unroll!(14, COLUMN, (WIDTH - 1) * STRIDE + K, {
                    if WHOLE || columns.contains(&(COLUMN as isize)) {
                        let x = t.load::<S, VECTOR>(s, line.wrapping_add(COLUMN * channels));
                        unroll!(8, TAP, K, {
                            if const { pixel_of(COLUMN, TAP, STRIDE) < WIDTH } {
                                let pixel = const { pixel_of(COLUMN, TAP, STRIDE) };
                                acc[pixel] = s.mul_add(x, taps[TAP], acc[pixel]);
                            }
                        });
                    }
                });
                line = line.wrapping_add(layer.dilations[0] * layer.input[1] * channels);
                weights = weights.wrapping_add(K * channels);
            }
            unroll!(8, PIXEL, WIDTH, {
                if WHOLE || PIXEL < t.pixels {
                    t.store::<S, VECTOR>(s, PIXEL, acc[PIXEL]);
                }
            });
        }
    }
}

/// Two lines of `WIDTH` pixels of a 3x3 filter; no stride, no dilation, no channel multiplier.
struct Pair<const WIDTH: usize>;

impl<const WIDTH: usize> Body for Pair<WIDTH> {
    const WIDTH: usize = WIDTH;
    const LINES: usize = 2;
    type Rest = Unrolled<3, 1, WIDTH>;

    #[inline(always)]
    unsafe fn tile<S: Simd, const WHOLE: bool, const VECTOR: bool>(s: S, t: &Tile) {
        let channels = t.layer.channels;
        let width = t.layer.input[1] as isize;
        // Columns within the image.
        let columns = if WHOLE {
            0..width
        } else {
            -t.column..width - t.column
        };
        // SAFETY: the lines and columns are within the image, the taps within the filter, the pixels are those that exist.
        unsafe {
            let mut acc = [[t.seed::<S, VECTOR>(s); WIDTH]; 2];
            let above = t.lines.start;
            let weights = t.weights.wrapping_sub(above * 3 * channels);
            let mut taps = [s.zero(); 9];
            unroll!([0 1 2 3 4 5 6 7 8], TAP, {
                taps[TAP] = t.load::<S, VECTOR>(s, weights.add(TAP * channels));
            });
            let first = t.x.wrapping_sub(above * t.layer.input[1] * channels);
            let first = first.wrapping_offset(t.column * channels as isize);
            unroll!([0 1 2 3], LINE, {
                if t.lines.contains(&LINE) {
                    let line = first.wrapping_add(LINE * t.layer.input[1] * channels);
                    unroll!(14, COLUMN, WIDTH + 2, {
                        if WHOLE || columns.contains(&(COLUMN as isize)) {
                            let x = t.load::<S, VECTOR>(s, line.wrapping_add(COLUMN * channels));
                            unroll!([0 1], OUT, {
                                unroll!([0 1 2], TAP, {
                                    let (tap, pixel) =
                                        const { (tap_of(LINE, OUT, TAP), pixel_of(COLUMN, TAP, 1)) };
                                    if tap < 9 && pixel < WIDTH {
                                        acc[OUT][pixel] = s.mul_add(x, taps[tap], acc[OUT][pixel]);
                                    }
                                });
                            });
                        }
                    });
                }
            });
            unroll!([0 1], OUT, {
                unroll!(8, PIXEL, WIDTH, {
                    if WHOLE || PIXEL < t.pixels {
                        let index = OUT * t.layer.output[1] + PIXEL;
                        t.store::<S, VECTOR>(s, index, acc[OUT][PIXEL]);
                    }
                });
            });
        }
    }
}

/// Any size, stride, dilation and channel multiplier.
struct General;

impl Body for General {
    const WIDTH: usize = 4;
    type Rest = Self;

    #[inline(always)]
    unsafe fn tile<S: Simd, const WHOLE: bool, const VECTOR: bool>(s: S, t: &Tile) {
        let layer = t.layer;
        let channels = layer.channels;
        let width = layer.input[1] as isize;
        // SAFETY: the columns are within the image, the taps within the filter, the pixels are those that exist.
        unsafe {
            let mut acc = [t.seed::<S, VECTOR>(s); 4];
            let mut line = t.x;
            let mut weights = t.weights;
            for _ in 0..t.lines.len() {
                for tap in 0..layer.kernel[1] {
                    let w = t.load::<S, VECTOR>(s, weights);
                    weights = weights.wrapping_add(layer.out_channels());
                    unroll!(4, PIXEL, 4, {
                        let offset = PIXEL * layer.strides[1] + tap * layer.dilations[1];
                        let column = t.column + offset as isize;
                        if WHOLE || (PIXEL < t.pixels && (0..width).contains(&column)) {
                            let x = line.wrapping_offset(column * channels as isize);
                            let x = if layer.multiplier == 1 {
                                t.load::<S, VECTOR>(s, x)
                            } else {
                                repeated(s, t, x)
                            };
                            acc[PIXEL] = s.mul_add(x, w, acc[PIXEL]);
                        }
                    });
                }
                line = line.wrapping_add(layer.dilations[0] * layer.input[1] * channels);
            }
            unroll!(4, PIXEL, 4, {
                if WHOLE || PIXEL < t.pixels {
                    t.store::<S, VECTOR>(s, PIXEL, acc[PIXEL]);
                }
            });
        }
    }
}

/// The input channels of a vector of output channels, each repeated as the channel multiplier asks.
///
/// # Safety
/// `x` points to the input channel of the tile's first output channel.
#[inline(always)]
unsafe fn repeated<S: Simd>(s: S, t: &Tile, x: *const f32) -> S::F32 {
    let multiplier = t.layer.multiplier;
    let mut lanes = [0.0; 16];
    for (lane, value) in lanes[..t.lanes].iter_mut().enumerate() {
        // SAFETY: the tile's output channels exist, and so do their input channels.
        *value = unsafe { *x.add((t.channel % multiplier + lane) / multiplier) };
    }
    s.load(&lanes)
}
