//! Pooling over windows of images.

mod grad;

pub use grad::max_pool2d_grad;

use std::ops::Range;

use crate::columns::Columns;
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
    pad_zeros: bool,
    out: [usize; 2],
    /// Where the channels of a pixel lie in the input and in the output.
    columns: [Columns; 2],
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
        let [top, left, bottom, right] = pads;
        assert!(
            top < window[0] && left < window[1] && bottom < window[0] && right < window[1],
            "pool: a window lies in the padding"
        );
        Self::padded(input, window, strides, pads, false)
    }

    /// As [`new`](Self::new), with zeros in the pads, which are elements like others: TensorFlow's `Pad` and then the pool.
    ///
    /// # Panics
    /// If a size or stride is 0, or if the window is larger than the padded image.
    #[must_use]
    pub const fn with_zeros(
        input: [usize; 3],
        window: [usize; 2],
        strides: [usize; 2],
        pads: [usize; 4],
    ) -> Self {
        Self::padded(input, window, strides, pads, true)
    }

    const fn padded(
        input: [usize; 3],
        window: [usize; 2],
        strides: [usize; 2],
        pads: [usize; 4],
        pad_zeros: bool,
    ) -> Self {
        let mut out = [0; 2];
        let mut axis = 0;
        while axis < 2 {
            let padded = input[axis] + pads[axis] + pads[axis + 2];
            assert!(
                input[axis] > 0 && window[axis] > 0 && strides[axis] > 0 && input[2] > 0,
                "pool: an image, a window or a stride is 0"
            );
            assert!(
                padded >= window[axis],
                "pool: the window is larger than the padded image"
            );
            out[axis] = (padded - window[axis]) / strides[axis] + 1;
            axis += 1;
        }
        Self {
            input,
            window,
            strides,
            pads,
            pad_zeros,
            out,
            columns: [Columns::new(0, input[2], input[2]); 2],
        }
    }

    /// Of the channels `first..` of an input that has `of` of them.
    ///
    /// # Panics
    /// If there are not as many.
    #[must_use]
    pub const fn input_columns(self, first: usize, of: usize) -> Self {
        let [_, out] = self.columns;
        Self {
            columns: [Columns::new(first, self.input[2], of), out],
            ..self
        }
    }

    /// With the result as the channels `first..` of an output that has `of` of them; the others stay as they are.
    ///
    /// # Panics
    /// If there are not as many.
    #[must_use]
    pub const fn columns(self, first: usize, of: usize) -> Self {
        let [input, _] = self.columns;
        Self {
            columns: [input, Columns::new(first, self.input[2], of)],
            ..self
        }
    }

    /// `[height, width]` of the result.
    #[must_use]
    pub const fn out_size(&self) -> [usize; 2] {
        self.out
    }

    /// The input positions of window `position` along an axis; `0..0` if it lies in the padding.
    #[inline(always)]
    fn range(&self, axis: usize, position: usize) -> Range<usize> {
        let first = position * self.strides[axis];
        let start = first.saturating_sub(self.pads[axis]);
        let end = (first + self.window[axis])
            .saturating_sub(self.pads[axis])
            .min(self.input[axis]);
        if start < end { start..end } else { 0..0 }
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

/// The mean of each window, in each channel, TensorFlow's `AvgPool`: the sum divided by the number of elements that are there,
/// or by that of all if the pads are zeros.
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
    let [from, to] = p.columns;
    let image = height * width * from.of;
    let out_image = p.out[0] * p.out[1] * to.of;
    assert!(
        x.len().is_multiple_of(image) && out.len() == x.len() / image * out_image,
        "pool: {} and {} elements do not fit {p:?}",
        x.len(),
        out.len()
    );
    let row = p.out[1] * to.of;
    let least = (PART * to.of / (p.window[0] * p.window[1] * channels)).max(1);
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
        let [from, to] = p.columns;
        let all = p.window[0] * p.window[1];
        for (index, out) in self.out.chunks_exact_mut(p.out[1] * to.of).enumerate() {
            let row = self.row + index;
            let image = &self.x[row / p.out[0] * height * width * from.of..];
            let rows = p.range(0, row % p.out[0]);
            for (column, out) in out.chunks_exact_mut(to.of).enumerate() {
                let columns = p.range(1, column);
                let inside = rows.len() * columns.len();
                let first = (rows.start * width + columns.start) * from.of + from.first;
                let window = Window {
                    x: &image[first..],
                    height: rows.len(),
                    width: columns.len(),
                    pitch: width * from.of,
                    distance: from.of,
                    start: if p.pad_zeros && inside < all {
                        0.0
                    } else {
                        P::START
                    },
                    count: if p.pad_zeros { all } else { inside },
                };
                pixel::<S, P>(s, &window, &mut out[to.first..][..channels]);
            }
        }
    }
}

/// The elements of one window, from its first one on.
struct Window<'a> {
    x: &'a [f32],
    height: usize,
    width: usize,
    /// Elements between its lines and between its pixels.
    pitch: usize,
    distance: usize,
    /// What is there before the first element.
    start: f32,
    /// Elements, with zeros in the padding if they count.
    count: usize,
}

/// All channels of one output pixel.
#[inline(always)]
fn pixel<S: Simd, P: Pooling>(s: S, window: &Window, out: &mut [f32]) {
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
            s.store(P::finish(s, sum, window.count), out);
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
        s.store_partial(P::finish(s, sum, window.count), out);
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
    let mut sums = [s.splat(window.start); N];
    for row in 0..window.height {
        for column in 0..window.width {
            let x = &window.x[row * window.pitch + column * window.distance + channel..];
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
    use crate::columns::copy_columns;
    use crate::simd::Isa;
    use crate::strided::tests::{flat, tensor};

    /// Against the elements of each window, also where the channels are columns of wider tensors.
    fn check(batch: usize, p: &Pool2d) {
        check_columns(batch, p);
        let channels = p.input[2];
        check_columns(batch, &p.input_columns(2, channels + 3));
        check_columns(batch, &p.columns(1, channels + 2));
        check_columns(
            batch,
            &p.input_columns(0, channels + 1).columns(3, channels + 3),
        );
    }

    fn check_columns(batch: usize, p: &Pool2d) {
        let [height, width, channels] = p.input;
        let [from, to] = p.columns;
        let shape = [batch, height, width, from.of];
        let x: Vec<f32> = (0..shape.iter().product::<usize>())
            .map(|i| ((i * 31 + 7) % 97) as f32 - 60.0)
            .collect();
        let [out_height, out_width] = p.out_size();
        let windows = tensor(&[batch, out_height, out_width, channels], |index| {
            let mut elements = Vec::new();
            for i in 0..p.window[0] {
                for j in 0..p.window[1] {
                    let y = (index[1] * p.strides[0] + i).wrapping_sub(p.pads[0]);
                    let x_ = (index[2] * p.strides[1] + j).wrapping_sub(p.pads[1]);
                    if y < height && x_ < width {
                        elements.push(x[flat(&shape, &[index[0], y, x_, from.first + index[3]])]);
                    } else if p.pad_zeros {
                        elements.push(0.0);
                    }
                }
            }
            elements
        });
        // Sums of small integers are exact, and the division rounds once.
        let average = windows
            .iter()
            .map(|w| w.iter().sum::<f32>() / w.len() as f32)
            .collect::<Vec<f32>>();
        let max = windows
            .iter()
            .map(|w| w.iter().copied().fold(f32::MIN, f32::max))
            .collect::<Vec<f32>>();
        let before = vec![-1.0; batch * out_height * out_width * to.of];
        let within = |values: &[f32]| {
            let mut out = before.clone();
            copy_columns(&to, values, &mut out);
            out
        };
        let (average, max) = (within(&average), within(&max));
        for isa in Isa::available() {
            isa.force(|| {
                for threads in [Threads::single(), Threads::new(2)] {
                    let mut out = before.clone();
                    avg_pool2d(&threads, p, &x, &mut out);
                    assert_eq!(out, average, "{p:?} on {}", isa.name());
                    out.copy_from_slice(&before);
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
    fn zeros_in_the_padding() {
        let zeros = Pool2d::with_zeros;
        check(2, &zeros([7, 9, 5], [3, 3], [2, 2], [1, 1, 1, 1]));
        check(1, &zeros([7, 9, 35], [3, 2], [1, 3], [2, 0, 1, 1]));
        check(1, &zeros([2, 2, 4], [4, 4], [1, 1], [1, 1, 1, 1]));
        // Windows of nothing but zeros, before and behind the image.
        check(2, &zeros([3, 2, 4], [2, 3], [1, 2], [4, 3, 5, 6]));
        check(1, &zeros([1, 1, 3], [1, 1], [1, 1], [1, 1, 1, 1]));
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
