//! Pooling over windows of images.

mod grad;

pub use grad::max_pool2d_grad;

use std::ops::Range;

use crate::kernels::threads::Threads;
use crate::parallel::part;
use crate::simd::{Simd, WithSimd, dispatch};

/// A pooling over windows of images `[batch, height, width, channels]`; the batch follows from the lengths. In one dimension,
/// the height is 1.
#[derive(Debug, Clone, Copy)]
pub struct Pool2d {
    input: [usize; 3],
    window: [usize; 2],
    strides: [usize; 2],
    pads: [usize; 4],
    out: [usize; 2],
}

impl Pool2d {
    /// `input` is `[height, width, channels]`, `pads` is `[top, left, bottom, right]`, in elements that are not there: they
    /// are neither a maximum nor counted in an average.
    ///
    /// # Panics
    /// If a size or stride is 0, if the window is larger than the padded image, or a pad is not smaller than the window.
    #[must_use]
    pub const fn new(
        input: [usize; 3],
        window: [usize; 2],
        strides: [usize; 2],
        pads: [usize; 4],
    ) -> Self {
        let mut out = [0; 2];
        let mut axis = 0;
        while axis < 2 {
            let (before, after) = (pads[axis], pads[axis + 2]);
            assert!(
                input[axis] > 0 && window[axis] > 0 && strides[axis] > 0 && input[2] > 0,
                "pool: an image, a window or a stride is 0"
            );
            assert!(
                before < window[axis] && after < window[axis],
                "pool: a window lies in the padding"
            );
            assert!(
                input[axis] + before + after >= window[axis],
                "pool: the window is larger than the padded image"
            );
            out[axis] = (input[axis] + before + after - window[axis]) / strides[axis] + 1;
            axis += 1;
        }
        Self {
            input,
            window,
            strides,
            pads,
            out,
        }
    }

    /// `[height, width]` of the result.
    #[must_use]
    pub const fn out_size(&self) -> [usize; 2] {
        self.out
    }

    /// The input positions of window `position` along an axis.
    #[inline(always)]
    fn range(&self, axis: usize, position: usize) -> Range<usize> {
        let start = position * self.strides[axis];
        let end = start + self.window[axis] - self.pads[axis];
        start.saturating_sub(self.pads[axis])..end.min(self.input[axis])
    }
}

/// Elements that are read for each thread at least.
const PART: usize = 32_768;

/// The largest element of each window, in each channel, TensorFlow's `MaxPool`. As there, NaN is passed over, and a window
/// without numbers above it gives the lowest finite number.
///
/// # Panics
/// If a length does not fit `p`.
pub fn max_pool2d(threads: &Threads, p: &Pool2d, x: &[f32], out: &mut [f32]) {
    run::<Max>(threads, p, x, out);
}

/// The mean of each window, in each channel, TensorFlow's `AvgPool`: the sum divided by the number of elements that are there.
///
/// # Panics
/// If a length does not fit `p`.
pub fn avg_pool2d(threads: &Threads, p: &Pool2d, x: &[f32], out: &mut [f32]) {
    run::<Average>(threads, p, x, out);
}

/// What is done with the elements of a window.
trait Pooling: Sync {
    const START: f32;
    fn add<S: Simd>(s: S, sum: S::F32, x: S::F32) -> S::F32;
    fn finish<S: Simd>(s: S, sum: S::F32, count: usize) -> S::F32;
}

struct Max;

impl Pooling for Max {
    const START: f32 = f32::MIN;

    #[inline(always)]
    fn add<S: Simd>(s: S, sum: S::F32, x: S::F32) -> S::F32 {
        s.max(x, sum)
    }

    #[inline(always)]
    fn finish<S: Simd>(_: S, sum: S::F32, _: usize) -> S::F32 {
        sum
    }
}

struct Average;

impl Pooling for Average {
    const START: f32 = 0.0;

    #[inline(always)]
    fn add<S: Simd>(_: S, sum: S::F32, x: S::F32) -> S::F32 {
        sum + x
    }

    #[inline(always)]
    fn finish<S: Simd>(s: S, sum: S::F32, count: usize) -> S::F32 {
        sum / s.splat(count as f32)
    }
}

fn run<P: Pooling>(threads: &Threads, p: &Pool2d, x: &[f32], out: &mut [f32]) {
    let [height, width, channels] = p.input;
    let image = height * width * channels;
    let out_image = p.out[0] * p.out[1] * channels;
    assert!(
        x.len().is_multiple_of(image) && out.len() == x.len() / image * out_image,
        "pool: {} and {} elements do not fit {p:?}",
        x.len(),
        out.len()
    );
    let row = p.out[1] * channels;
    let least = (PART / (p.window[0] * p.window[1])).max(1);
    let length = part(threads, out.len(), row, least);
    threads.for_each_chunk(out, length, |index, out| {
        dispatch(Part::<P> {
            pooling: std::marker::PhantomData,
            p,
            x,
            row: index * (length / row),
            out,
        });
    });
}

struct Part<'a, P> {
    pooling: std::marker::PhantomData<P>,
    p: &'a Pool2d,
    x: &'a [f32],
    /// The number of the first output row, counted through all images.
    row: usize,
    out: &'a mut [f32],
}

impl<P: Pooling> WithSimd for Part<'_, P> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let p = self.p;
        let [height, width, channels] = p.input;
        for (index, out) in self.out.chunks_exact_mut(p.out[1] * channels).enumerate() {
            let row = self.row + index;
            let image = &self.x[row / p.out[0] * height * width * channels..];
            let rows = p.range(0, row % p.out[0]);
            for (column, out) in out.chunks_exact_mut(channels).enumerate() {
                let columns = p.range(1, column);
                let count = rows.len() * columns.len();
                let first = (rows.start * width + columns.start) * channels;
                let window = Window {
                    x: &image[first..],
                    height: rows.len(),
                    width: columns.len(),
                    pitch: width * channels,
                    channels,
                };
                pixel::<S, P>(s, &window, count, out);
            }
        }
    }
}

/// The elements of one window, from its first one on.
struct Window<'a> {
    x: &'a [f32],
    height: usize,
    width: usize,
    pitch: usize,
    channels: usize,
}

/// All channels of one output pixel.
#[inline(always)]
fn pixel<S: Simd, P: Pooling>(s: S, window: &Window, count: usize, out: &mut [f32]) {
    let mut channel = 0;
    let mut wide = out.chunks_exact_mut(4 * S::LANES);
    for out in &mut wide {
        let sums = vectors::<S, P, 4>(
            s,
            window,
            channel,
            #[inline(always)]
            |x| s.load(x),
        );
        for (out, sum) in out.chunks_exact_mut(S::LANES).zip(sums) {
            s.store(P::finish(s, sum, count), out);
        }
        channel += out.len();
    }
    for out in wide.into_remainder().chunks_mut(S::LANES) {
        let width = out.len();
        let [sum] = vectors::<S, P, 1>(
            s,
            window,
            channel,
            #[inline(always)]
            |x| s.load_partial(&x[..width]),
        );
        s.store_partial(P::finish(s, sum, count), out);
        channel += out.len();
    }
}

/// `N` vectors of channels.
#[inline(always)]
fn vectors<S: Simd, P: Pooling, const N: usize>(
    s: S,
    window: &Window,
    channel: usize,
    load: impl Fn(&[f32]) -> S::F32,
) -> [S::F32; N] {
    let mut sums = [s.splat(P::START); N];
    for row in 0..window.height {
        for column in 0..window.width {
            let x = &window.x[row * window.pitch + column * window.channels + channel..];
            for (k, sum) in sums.iter_mut().enumerate() {
                *sum = P::add(s, *sum, load(&x[k * S::LANES..]));
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;
    use crate::strided::tests::{flat, tensor};

    fn check(batch: usize, p: &Pool2d) {
        let [height, width, channels] = p.input;
        let shape = [batch, height, width, channels];
        let x: Vec<f32> = (0..shape.iter().product::<usize>())
            .map(|i| ((i * 31 + 7) % 97) as f32 - 60.0)
            .collect();
        let [out_height, out_width] = p.out_size();
        let out_shape = [batch, out_height, out_width, channels];
        let windows = tensor(&out_shape, |index| {
            let mut elements = Vec::new();
            for i in 0..p.window[0] {
                for j in 0..p.window[1] {
                    let y = (index[1] * p.strides[0] + i).wrapping_sub(p.pads[0]);
                    let x_ = (index[2] * p.strides[1] + j).wrapping_sub(p.pads[1]);
                    if y < height && x_ < width {
                        elements.push(x[flat(&shape, &[index[0], y, x_, index[3]])]);
                    }
                }
            }
            elements
        });
        // Sums of small integers are exact, and the division rounds once.
        let average: Vec<f32> = windows
            .iter()
            .map(|w| w.iter().sum::<f32>() / w.len() as f32)
            .collect();
        let max: Vec<f32> = windows
            .iter()
            .map(|w| w.iter().copied().fold(f32::MIN, f32::max))
            .collect();
        for isa in Isa::available() {
            isa.force(|| {
                for threads in [Threads::single(), Threads::new(2)] {
                    let mut out = vec![-1.0; windows.len()];
                    avg_pool2d(&threads, p, &x, &mut out);
                    assert_eq!(out, average, "{p:?} on {}", isa.name());
                    max_pool2d(&threads, p, &x, &mut out);
                    assert_eq!(out, max, "{p:?} on {}", isa.name());
                }
            });
        }
    }

    #[test]
    fn every_number_of_channels() {
        for channels in (1..=70).chain([127, 128, 129]) {
            check(2, &Pool2d::new([5, 6, channels], [2, 3], [2, 2], [0; 4]));
        }
    }

    #[test]
    fn windows_strides_and_pads() {
        check(2, &Pool2d::new([7, 9, 5], [3, 3], [2, 2], [1, 1, 1, 1]));
        check(1, &Pool2d::new([7, 9, 5], [3, 2], [1, 3], [2, 0, 1, 1]));
        check(1, &Pool2d::new([7, 9, 5], [1, 1], [3, 4], [0; 4]));
        check(3, &Pool2d::new([1, 9, 5], [1, 4], [1, 2], [0, 1, 0, 2]));
        check(1, &Pool2d::new([3, 3, 4], [3, 3], [1, 1], [0; 4]));
        check(1, &Pool2d::new([2, 2, 4], [4, 4], [1, 1], [1, 1, 1, 1]));
        check(0, &Pool2d::new([7, 9, 5], [3, 3], [2, 2], [1, 1, 1, 1]));
    }

    #[test]
    fn shared_among_threads() {
        check(3, &Pool2d::new([41, 40, 20], [3, 3], [2, 1], [0, 1, 1, 1]));
    }

    /// From TensorFlow 2.21.
    #[test]
    fn max_passes_over_nan() {
        let p = Pool2d::new([2, 2, 1], [2, 2], [1, 1], [0; 4]);
        let mut out = [0.0];
        max_pool2d(
            &Threads::single(),
            &p,
            &[1.0, f32::NAN, f32::NAN, 0.0],
            &mut out,
        );
        assert_eq!(out, [1.0]);
        max_pool2d(&Threads::single(), &p, &[f32::NEG_INFINITY; 4], &mut out);
        assert_eq!(out, [f32::MIN]);
    }

    #[test]
    #[should_panic = "pool: a window lies in the padding"]
    fn refuses_windows_in_the_padding() {
        let _ = Pool2d::new([4, 4, 1], [2, 2], [1, 1], [2, 0, 0, 0]);
    }
}
