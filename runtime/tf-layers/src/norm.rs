//! Normalisation of rows by their own mean and variance.

use crate::kernels::threads::Threads;
use crate::parallel::part;
use crate::reduce::Sum;
use crate::reduce::row::fold;
use crate::simd::{Simd, WithSimd, dispatch};

/// Layer normalisation of rows of `features` elements, Keras's `LayerNormalization` over the last axis; the number of rows
/// follows from the lengths.
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm {
    features: usize,
    epsilon: f32,
}

impl LayerNorm {
    /// Rows of `features` elements; `epsilon` is added to the variance.
    ///
    /// # Panics
    /// If `features` is 0.
    #[must_use]
    pub const fn new(features: usize, epsilon: f32) -> Self {
        assert!(features > 0, "layer_norm: rows without elements");
        Self { features, epsilon }
    }
}

/// Elements that are worth a second thread.
const PART: usize = 16_384;

/// `out = (x - mean) / √(variance + epsilon) * scale + offset`, with the mean and the variance (divided by the number of
/// elements) of each row (Ba et al., Layer Normalization, 2016).
///
/// The variance is taken from the differences to the mean, so that it has no cancellation.
///
/// # Panics
/// If a length does not fit `p`.
pub fn layer_norm(
    threads: &Threads,
    p: &LayerNorm,
    x: &[f32],
    scale: &[f32],
    offset: &[f32],
    out: &mut [f32],
) {
    run(threads, p, Some(x), scale, offset, out);
}

/// [`layer_norm`] of `out` itself.
///
/// # Panics
/// If a length does not fit `p`.
pub fn layer_norm_in_place(
    threads: &Threads,
    p: &LayerNorm,
    scale: &[f32],
    offset: &[f32],
    out: &mut [f32],
) {
    run(threads, p, None, scale, offset, out);
}

fn run(
    threads: &Threads,
    p: &LayerNorm,
    x: Option<&[f32]>,
    scale: &[f32],
    offset: &[f32],
    out: &mut [f32],
) {
    assert!(
        x.is_none_or(|x| x.len() == out.len()) && out.len().is_multiple_of(p.features),
        "layer_norm: {} elements do not fit {p:?}",
        out.len()
    );
    assert!(
        scale.len() == p.features && offset.len() == p.features,
        "layer_norm: {} scales and {} offsets do not fit {p:?}",
        scale.len(),
        offset.len()
    );
    let length = part(threads, out.len(), p.features, PART);
    threads.for_each_chunk(out, length, |index, out| {
        if let Some(x) = x {
            out.copy_from_slice(&x[index * length..][..out.len()]);
        }
        dispatch(Part {
            p,
            scale,
            offset,
            out,
        });
    });
}

struct Part<'a> {
    p: &'a LayerNorm,
    scale: &'a [f32],
    offset: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let count = self.p.features as f32;
        for x in self.out.chunks_exact_mut(self.p.features) {
            let mean = fold::<S, Sum>(
                s,
                x,
                #[inline(always)]
                |x| x,
                0.0,
            ) / count;
            let mean_vector = s.splat(mean);
            let squares = fold::<S, Sum>(
                s,
                x,
                #[inline(always)]
                |x| (x - mean_vector) * (x - mean_vector),
                mean,
            );
            let variance = squares / count;
            let factor = s.splat(1.0 / (variance + self.p.epsilon).sqrt());
            let mut scale = self.scale.chunks_exact(S::LANES);
            let mut offset = self.offset.chunks_exact(S::LANES);
            let mut vectors = x.chunks_exact_mut(S::LANES);
            for ((x, scale), offset) in (&mut vectors).zip(&mut scale).zip(&mut offset) {
                let normal = (s.load(x) - mean_vector) * factor;
                s.store(s.mul_add(normal, s.load(scale), s.load(offset)), x);
            }
            let tail = vectors.into_remainder();
            if !tail.is_empty() {
                // The iterators above stop with the shortest, after the same number of vectors each.
                let done = self.scale.len() - tail.len();
                let scale = s.load_partial(&self.scale[done..]);
                let offset = s.load_partial(&self.offset[done..]);
                let normal = (s.load_partial(tail) - mean_vector) * factor;
                s.store_partial(s.mul_add(normal, scale, offset), tail);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;

    fn numbers(length: usize, step: usize, modulus: usize) -> Vec<f32> {
        (0..length)
            .map(|i| (i * step % modulus) as f32 * 0.1 - 3.0)
            .collect()
    }

    fn check(rows: usize, features: usize, shift: f32) {
        let p = LayerNorm::new(features, 1e-3);
        let x: Vec<f32> = numbers(rows * features, 37, 101)
            .iter()
            .map(|x| x + shift)
            .collect();
        let (scale, offset) = (numbers(features, 7, 53), numbers(features, 11, 47));
        let mut expected = Vec::new();
        for x in x.chunks(features) {
            let x: Vec<f64> = x.iter().copied().map(f64::from).collect();
            let mean = x.iter().sum::<f64>() / x.len() as f64;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
            let factor = 1.0 / (variance + 1e-3).sqrt();
            expected.extend(
                x.iter()
                    .zip(scale.iter().zip(&offset))
                    .map(|(x, (scale, offset))| {
                        (x - mean) * factor * f64::from(*scale) + f64::from(*offset)
                    }),
            );
        }
        for isa in Isa::available() {
            isa.force(|| {
                let mut first = None;
                for threads in [Threads::single(), Threads::new(2)] {
                    let (mut out, mut in_place) = (vec![-1.0; x.len()], x.clone());
                    layer_norm(&threads, &p, &x, &scale, &offset, &mut out);
                    layer_norm_in_place(&threads, &p, &scale, &offset, &mut in_place);
                    assert_eq!(out, in_place, "{p:?}");
                    for (out, expected) in out.iter().zip(&expected) {
                        // The rounding of x - mean, which is as large as that of the mean.
                        let limit = 1e-5 * f64::from(1.0 + shift);
                        let close = (f64::from(*out) - expected).abs() <= limit;
                        assert!(close, "{p:?} on {}: {out} is not {expected}", isa.name());
                    }
                    assert_eq!(first.get_or_insert(out.clone()), &out, "{p:?}");
                }
            });
        }
    }

    #[test]
    fn rows_of_every_length() {
        for features in (1..=70).chain([127, 128, 129, 768]) {
            check(3, features, 0.0);
        }
    }

    #[test]
    fn shared_among_threads() {
        check(500, 100, 0.0);
    }

    #[test]
    fn a_large_mean_does_not_cancel() {
        check(3, 100, 100.0);
    }
}
