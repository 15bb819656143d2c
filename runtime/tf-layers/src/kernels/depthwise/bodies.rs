//! How the tiles of a depthwise convolution are computed: filters of known sizes, one line or two at once, and all others.

use super::{Body, Tile};
use crate::kernels::opaque;
use crate::kernels::unroll::unroll;
use crate::simd::Simd;

/// Whether column `column` of `columns` of a tile is surely within the image, in a tile that is whole.
const fn is_inner(column: usize, columns: usize, border: usize) -> bool {
    column >= border && column + border < columns
}

/// The pixel for which a column is under a tap, `usize::MAX` for none.
const fn pixel_of(column: usize, tap: usize, stride: usize) -> usize {
    if column >= tap && (column - tap).is_multiple_of(stride) {
        (column - tap) / stride
    } else {
        usize::MAX
    }
}

/// The row of a filter that is over a line of the image, for line `out` of the tile; more than there are for none.
const fn row_of(line: usize, out: usize, stride: usize) -> usize {
    line.wrapping_sub(out * stride)
}

/// `K` taps in a line, a stride of `STRIDE`, `WIDTH` pixels; no dilation, no channel multiplier.
pub(super) struct Single<const K: usize, const STRIDE: usize, const WIDTH: usize>;

impl<const K: usize, const STRIDE: usize, const WIDTH: usize> Body for Single<K, STRIDE, WIDTH> {
    const WIDTH: usize = WIDTH;
    const BORDER: usize = K / 2;
    type Rest = Self;

    #[inline(always)]
    unsafe fn tile<S: Simd, const WHOLE: bool, const INNER: bool>(s: S, t: &Tile) {
        let channels = t.pixel;
        // Columns within the image.
        let columns = -t.column..t.layer.input[1] as isize - t.column;
        // SAFETY: the columns are within the image, the taps within the filter, the pixels are those that exist.
        unsafe {
            let mut sums = [t.seed::<S, WHOLE>(s); WIDTH];
            let mut line = t.x.wrapping_add(t.lines.start * t.x_line);
            line = line.wrapping_offset(t.column * channels as isize);
            let mut weights = t.weights.wrapping_add(t.lines.start * K * channels);
            for _ in 0..t.lines.len() {
                let mut taps = [s.zero(); K];
                unroll!(8, TAP, K, {
                    taps[TAP] = t.load::<S, WHOLE>(s, weights.add(TAP * channels));
                });
                unroll!(17, COLUMN, (WIDTH - 1) * STRIDE + K, {
                    let inner = const { is_inner(COLUMN, (WIDTH - 1) * STRIDE + K, K / 2) };
                    if (WHOLE && (INNER || inner)) || columns.contains(&(COLUMN as isize)) {
                        let x = t.load::<S, WHOLE>(s, line.wrapping_add(COLUMN * channels));
                        unroll!(8, TAP, K, {
                            let pixel = const { pixel_of(COLUMN, TAP, STRIDE) };
                            if pixel < WIDTH {
                                sums[pixel] = s.mul_add(x, taps[TAP], sums[pixel]);
                            }
                        });
                    }
                });
                line = line.wrapping_add(t.x_line);
                weights = weights.wrapping_add(K * channels);
            }
            t.store::<S, WIDTH, WHOLE>(s, t.out, sums);
        }
    }
}

/// Two lines of `WIDTH` pixels of a `K` x `K` filter with strides of `STRIDE`; no dilation, no channel multiplier.
pub(super) struct Pair<const K: usize, const STRIDE: usize, const WIDTH: usize>;

impl<const K: usize, const STRIDE: usize, const WIDTH: usize> Body for Pair<K, STRIDE, WIDTH> {
    const WIDTH: usize = WIDTH;
    const LINES: usize = 2;
    const BORDER: usize = K / 2;
    type Rest = Single<K, STRIDE, WIDTH>;

    #[inline(always)]
    unsafe fn tile<S: Simd, const WHOLE: bool, const INNER: bool>(s: S, t: &Tile) {
        const { assert!(WHOLE, "what is left over is computed line by line") };
        let channels = t.pixel;
        // Columns within the image.
        let columns = -t.column..t.layer.input[1] as isize - t.column;
        // SAFETY: the lines and columns are within the image, the taps within the filter, the pixels are those that exist.
        unsafe {
            let mut sums = [[t.seed::<S, WHOLE>(s); WIDTH]; 2];
            let first = t.x.wrapping_offset(t.column * channels as isize);
            unroll!(8, LINE, K + STRIDE, {
                if t.lines.contains(&LINE) {
                    // More taps than registers: they are loaded again for each line.
                    let weights = if const { K > 3 } {
                        opaque(t.weights)
                    } else {
                        t.weights
                    };
                    // The rows of the filters of the two pixels that are over the line.
                    let mut taps = [[s.zero(); K]; 2];
                    unroll!([0 1], OUT, {
                        if const { row_of(LINE, OUT, STRIDE) < K } {
                            let row = weights.wrapping_add(row_of(LINE, OUT, STRIDE) * K * channels);
                            unroll!(8, TAP, K, {
                                taps[OUT][TAP] = t.load::<S, WHOLE>(s, row.add(TAP * channels));
                            });
                        }
                    });
                    let line = first.wrapping_add(LINE * t.x_line);
                    unroll!(17, COLUMN, (WIDTH - 1) * STRIDE + K, {
                        let inner = const { is_inner(COLUMN, (WIDTH - 1) * STRIDE + K, K / 2) };
                        if INNER || inner || columns.contains(&(COLUMN as isize)) {
                            let x = t.load::<S, WHOLE>(s, line.wrapping_add(COLUMN * channels));
                            unroll!([0 1], OUT, {
                                if const { row_of(LINE, OUT, STRIDE) < K } {
                                    unroll!(8, TAP, K, {
                                        let pixel = const { pixel_of(COLUMN, TAP, STRIDE) };
                                        if pixel < WIDTH {
                                            sums[OUT][pixel] =
                                                s.mul_add(x, taps[OUT][TAP], sums[OUT][pixel]);
                                        }
                                    });
                                }
                            });
                        }
                    });
                }
            });
            let below = t.out.add(t.layer.output[1] * channels);
            let [above_sums, below_sums] = sums;
            t.store::<S, WIDTH, WHOLE>(s, t.out, above_sums);
            t.store::<S, WIDTH, WHOLE>(s, below, below_sums);
        }
    }
}

/// Any size, stride, dilation and channel multiplier.
pub(super) struct General;

impl Body for General {
    const WIDTH: usize = 4;
    const BORDER: usize = 0;
    type Rest = Self;

    #[inline(always)]
    unsafe fn tile<S: Simd, const WHOLE: bool, const INNER: bool>(s: S, t: &Tile) {
        let layer = t.layer;
        let width = layer.input[1] as isize;
        // SAFETY: the columns are within the image, the taps within the filter, the pixels are those that exist.
        unsafe {
            let mut acc = [t.seed::<S, WHOLE>(s); 4];
            let mut line = t.x.wrapping_add(t.lines.start * t.x_line);
            let mut weights = t
                .weights
                .wrapping_add(t.lines.start * layer.kernel[1] * t.pixel);
            for _ in 0..t.lines.len() {
                for tap in 0..layer.kernel[1] {
                    let w = t.load::<S, WHOLE>(s, weights);
                    weights = weights.wrapping_add(t.pixel);
                    unroll!(4, PIXEL, 4, {
                        let offset = PIXEL * layer.strides[1] + tap * layer.dilations[1];
                        let column = t.column + offset as isize;
                        if WHOLE || (PIXEL < t.pixels && (0..width).contains(&column)) {
                            let x = line.wrapping_offset(column * t.x_pixel as isize);
                            let x = if layer.multiplier == 1 {
                                t.load::<S, WHOLE>(s, x)
                            } else {
                                repeated(s, t, x)
                            };
                            acc[PIXEL] = s.mul_add(x, w, acc[PIXEL]);
                        }
                    });
                }
                line = line.wrapping_add(t.x_line);
            }
            t.store::<S, 4, WHOLE>(s, t.out, acc);
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
