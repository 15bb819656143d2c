//! Pooling over windows of images and volumes.

mod grad;

pub use grad::{max_pool2d_grad, max_pool3d_grad};

use std::ops::Range;

use crate::columns::Columns;
use crate::kernels::threads::Threads;
use crate::parallel::part;
use crate::simd::{Simd, WithSimd, dispatch};

/// A pooling over windows of volumes `[batch, depth, height, width, channels]`; the batch follows from the lengths.
#[derive(Debug, Clone, Copy)]
pub struct Pool3d {
    input: [usize; 4],
    window: [usize; 3],
    strides: [usize; 3],
    pads: [usize; 6],
    pad_zeros: bool,
    out: [usize; 3],
    /// Where the channels of a pixel lie in the input and in the output.
    columns: [Columns; 2],
}

/// A pooling over windows of images `[batch, height, width, channels]`; the batch follows from the lengths. In one dimension,
/// the height is 1.
#[derive(Debug, Clone, Copy)]
pub struct Pool2d(Pool3d);

impl Pool3d {
    /// `input` is `[depth, height, width, channels]`, `pads` is `[front, top, left, back, bottom, right]`, in elements that
    /// are not there: they are neither a maximum nor counted in an average.
    ///
    /// # Panics
    /// If a size or stride is 0, if the window is larger than the padded volume, or a pad is not smaller than the window.
    #[must_use]
    pub const fn new(
        input: [usize; 4],
        window: [usize; 3],
        strides: [usize; 3],
        pads: [usize; 6],
    ) -> Self {
        let mut side = 0;
        while side < 6 {
            assert!(
                pads[side] < window[side % 3],
                "pool: a window lies in the padding"
            );
            side += 1;
        }
        Self::padded(input, window, strides, pads, false)
    }

    /// As [`new`](Self::new), with zeros in the pads, which are elements like others: TensorFlow's `Pad` and then the pool.
    ///
    /// # Panics
    /// If a size or stride is 0, or if the window is larger than the padded volume.
    #[must_use]
    pub const fn with_zeros(
        input: [usize; 4],
        window: [usize; 3],
        strides: [usize; 3],
        pads: [usize; 6],
    ) -> Self {
        Self::padded(input, window, strides, pads, true)
    }

    const fn padded(
        input: [usize; 4],
        window: [usize; 3],
        strides: [usize; 3],
        pads: [usize; 6],
        pad_zeros: bool,
    ) -> Self {
        let mut out = [0; 3];
        let mut axis = 0;
        while axis < 3 {
            let padded = input[axis] + pads[axis] + pads[axis + 3];
            assert!(
                input[axis] > 0 && window[axis] > 0 && strides[axis] > 0 && input[3] > 0,
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
            columns: [Columns::new(0, input[3], input[3]); 2],
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
            columns: [Columns::new(first, self.input[3], of), out],
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
            columns: [input, Columns::new(first, self.input[3], of)],
            ..self
        }
    }

    /// `[depth, height, width]` of the result.
    #[must_use]
    pub const fn out_size(&self) -> [usize; 3] {
        self.out
    }

    /// Elements of one volume, and of the result for it.
    fn lengths(&self) -> [usize; 2] {
        let [depth, height, width, _] = self.input;
        let [from, to] = self.columns;
        [
            depth * height * width * from.of,
            self.out.iter().product::<usize>() * to.of,
        ]
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

    /// The windows of a line of the result: those of `[plane, row]`, one for each column.
    #[inline(always)]
    fn line(&self, [plane, row]: [usize; 2]) -> impl Iterator<Item = Window> {
        let [_, height, width, _] = self.input;
        let [Columns { first, of, .. }, _] = self.columns;
        let (planes, rows) = (self.range(0, plane), self.range(1, row));
        let start = (planes.start * height + rows.start) * width;
        (0..self.out[2]).map(
            #[inline(always)]
            move |column| {
                let columns = self.range(2, column);
                Window {
                    first: (start + columns.start) * of + first,
                    size: [planes.len(), rows.len(), columns.len()],
                    pitches: [height * width * of, width * of, of],
                }
            },
        )
    }
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
        let ([height, width, channels], [top, left, bottom, right]) = (input, pads);
        Self(Pool3d::new(
            [1, height, width, channels],
            [1, window[0], window[1]],
            [1, strides[0], strides[1]],
            [0, top, left, 0, bottom, right],
        ))
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
        let ([height, width, channels], [top, left, bottom, right]) = (input, pads);
        Self(Pool3d::with_zeros(
            [1, height, width, channels],
            [1, window[0], window[1]],
            [1, strides[0], strides[1]],
            [0, top, left, 0, bottom, right],
        ))
    }

    /// Of the channels `first..` of an input that has `of` of them.
    ///
    /// # Panics
    /// If there are not as many.
    #[must_use]
    pub const fn input_columns(self, first: usize, of: usize) -> Self {
        Self(self.0.input_columns(first, of))
    }

    /// With the result as the channels `first..` of an output that has `of` of them; the others stay as they are.
    ///
    /// # Panics
    /// If there are not as many.
    #[must_use]
    pub const fn columns(self, first: usize, of: usize) -> Self {
        Self(self.0.columns(first, of))
    }

    /// `[height, width]` of the result.
    #[must_use]
    pub const fn out_size(&self) -> [usize; 2] {
        let [_, height, width] = self.0.out;
        [height, width]
    }
}

/// The elements of one window in its volume, as far as they are there.
struct Window {
    first: usize,
    size: [usize; 3],
    pitches: [usize; 3],
}

impl Window {
    #[inline(always)]
    fn count(&self) -> usize {
        self.size.iter().product()
    }

    /// Where the elements of one channel are, counted from the volume's first element.
    #[inline(always)]
    fn for_each(&self, channel: usize, mut visit: impl FnMut(usize)) {
        let mut plane = self.first + channel;
        for _ in 0..self.size[0] {
            let mut row = plane;
            for _ in 0..self.size[1] {
                let mut at = row;
                for _ in 0..self.size[2] {
                    visit(at);
                    at += self.pitches[2];
                }
                row += self.pitches[1];
            }
            plane += self.pitches[0];
        }
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
    max_pool3d(threads, &p.0, x, out);
}

/// The largest element of each window of volumes, TensorFlow's `MaxPool3D`; see [`max_pool2d`].
///
/// # Panics
/// If a length does not fit `p`.
pub fn max_pool3d(threads: &Threads, p: &Pool3d, x: &[f32], out: &mut [f32]) {
    run::<Max>(threads, p, x, out);
}

/// The mean of each window, in each channel, TensorFlow's `AvgPool`: the sum divided by the number of elements that are there,
/// or by that of all if the pads are zeros.
///
/// # Panics
/// If a length does not fit `p`.
pub fn avg_pool2d(threads: &Threads, p: &Pool2d, x: &[f32], out: &mut [f32]) {
    avg_pool3d(threads, &p.0, x, out);
}

/// The mean of each window of volumes, TensorFlow's `AvgPool3D`; see [`avg_pool2d`].
///
/// # Panics
/// If a length does not fit `p`.
pub fn avg_pool3d(threads: &Threads, p: &Pool3d, x: &[f32], out: &mut [f32]) {
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

fn run<P: Pooling>(threads: &Threads, p: &Pool3d, x: &[f32], out: &mut [f32]) {
    let ([volume, pooled], [_, to]) = (p.lengths(), p.columns);
    assert!(
        x.len().is_multiple_of(volume) && out.len() == x.len() / volume * pooled,
        "pool: {} and {} elements do not fit {p:?}",
        x.len(),
        out.len()
    );
    let row = p.out[2] * to.of;
    let least = (PART * to.of / (p.window.iter().product::<usize>() * to.width)).max(1);
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
    p: &'a Pool3d,
    x: &'a [f32],
    /// The number of the first output row, counted through all volumes.
    row: usize,
    out: &'a mut [f32],
}

impl<P: Pooling> WithSimd for Part<'_, P> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let p = self.p;
        let ([volume, _], [_, to]) = (p.lengths(), p.columns);
        let all = p.window.iter().product();
        for (index, out) in self.out.chunks_exact_mut(p.out[2] * to.of).enumerate() {
            let row = self.row + index;
            let (plane, row) = (row / p.out[1], row % p.out[1]);
            let (number, plane) = (plane / p.out[0], plane % p.out[0]);
            let x = &self.x[number * volume..][..volume];
            for (window, out) in p.line([plane, row]).zip(out.chunks_exact_mut(to.of)) {
                let inside = window.count();
                let padded = p.pad_zeros && inside < all;
                let pixel = Pixel::<P> {
                    pooling: std::marker::PhantomData,
                    window,
                    x,
                    start: if padded { 0.0 } else { P::START },
                    count: if padded { all } else { inside },
                };
                pixel.write(s, &mut out[to.first..][..to.width]);
            }
        }
    }
}

/// What is computed of one window.
struct Pixel<'a, P> {
    pooling: std::marker::PhantomData<P>,
    window: Window,
    x: &'a [f32],
    /// What is there before the first element.
    start: f32,
    /// Elements, with zeros in the padding if they count.
    count: usize,
}

impl<P: Pooling> Pixel<'_, P> {
    /// All channels.
    #[inline(always)]
    fn write<S: Simd>(&self, s: S, out: &mut [f32]) {
        let mut channel = 0;
        let mut wide = out.chunks_exact_mut(4 * S::LANES);
        for out in &mut wide {
            let sums = self.vectors::<S, 4>(
                s,
                channel,
                #[inline(always)]
                |x| s.load(x),
            );
            for (out, sum) in out.chunks_exact_mut(S::LANES).zip(sums) {
                s.store(P::finish(s, sum, self.count), out);
            }
            channel += out.len();
        }
        for out in wide.into_remainder().chunks_mut(S::LANES) {
            let width = out.len();
            let [sum] = self.vectors::<S, 1>(
                s,
                channel,
                #[inline(always)]
                |x| s.load_partial(&x[..width]),
            );
            s.store_partial(P::finish(s, sum, self.count), out);
            channel += out.len();
        }
    }

    /// `N` vectors of channels.
    #[inline(always)]
    fn vectors<S: Simd, const N: usize>(
        &self,
        s: S,
        channel: usize,
        load: impl Fn(&[f32]) -> S::F32,
    ) -> [S::F32; N] {
        let mut sums = [s.splat(self.start); N];
        self.window.for_each(
            channel,
            #[inline(always)]
            |at| {
                let x = &self.x[at..];
                for (k, sum) in sums.iter_mut().enumerate() {
                    *sum = P::add(s, *sum, load(&x[k * S::LANES..]));
                }
            },
        );
        sums
    }
}

#[cfg(test)]
mod tests;
