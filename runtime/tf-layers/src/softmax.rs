//! Softmax along an axis.

use crate::kernels::block::Block;
use crate::kernels::threads::Threads;
use crate::math::{exp_of_non_positive, log};
use crate::parallel::part;
use crate::reduce::row::{BLOCK, WIDE, load_filled};
use crate::simd::{Simd, WithSimd, dispatch};

/// A softmax over the middle axis of `[outer, axis, inner]`; `outer` follows from the lengths. `inner` is 1 for the last axis.
#[derive(Debug, Clone, Copy)]
pub struct Softmax {
    axis: usize,
    inner: usize,
}

impl Softmax {
    /// Over an axis of length `axis` with `inner` elements behind it.
    ///
    /// # Panics
    /// If a length is 0.
    #[must_use]
    pub const fn new(axis: usize, inner: usize) -> Self {
        assert!(axis * inner > 0, "softmax: an axis without elements");
        Self { axis, inner }
    }
}

/// Elements that are worth a second thread.
const PART: usize = 8192;

/// `out[o, a, i] = e^x[o, a, i] / Σ_k e^x[o, k, i]`, with the largest element subtracted before.
///
/// NaN along the whole axis if it has a NaN or an ∞, or nothing but -∞. An exponential below 1.2e-38 is 0, as in TensorFlow,
/// whose threads flush denormal numbers: masked positions would take twenty times as long.
///
/// # Panics
/// If a length does not fit `p`.
pub fn softmax(threads: &Threads, p: &Softmax, x: &[f32], out: &mut [f32]) {
    run::<false>(threads, p, Some(x), out);
}

/// [`softmax`] of `out` itself.
///
/// # Panics
/// If the length does not fit `p`.
pub fn softmax_in_place(threads: &Threads, p: &Softmax, out: &mut [f32]) {
    run::<false>(threads, p, None, out);
}

/// `ln softmax(x)`, as `x - max - ln Σ e^(x - max)`, which does not underflow.
///
/// # Panics
/// If a length does not fit `p`.
pub fn log_softmax(threads: &Threads, p: &Softmax, x: &[f32], out: &mut [f32]) {
    run::<true>(threads, p, Some(x), out);
}

/// [`log_softmax`] of `out` itself.
///
/// # Panics
/// If the length does not fit `p`.
pub fn log_softmax_in_place(threads: &Threads, p: &Softmax, out: &mut [f32]) {
    run::<true>(threads, p, None, out);
}

fn run<const LOG: bool>(threads: &Threads, p: &Softmax, x: Option<&[f32]>, out: &mut [f32]) {
    let block = p.axis * p.inner;
    let fits = x.is_none_or(|x| x.len() == out.len()) && out.len().is_multiple_of(block);
    assert!(fits, "softmax: {} elements do not fit {p:?}", out.len());
    let length = part(threads, out.len(), block, PART);
    threads.for_each_chunk(out, length, |index, out| {
        if let Some(x) = x {
            out.copy_from_slice(&x[index * length..][..out.len()]);
        }
        dispatch(Part::<LOG> { p, out });
    });
}

struct Part<'a, const LOG: bool> {
    p: &'a Softmax,
    out: &'a mut [f32],
}

impl<const LOG: bool> WithSimd for Part<'_, LOG> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let Softmax { axis, inner } = *self.p;
        if inner == 1 {
            return rows::<S, LOG>(s, self.out, axis);
        }
        for x in self.out.chunks_exact_mut(axis * inner) {
            for column in (0..inner).step_by(S::LANES) {
                let width = (inner - column).min(S::LANES);
                columns::<S, LOG>(s, &mut x[column..], inner, width);
            }
        }
    }
}

/// The most rows that are taken together: all are searched for their largest element before any goes on to its
/// exponentials, and so on. The steps of one row wait for each other, so that row by row 128 elements take twice the time.
const ROWS: usize = 8;

/// Elements of these rows, which the first-level cache keeps.
const TOGETHER: usize = 1024;

/// Contiguous axes of length `axis`.
#[inline(always)]
fn rows<S: Simd, const LOG: bool>(s: S, x: &mut [f32], axis: usize) {
    for x in x.chunks_mut((TOGETHER / axis).clamp(1, ROWS) * axis) {
        let mut max = [0.0; ROWS];
        let mut term = [0.0; ROWS];
        for (x, max) in x.chunks_exact(axis).zip(&mut max) {
            *max = largest(s, x);
        }
        for ((x, max), term) in x.chunks_exact_mut(axis).zip(max).zip(&mut term) {
            let sum = exponentials::<S, LOG>(s, x, max);
            *term = if LOG { sum } else { 1.0 / sum };
        }
        for ((x, max), term) in x.chunks_exact_mut(axis).zip(max).zip(term) {
            let (max, term) = (s.splat(max), s.splat(term));
            if LOG {
                let log_sum = log(s, term);
                Block::row(x).map(
                    s,
                    #[inline(always)]
                    |x| (x - max) - log_sum,
                );
            } else {
                Block::row(x).map(
                    s,
                    #[inline(always)]
                    |x| x * term,
                );
            }
        }
    }
}

/// The largest element; unspecified if one is NaN. A fold of `Max` says NaN then, for which a row of 128 takes 12 cycles more
/// for each vector; here the exponentials say it.
#[inline(always)]
fn largest<S: Simd>(s: S, x: &[f32]) -> f32 {
    let mut max = [s.splat(f32::NEG_INFINITY); WIDE];
    let mut wide = x.chunks_exact(WIDE * S::LANES);
    for x in &mut wide {
        for (max, x) in max.iter_mut().zip(x.chunks_exact(S::LANES)) {
            *max = s.max(*max, s.load(x));
        }
    }
    let mut vectors = wide.remainder().chunks_exact(S::LANES);
    for x in &mut vectors {
        max[0] = s.max(max[0], s.load(x));
    }
    let tail = vectors.remainder();
    if !tail.is_empty() {
        max[1] = s.max(max[1], load_filled(s, tail, f32::NEG_INFINITY));
    }
    s.reduce_max(s.max(s.max(max[0], max[1]), s.max(max[2], max[3])))
}

/// The sum of `e^(x - max)`, which replace the elements unless `LOG`.
///
/// Blocks are added up by themselves, so that the sum's rounding errors do not grow with its length.
#[inline(always)]
fn exponentials<S: Simd, const LOG: bool>(s: S, x: &mut [f32], max: f32) -> f32 {
    let max = s.splat(max);
    let mut total = s.zero();
    for x in x.chunks_mut(BLOCK * WIDE * S::LANES) {
        let mut sum = [s.zero(); WIDE];
        let mut wide = x.chunks_exact_mut(WIDE * S::LANES);
        for x in &mut wide {
            for (sum, x) in sum.iter_mut().zip(x.chunks_exact_mut(S::LANES)) {
                let e = exp_of_non_positive(s, s.load(x) - max);
                *sum = *sum + e;
                if !LOG {
                    s.store(e, x);
                }
            }
        }
        let mut vectors = wide.into_remainder().chunks_exact_mut(S::LANES);
        for x in &mut vectors {
            let e = exp_of_non_positive(s, s.load(x) - max);
            sum[0] = sum[0] + e;
            if !LOG {
                s.store(e, x);
            }
        }
        let tail = vectors.into_remainder();
        if !tail.is_empty() {
            let x = load_filled(s, tail, f32::NEG_INFINITY);
            let e = exp_of_non_positive(s, x - max);
            sum[1] = sum[1] + e;
            if !LOG {
                s.store_partial(e, tail);
            }
        }
        total = total + ((sum[0] + sum[1]) + (sum[2] + sum[3]));
    }
    s.reduce_sum(total)
}

/// `width` axes side by side, whose elements are `pitch` apart.
#[inline(always)]
fn columns<S: Simd, const LOG: bool>(s: S, x: &mut [f32], pitch: usize, width: usize) {
    let mut max = s.splat(f32::NEG_INFINITY);
    for x in x.chunks(pitch) {
        max = s.max(max, s.load_partial(&x[..width]));
    }
    let mut sum = s.zero();
    for x in x.chunks_mut(pitch) {
        let e = exp_of_non_positive(s, s.load_partial(&x[..width]) - max);
        sum = sum + e;
        if !LOG {
            s.store_partial(e, &mut x[..width]);
        }
    }
    let (scale, log_sum) = if LOG {
        (sum, log(s, sum))
    } else {
        (s.splat(1.0) / sum, sum)
    };
    for x in x.chunks_mut(pitch) {
        let x = &mut x[..width];
        let value = s.load_partial(x);
        let value = if LOG {
            (value - max) - log_sum
        } else {
            value * scale
        };
        s.store_partial(value, x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;

    fn naive(p: &Softmax, x: &[f32]) -> (Vec<f64>, Vec<f64>) {
        let block = p.axis * p.inner;
        let at = |i: usize, k: usize| f64::from(x[i / block * block + k * p.inner + i % p.inner]);
        (0..x.len())
            .map(|i| {
                let max = (0..p.axis)
                    .map(|k| at(i, k))
                    .fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = (0..p.axis).map(|k| (at(i, k) - max).exp()).sum();
                let shifted = f64::from(x[i]) - max;
                (shifted.exp() / sum, shifted - sum.ln())
            })
            .unzip()
    }

    fn check(outer: usize, axis: usize, inner: usize) {
        let p = Softmax::new(axis, inner);
        let x: Vec<f32> = (0..outer * axis * inner)
            .map(|i| ((i * 31 + 7) % 97) as f32 * 0.25 - 12.0)
            .collect();
        let (expected, expected_log) = naive(&p, &x);
        for isa in Isa::available() {
            isa.force(|| {
                let mut bits = Vec::new();
                for threads in [Threads::single(), Threads::new(2)] {
                    let (mut out, mut in_place) = (vec![-1.0; x.len()], x.clone());
                    softmax(&threads, &p, &x, &mut out);
                    softmax_in_place(&threads, &p, &mut in_place);
                    assert_eq!(out, in_place, "{p:?}");
                    let (mut log_out, mut log_in_place) = (vec![-1.0; x.len()], x.clone());
                    log_softmax(&threads, &p, &x, &mut log_out);
                    log_softmax_in_place(&threads, &p, &mut log_in_place);
                    assert_eq!(log_out, log_in_place, "{p:?}");
                    for i in 0..x.len() {
                        // exp 1 ULP, its argument and the sum some more.
                        let close = (f64::from(out[i]) / expected[i] - 1.0).abs() < 1e-6;
                        assert!(
                            close,
                            "{p:?} {}: {} is not {}",
                            isa.name(),
                            out[i],
                            expected[i]
                        );
                        let error = (f64::from(log_out[i]) - expected_log[i]).abs();
                        assert!(error < 1e-5, "{p:?} {}: log off by {error}", isa.name());
                    }
                    bits.push(
                        out.into_iter()
                            .chain(log_out)
                            .map(f32::to_bits)
                            .collect::<Vec<_>>(),
                    );
                }
                assert_eq!(bits[0], bits[1], "{p:?}");
            });
        }
    }

    #[test]
    fn rows_of_every_length() {
        for axis in (1..=70).chain([127, 128, 129, 1000]) {
            check(3, axis, 1);
        }
    }

    #[test]
    fn columns_of_every_width() {
        for inner in 1..=35 {
            check(2, 5, inner);
        }
    }

    #[test]
    fn shared_among_threads() {
        check(300, 100, 1);
        check(40, 10, 100);
    }

    #[test]
    fn extremes() {
        let inf = f32::INFINITY;
        for inner in [1, 3] {
            for isa in Isa::available() {
                isa.force(|| {
                    let cases: [([f32; 2], [f32; 2]); 7] = [
                        ([1000.0, 0.0], [1.0, 0.0]),
                        // 6e-42, which is denormal.
                        ([-95.0, 0.0], [0.0, 1.0]),
                        ([-inf, 5.0], [0.0, 1.0]),
                        ([-1e30, -1e30], [0.5, 0.5]),
                        ([inf, 0.0], [f32::NAN; 2]),
                        ([-inf, -inf], [f32::NAN; 2]),
                        ([0.0, f32::NAN], [f32::NAN; 2]),
                    ];
                    for (x, expected) in cases {
                        let mut out: Vec<f32> = x
                            .iter()
                            .flat_map(|&x| std::iter::repeat_n(x, inner))
                            .collect();
                        softmax_in_place(&Threads::single(), &Softmax::new(2, inner), &mut out);
                        for (i, out) in out.iter().enumerate() {
                            let expected = expected[i / inner];
                            // The second element of the infinite case is 0 in exact arithmetic.
                            let same = *out == expected
                                || expected.is_nan() && (out.is_nan() || x == [inf, 0.0]);
                            assert!(same, "{x:?} gives {out} on {}", isa.name());
                        }
                    }
                });
            }
        }
    }
}
