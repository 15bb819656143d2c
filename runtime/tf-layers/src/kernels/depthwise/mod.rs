//! Depthwise convolution: every channel with its own filter, so a load of a pixel serves the taps of one vector of
//! channels only.
//!
//! A tile is some output pixels of a line times one vector of channels. Each input column is loaded once for a line of
//! the filter, and its taps are unrolled; columns outside of the image are left out, so that no padded copy is needed.
//! With registers enough, a tile has two lines of output pixels: their filters share most lines, and sums of one line are
//! too few to hide the latency of a multiply-add. The last tile of a line overlaps the one before rather than being narrower;
//! what both compute has the same bits.
//! Neighbouring vectors of channels form a block, whose pixels and weights are on neighbouring cache lines.

mod bodies;

use std::marker::PhantomData;
use std::ops::Range;

use bodies::{General, Pair, Single};

use super::block::Block;
use super::grid::Grid;
use super::product;
use super::threads::{SendPtr, Threads};
use super::tile::PANEL;
use super::unroll::unroll;
use crate::activation::{Activation, InRegisters, hard_swish};
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

/// Channels of a block, at most. The core fetches neighbouring cache lines ahead, so that a block is many of them: with 64
/// channels layers take 1.04 to 1.2 times as long on Redwood Cove.
const BLOCK: usize = 256;
/// Below this number of multiply-adds (some 5 µs) a layer stays on one thread.
const PARALLEL_WORK: usize = 100_000;
/// A thread's lines are two parts, so that one that is late leaves the second to the others. The first is one in so many of
/// its lines: a thread that is on time has then begun the second before others are done. What another one computes has to go
/// there from this one's cache, and back in the next layer, which takes as long as the work.
const FIRST_PART: usize = 4;

impl Depthwise<'_> {
    fn out_channels(&self) -> usize {
        self.channels.saturating_mul(self.multiplier)
    }

    /// The input channel of an output channel.
    #[inline(always)]
    fn x_channel(&self, channel: usize) -> usize {
        match self.multiplier {
            1 => channel,
            multiplier => channel / multiplier,
        }
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
        let block = channels.div_ceil(blocks).next_multiple_of(PANEL);
        let blocks = channels.div_ceil(block);
        let (workers, parts) = match threads.count() {
            count if count > 1 && out.len() * taps >= PARALLEL_WORK => (count, 2),
            _ => (1, 1),
        };
        // Lines first, as the layers before and behind are cut: exactly where they are, if all threads have as many, else two
        // together, as tiles have two.
        let exact = (self.batch * out_height).is_multiple_of(workers);
        let together = if exact { 1 } else { 2 };
        let units = out_height.div_ceil(together);
        let grid = Grid::new(self.batch * units, blocks, workers);
        let out = SendPtr(out.as_mut_ptr());
        threads.run(grid.parts() * parts, |index| {
            for (of_thread, blocks) in grid.part(index / parts) {
                let first = (of_thread.len() / FIRST_PART)
                    .max(1)
                    .next_multiple_of(2 / together);
                let middle = of_thread.start + first.min(of_thread.len());
                let mut of_part = match index % parts {
                    _ if parts == 1 => of_thread,
                    0 => of_thread.start..middle,
                    _ => middle..of_thread.end,
                };
                while !of_part.is_empty() {
                    let (image, first) = (of_part.start / units, of_part.start % units);
                    let end = units.min(first + of_part.len());
                    for index in blocks.clone() {
                        dispatch(Part {
                            layer: self,
                            x: self.x[image * image_in..].as_ptr(),
                            out: out.get().wrapping_add(image * image_out),
                            lines: first * together..out_height.min(end * together),
                            channels: index * block..channels.min((index + 1) * block),
                        });
                    }
                    of_part.start += end - first;
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
    fn call<S: Simd>(self, _: S) {
        let layer = self.layer;
        // The portable code has no registers to spare for unrolled taps.
        if const { matches!(S::ISA, Isa::Portable) } {
            // SAFETY: `Depthwise::run` checked the lengths, and its parts are disjoint.
            return unsafe { self.lines::<S, General>() };
        }
        let plain = layer.dilations[1] == 1 && layer.multiplier == 1;
        // Tiles of seven pixels suit the sizes of ImageNet's networks; four leave less over of other widths.
        let width = layer.output[1];
        let wide = width.next_multiple_of(7) <= width.next_multiple_of(4) + width / 7;
        // Two rows of five taps and fourteen sums.
        let registers = const { matches!(S::ISA, Isa::Avx512 | Isa::Neon) };
        let square = layer.kernel[0] == layer.kernel[1] && layer.strides[0] == layer.strides[1];
        let pairs = registers && square && layer.dilations[0] == 1;
        // SAFETY: as above.
        unsafe {
            match (layer.kernel[1], layer.strides[1], wide) {
                _ if !plain => self.lines::<S, General>(),
                (3, 1, true) if pairs => self.lines::<S, Pair<3, 1, 7>>(),
                (3, 1, false) if pairs => self.lines::<S, Pair<3, 1, 4>>(),
                (3, 2, true) if pairs => self.lines::<S, Pair<3, 2, 7>>(),
                (3, 2, false) if pairs => self.lines::<S, Pair<3, 2, 4>>(),
                (5, 1, true) if pairs => self.lines::<S, Pair<5, 1, 7>>(),
                (5, 1, false) if pairs => self.lines::<S, Pair<5, 1, 4>>(),
                (5, 2, true) if pairs => self.lines::<S, Pair<5, 2, 7>>(),
                (5, 2, false) if pairs => self.lines::<S, Pair<5, 2, 4>>(),
                (3, 1, true) => self.lines::<S, Single<3, 1, 7>>(),
                (3, 1, false) => self.lines::<S, Single<3, 1, 4>>(),
                (3, 2, _) => self.lines::<S, Single<3, 2, 4>>(),
                (5, 1, _) => self.lines::<S, Single<5, 1, 7>>(),
                (5, 2, _) => self.lines::<S, Single<5, 2, 4>>(),
                (7, 1, _) => self.lines::<S, Single<7, 1, 7>>(),
                _ => self.lines::<S, General>(),
            }
        }
    }
}

/// Pixels of a line, and the first vector of channels.
///
/// The distances are the same for all tiles. They are copies, which the compiler keeps in registers: in a tile of few taps,
/// what it derives from the layer each time takes as long as the taps.
#[derive(Clone)]
struct Tile<'a> {
    layer: &'a Depthwise<'a>,
    /// How many tiles there are, one beside the other.
    count: usize,
    /// Elements from one pixel of the input to the next, from one line under the filter to the next, and from one pixel
    /// of the output, or one tap of the weights, to the next.
    x_pixel: usize,
    x_line: usize,
    pixel: usize,
    /// The first line under the filter, column zero, first channel: it may be outside of the image.
    x: *const f32,
    /// The lines within the image, of those under the filters of all lines of the tile.
    lines: Range<usize>,
    /// The first tap at the channel.
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
    /// Channels that exist: of all vectors, or of the one that is computed.
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
    /// So many columns on each side are looked at whether they are within the image, in a tile that has all pixels.
    const BORDER: usize;
    /// What computes the lines that are left over, and the tiles that are not whole.
    type Rest: Body;

    /// Computes a tile; with `WHOLE` all pixels and channels exist and no columns but the border's are outside of the
    /// image, with `INNER` not even these.
    ///
    /// # Safety
    /// The pointers are to elements as `Tile` describes them.
    unsafe fn tile<S: Simd, const WHOLE: bool, const INNER: bool>(s: S, t: &Tile);
}

impl Part<'_> {
    /// Computes the part, tile by tile.
    ///
    /// # Safety
    /// The layer's lengths are checked, and no other thread writes these channels of these lines.
    #[inline(always)]
    unsafe fn lines<S: Simd, B: Body>(&self) {
        let Range { start, end } = self.lines;
        let left = end - (end - start) % B::LINES;
        // SAFETY: the caller's promise.
        unsafe {
            self.tiles::<S, B>(start..left);
            if const { B::LINES > 1 } {
                self.tiles::<S, B::Rest>(left..end);
            }
        }
    }

    /// Computes some lines of the part, a multiple of those of a tile.
    ///
    /// # Safety
    /// As for [`Part::lines`].
    #[inline(always)]
    unsafe fn tiles<S: Simd, B: Body>(&self, lines: Range<usize>) {
        let layer = self.layer;
        let [height, width] = layer.input.map(|size| size as isize);
        let (in_channels, channels) = (layer.channels, layer.out_channels());
        let x_line = layer.dilations[0] * layer.input[1] * in_channels;
        let out_width = layer.output[1];
        let InRegisters {
            low,
            high,
            hard_swish,
            rest,
        } = layer.activation.in_registers();
        let span = ((B::WIDTH - 1) * layer.strides[1]
            + (layer.kernel[1] - 1) * layer.dilations[1]
            + 1) as isize;
        let window = layer.kernel[0] + (B::LINES - 1) * layer.strides[0];
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
            let line = self.x.wrapping_offset(top * width * in_channels as isize);
            let mut left = 0;
            while left < out_width {
                // The last one overlaps the one before if it can.
                let begin = left.min(out_width.saturating_sub(B::WIDTH));
                let column = (begin * layer.strides[1]) as isize - layer.pads[1] as isize;
                let pixels = B::WIDTH.min(out_width);
                let outside = (-column).max(column + span - width);
                let whole = pixels == B::WIDTH && outside <= B::BORDER as isize;
                let inner = whole && outside <= 0;
                // Those that follow within the image.
                let more = if inner {
                    let columns = (width - span - column) as usize / (B::WIDTH * layer.strides[1]);
                    columns.min((out_width - begin) / B::WIDTH - 1)
                } else {
                    0
                };
                let channel = self.channels.start;
                let out = (y * out_width + begin) * channels + channel;
                let tile = Tile {
                    layer,
                    count: 1 + more,
                    x_pixel: in_channels,
                    x_line,
                    pixel: channels,
                    x: line.wrapping_add(layer.x_channel(channel)),
                    lines: first as usize..end as usize,
                    weights: layer.weights.as_ptr().wrapping_add(channel),
                    bias: layer
                        .bias
                        .map_or(std::ptr::null(), |bias| bias.as_ptr().wrapping_add(channel)),
                    channel,
                    column,
                    out: self.out.wrapping_add(out),
                    pixels,
                    lanes: self.channels.len(),
                    low,
                    high,
                    hard_swish,
                };
                // SAFETY: the lines, columns and channels are within the tensors, whose lengths are checked.
                unsafe {
                    match (whole, inner) {
                        (true, true) => along_channels::<S, B, true>(&tile),
                        (true, false) => along_channels::<S, B, false>(&tile),
                        (false, _) => line_by_line::<S, B>(&tile),
                    }
                }
                left += (1 + more) * B::WIDTH;
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

/// Computes whole tiles for each vector of their channels, in code of its own, so that what one kind of tile needs takes no
/// registers from the others.
///
/// # Safety
/// As for [`Body::tile`], and the machine has the instruction set.
#[inline(never)]
unsafe fn along_channels<S: Simd, B: Body, const INNER: bool>(tile: &Tile) {
    // SAFETY: the caller's promise.
    unsafe { S::enter(AlongChannels::<B, INNER>(tile, PhantomData)) }
}

/// Made in `along_channels` only.
struct AlongChannels<'a, B, const INNER: bool>(&'a Tile<'a>, PhantomData<B>);

impl<B: Body, const INNER: bool> WithSimd for AlongChannels<'_, B, INNER> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let mut first = self.0.clone();
        for _ in 0..first.count {
            let mut tile = first.clone();
            let mut left = tile.lanes;
            // SAFETY: the promise of `along_channels`'s caller.
            unsafe {
                tile.lanes = S::LANES;
                while left >= S::LANES {
                    B::tile::<S, true, INNER>(s, &tile);
                    tile.advance(S::LANES);
                    left -= S::LANES;
                }
                if S::Half::LANES < S::LANES && left >= S::Half::LANES {
                    tile.lanes = S::Half::LANES;
                    B::tile::<S::Half, true, INNER>(s.half(), &tile);
                    tile.advance(S::Half::LANES);
                    left -= S::Half::LANES;
                }
                if left > 0 {
                    tile.lanes = left;
                    line_by_line::<S, B>(&tile);
                }
            }
            let columns = B::WIDTH * first.layer.strides[1];
            first.x = first.x.wrapping_add(columns * first.x_pixel);
            first.out = first.out.wrapping_add(B::WIDTH * first.pixel);
        }
    }
}

/// As `along_channels`, for tiles that are not whole.
///
/// # Safety
/// As for [`Body::tile`], and the machine has the instruction set.
#[inline(never)]
unsafe fn line_by_line<S: Simd, B: Body>(tile: &Tile) {
    // SAFETY: the caller's promise.
    unsafe { S::enter(LineByLine::<B>(tile, PhantomData)) }
}

/// Made in `line_by_line` only.
struct LineByLine<'a, B>(&'a Tile<'a>, PhantomData<B>);

impl<B: Body> WithSimd for LineByLine<'_, B> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let layer = self.0.layer;
        let [kernel, stride] = [layer.kernel[0], layer.strides[0]];
        for line in 0..B::LINES {
            let mut tile = self.0.clone();
            let begin = line * stride;
            let end = tile.lines.end.min(begin + kernel).max(begin);
            tile.lines = tile.lines.start.clamp(begin, end) - begin..end - begin;
            tile.x = tile.x.wrapping_add(begin * tile.x_line);
            tile.out = tile.out.wrapping_add(line * layer.output[1] * tile.pixel);
            let mut left = tile.lanes;
            while left > 0 {
                tile.lanes = left.min(S::LANES);
                // SAFETY: the promise of `line_by_line`'s caller.
                unsafe { B::Rest::tile::<S, false, false>(s, &tile) };
                left -= tile.lanes;
                tile.advance(S::LANES);
            }
        }
    }
}

impl Tile<'_> {
    /// Moves to the channels that follow `channels` others.
    #[inline(always)]
    fn advance(&mut self, channels: usize) {
        let x = self.layer.x_channel(self.channel + channels) - self.layer.x_channel(self.channel);
        self.x = self.x.wrapping_add(x);
        self.weights = self.weights.wrapping_add(channels);
        if !self.bias.is_null() {
            self.bias = self.bias.wrapping_add(channels);
        }
        self.out = self.out.wrapping_add(channels);
        self.channel += channels;
    }

    /// # Safety
    /// `lanes` elements at `x` are valid for reads.
    #[inline(always)]
    unsafe fn load<S: Simd, const WHOLE: bool>(&self, s: S, x: *const f32) -> S::F32 {
        // SAFETY: the caller's promise; with `WHOLE` there are as many as in a vector.
        unsafe {
            if WHOLE {
                s.load_ptr(x)
            } else {
                s.load_ptr_partial(x, self.lanes)
            }
        }
    }

    /// # Safety
    /// The bias is null or has `lanes` elements.
    #[inline(always)]
    unsafe fn seed<S: Simd, const WHOLE: bool>(&self, s: S) -> S::F32 {
        if self.bias.is_null() {
            return s.zero();
        }
        // SAFETY: the caller's promise.
        unsafe { self.load::<S, WHOLE>(s, self.bias) }
    }

    /// Applies what follows the sums.
    #[inline(always)]
    fn activate<S: Simd, const N: usize>(&self, s: S, sums: &mut [S::F32; N]) {
        if self.low > f32::NEG_INFINITY {
            unroll!(8, I, N, {
                sums[I] = s.max(s.splat(self.low), sums[I]);
            });
        }
        if self.high < f32::INFINITY {
            unroll!(8, I, N, {
                sums[I] = s.min(s.splat(self.high), sums[I]);
            });
        }
        if self.hard_swish {
            unroll!(8, I, N, {
                sums[I] = hard_swish(s, sums[I]);
            });
        }
    }

    /// Writes the pixels of a line from `out` on.
    ///
    /// # Safety
    /// The pixels exist.
    #[inline(always)]
    unsafe fn store<S: Simd, const N: usize, const WHOLE: bool>(
        &self,
        s: S,
        out: *mut f32,
        mut sums: [S::F32; N],
    ) {
        self.activate(s, &mut sums);
        unroll!(8, I, N, {
            if WHOLE || I < self.pixels {
                // SAFETY: the pixel's `lanes` channels exist.
                unsafe {
                    let out = out.add(I * self.pixel);
                    if WHOLE {
                        s.store_ptr(sums[I], out)
                    } else {
                        s.store_ptr_partial(sums[I], out, self.lanes)
                    }
                }
            }
        });
    }
}
