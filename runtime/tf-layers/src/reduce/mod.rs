//! Sums, means and extremes along an axis.

mod any;
mod column;
pub(crate) mod row;

pub use any::{all, any, argmax, argmin, reduce_any};

use crate::kernels::threads::Threads;
use crate::math::{maximum, minimum};
use crate::parallel::part;
use crate::simd::{Simd, WithSimd, dispatch};
use column::Columns;

/// What an axis is reduced to. Of no elements at all: 0, NaN, -∞, ∞ and 1, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// The sum.
    Sum,
    /// The sum divided by the number of elements.
    Mean,
    /// The largest element; NaN if there is one.
    Max,
    /// The smallest element; NaN if there is one.
    Min,
    /// The product.
    Prod,
}

/// A reduction of `[outer, reduced, inner]` to `[outer, inner]`, TensorFlow's `Sum`, `Mean`, `Max`, `Min` and `Prod`; `outer`
/// follows from the lengths. Mean over the middle axis of `[N, H W, C]` is global average pooling.
#[derive(Debug, Clone, Copy)]
pub struct Reduce {
    reduction: Reduction,
    reduced: usize,
    inner: usize,
}

impl Reduce {
    /// Reduces an axis of length `reduced` with `inner` elements behind it.
    #[must_use]
    pub const fn new(reduction: Reduction, reduced: usize, inner: usize) -> Self {
        Self {
            reduction,
            reduced,
            inner,
        }
    }
}

/// Input elements that are worth a second thread.
const PART: usize = 32_768;

/// Reduces the middle axis.
///
/// Sums are added up in up to 64 times as many parts as a vector has lanes and in blocks of 64, so that the relative error of
/// a sum of `n` positive elements is below `(192 + n / 4096) 2^-24`.
///
/// # Panics
/// If a length does not fit `p`.
pub fn reduce(threads: &Threads, p: &Reduce, x: &[f32], out: &mut [f32]) {
    assert!(
        out.len().is_multiple_of(p.inner) && x.len() == out.len() * p.reduced,
        "reduce: {} and {} elements do not fit {p:?}",
        x.len(),
        out.len()
    );
    match p.reduction {
        Reduction::Sum => run::<Sum>(threads, p, x, out),
        Reduction::Mean => {
            run::<Sum>(threads, p, x, out);
            let count = p.reduced as f32;
            for out in out {
                *out /= count;
            }
        }
        Reduction::Max => run::<Max>(threads, p, x, out),
        Reduction::Min => run::<Min>(threads, p, x, out),
        Reduction::Prod => run::<Prod>(threads, p, x, out),
    }
}

/// Adds the rows of `x` to `total`: their sum is that of [`reduce`].
///
/// # Panics
/// If `x` is no whole number of rows as long as `total`.
pub(crate) fn add_rows(x: &[f32], total: &mut [f32]) {
    assert!(
        x.len().is_multiple_of(total.len()),
        "add_rows: {} elements are no rows of {}",
        x.len(),
        total.len()
    );
    dispatch(AddRows { x, total });
}

struct AddRows<'a> {
    x: &'a [f32],
    total: &'a mut [f32],
}

impl WithSimd for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let Self { x, total } = self;
        let pitch = total.len();
        let runs = &column::runs(x.len() / pitch);
        let mut sums = [0.0; 64];
        for (index, total) in total.chunks_mut(sums.len()).enumerate() {
            let first = index * sums.len();
            let sums = &mut sums[..total.len()];
            let columns = Columns {
                x,
                pitch,
                runs,
                first,
            };
            columns.fold::<S, Sum>(s, sums);
            for (total, sum) in total.iter_mut().zip(sums) {
                *total += *sum;
            }
        }
    }
}

/// An associative operation of two elements.
pub(crate) trait Fold: Copy + Sync {
    /// The neutral element.
    const START: f32;

    /// The operation on vectors.
    fn fold<S: Simd>(s: S, a: S::F32, b: S::F32) -> S::F32;

    /// The operation on the lanes of a vector.
    fn fold_lanes<S: Simd>(s: S, x: S::F32) -> f32 {
        let mut lanes = [Self::START; 16];
        s.store(x, &mut lanes);
        // By halving, for which the lanes of narrower vectors are filled up with the neutral element.
        let mut half = lanes.len() / 2;
        while half > 0 {
            for lane in 0..half {
                lanes[lane] = Self::fold_scalar(lanes[lane], lanes[lane + half]);
            }
            half /= 2;
        }
        lanes[0]
    }

    /// The operation on numbers.
    fn fold_scalar(a: f32, b: f32) -> f32;
}

macro_rules! folds {
    ($($name:ident: $start:expr, |$s:ident, $a:ident, $b:ident| $vector:expr, $scalar:expr;)+) => { $(
        #[derive(Clone, Copy)]
        pub(crate) struct $name;

        impl Fold for $name {
            const START: f32 = $start;

            #[inline(always)]
            fn fold<S: Simd>($s: S, $a: S::F32, $b: S::F32) -> S::F32 {
                $vector
            }

            #[inline(always)]
            fn fold_scalar($a: f32, $b: f32) -> f32 {
                $scalar
            }
        }
    )+ };
}
folds! {
    Sum: 0.0, |s, a, b| { let _ = s; a + b }, a + b;
    Prod: 1.0, |s, a, b| { let _ = s; a * b }, a * b;
    Max: f32::NEG_INFINITY, |s, a, b| maximum(s, a, b), if a > b || a.is_nan() { a } else { b };
    Min: f32::INFINITY, |s, a, b| minimum(s, a, b), if a < b || a.is_nan() { a } else { b };
}

fn run<F: Fold>(threads: &Threads, p: &Reduce, x: &[f32], out: &mut [f32]) {
    let few = out.len() < threads.count() * p.inner;
    if few && p.inner > 1 && p.reduced > 1 && x.len() >= PART {
        let (x, out) = (
            x.chunks_exact(p.reduced * p.inner),
            out.chunks_exact_mut(p.inner),
        );
        return x
            .zip(out)
            .for_each(|(x, out)| by_rows::<F>(threads, x, out));
    }
    let least = PART / p.reduced.max(1) + 1;
    let length = part(threads, out.len(), 16, least);
    threads.for_each_chunk(out, length, |index, out| {
        dispatch(Part::<F> {
            fold: std::marker::PhantomData,
            p,
            x,
            start: index * length,
            out,
        });
    });
}

/// Columns that are reduced at once.
const WIDTH: usize = 1024;

/// Reduces rows onto each other, each run of them on a thread: that which wrote these rows, as a layer shares out lines.
fn by_rows<F: Fold>(threads: &Threads, x: &[f32], out: &mut [f32]) {
    let pitch = out.len();
    let runs = column::runs(x.len() / pitch);
    let mut results = [F::START; column::RUNS * WIDTH];
    for (index, out) in out.chunks_mut(WIDTH).enumerate() {
        let width = out.len();
        threads.for_each_chunk(&mut results, WIDTH, |run, result| {
            dispatch(Rows::<F> {
                fold: std::marker::PhantomData,
                columns: Columns {
                    x,
                    pitch,
                    runs: &[runs[run].clone()],
                    first: index * WIDTH,
                },
                out: &mut result[..width],
            });
        });
        let [a, b, c, d] = std::array::from_fn(|run| &results[run * WIDTH..][..width]);
        for (i, out) in out.iter_mut().enumerate() {
            *out = F::fold_scalar(F::fold_scalar(a[i], b[i]), F::fold_scalar(c[i], d[i]));
        }
    }
}

struct Rows<'a, F> {
    fold: std::marker::PhantomData<F>,
    columns: Columns<'a, 1>,
    out: &'a mut [f32],
}

impl<F: Fold> WithSimd for Rows<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        self.columns.fold::<S, F>(s, self.out);
    }
}

struct Part<'a, F> {
    fold: std::marker::PhantomData<F>,
    p: &'a Reduce,
    x: &'a [f32],
    /// Where `out` starts in the whole result.
    start: usize,
    out: &'a mut [f32],
}

impl<F: Fold> WithSimd for Part<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let Reduce { reduced, inner, .. } = *self.p;
        if inner == 1 {
            for (index, out) in self.out.iter_mut().enumerate() {
                let x = &self.x[(self.start + index) * reduced..][..reduced];
                *out = row::fold::<S, F>(
                    s,
                    x,
                    #[inline(always)]
                    |x| x,
                    F::START,
                );
            }
            return;
        }
        let runs = column::runs(reduced);
        let (mut position, mut rest) = (self.start, self.out);
        while !rest.is_empty() {
            let (outer, first) = (position / inner, position % inner);
            let (out, tail) = rest.split_at_mut((inner - first).min(rest.len()));
            let columns = Columns {
                x: &self.x[outer * reduced * inner..][..reduced * inner],
                pitch: inner,
                runs: &runs,
                first,
            };
            columns.fold::<S, F>(s, out);
            position += out.len();
            rest = tail;
        }
    }
}

#[cfg(test)]
mod tests;
