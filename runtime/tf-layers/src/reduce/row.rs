//! Reductions of contiguous elements.

use super::Fold;
use crate::simd::Simd;

/// Vectors that are accumulated side by side: enough to hide the latency of an addition.
pub(crate) const WIDE: usize = 4;

/// Steps after which a partial result is put aside, so that a sum's rounding errors do not grow with its length.
pub(crate) const BLOCK: usize = 64;

/// Folds `f` of all elements. The tail is filled up with `neutral`, whose `f` must be the neutral element.
#[inline(always)]
pub(crate) fn fold<S: Simd, F: Fold>(
    s: S,
    x: &[f32],
    f: impl Fn(S::F32) -> S::F32,
    neutral: f32,
) -> f32 {
    let start = s.splat(F::START);
    // Levels of partial results: of 64 steps, of 64 blocks, of all.
    let mut top = start;
    for x in x.chunks(BLOCK * BLOCK * WIDE * S::LANES) {
        let mut middle = start;
        for x in x.chunks(BLOCK * WIDE * S::LANES) {
            middle = F::fold(s, middle, fold_block::<S, F>(s, x, &f, neutral));
        }
        top = F::fold(s, top, middle);
    }
    F::fold_lanes(s, top)
}

#[inline(always)]
fn fold_block<S: Simd, F: Fold>(
    s: S,
    x: &[f32],
    f: &impl Fn(S::F32) -> S::F32,
    neutral: f32,
) -> S::F32 {
    let start = s.splat(F::START);
    let (mut a, mut b, mut c, mut d) = (start, start, start, start);
    let mut wide = x.chunks_exact(WIDE * S::LANES);
    for x in &mut wide {
        let (x0, rest) = x.split_at(S::LANES);
        let (x1, rest) = rest.split_at(S::LANES);
        let (x2, x3) = rest.split_at(S::LANES);
        a = F::fold(s, a, f(s.load(x0)));
        b = F::fold(s, b, f(s.load(x1)));
        c = F::fold(s, c, f(s.load(x2)));
        d = F::fold(s, d, f(s.load(x3)));
    }
    let mut vectors = wide.remainder().chunks_exact(S::LANES);
    for x in &mut vectors {
        a = F::fold(s, a, f(s.load(x)));
    }
    let tail = vectors.remainder();
    if !tail.is_empty() {
        b = F::fold(s, b, f(load_filled(s, tail, neutral)));
    }
    F::fold(s, F::fold(s, a, b), F::fold(s, c, d))
}

/// The elements of `x`, which are fewer than a vector's, then `fill`.
#[inline(always)]
pub(crate) fn load_filled<S: Simd>(s: S, x: &[f32], fill: f32) -> S::F32 {
    const LANE: [f32; 16] = {
        let mut lane = [0.0; 16];
        let mut i = 0;
        while i < 16 {
            lane[i] = i as f32;
            i += 1;
        }
        lane
    };
    let present = s.less(s.load(&LANE), s.splat(x.len() as f32));
    s.select(present, s.load_partial(x), s.splat(fill))
}
