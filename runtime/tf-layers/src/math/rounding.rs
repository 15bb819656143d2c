//! Arithmetic that is not in [`Simd`] because it is made of several instructions.

use super::lanewise::lanewise2;
use crate::simd::Simd;

/// `1 / x`, correctly rounded.
#[inline(always)]
pub fn reciprocal<S: Simd>(s: S, x: S::F32) -> S::F32 {
    s.splat(1.0) / x
}

/// `1 / √x`; infinite at 0, NaN below.
///
/// 1.5 ULP.
#[inline(always)]
pub fn rsqrt<S: Simd>(s: S, x: S::F32) -> S::F32 {
    s.splat(1.0) / s.sqrt(x)
}

/// -1, 0 or 1; NaN of NaN.
#[inline(always)]
pub fn sign<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let below = s.select(s.less(x, s.zero()), s.splat(-1.0), x);
    s.select(s.greater(x, s.zero()), s.splat(1.0), below)
}

/// The larger one; NaN if either is.
#[inline(always)]
pub fn maximum<S: Simd>(s: S, a: S::F32, b: S::F32) -> S::F32 {
    s.select(s.equal(a, a), s.max(a, b), a)
}

/// The smaller one; NaN if either is.
#[inline(always)]
pub fn minimum<S: Simd>(s: S, a: S::F32, b: S::F32) -> S::F32 {
    s.select(s.equal(a, a), s.min(a, b), a)
}

/// The integer next to `x` towards 0.
#[inline(always)]
pub fn truncate<S: Simd>(s: S, x: S::F32) -> S::F32 {
    s.select(s.less(x, s.zero()), s.ceil(x), s.floor(x))
}

/// `⌊a / b⌋`, TensorFlow's `FloorDiv`.
#[inline(always)]
pub fn floor_div<S: Simd>(s: S, a: S::F32, b: S::F32) -> S::F32 {
    s.floor(a / b)
}

/// The remainder of the division towards -∞, exact: it has the sign of `b`. TensorFlow's `FloorMod`.
#[inline(always)]
pub fn floor_mod<S: Simd>(s: S, a: S::F32, b: S::F32) -> S::F32 {
    let rest = truncate_mod(s, a, b);
    let other_side = s.less(rest * b, s.zero());
    s.select(other_side, rest + b, rest)
}

/// The remainder of the division towards 0, exact: it has the sign of `a`. TensorFlow's `TruncateMod`.
#[inline(always)]
pub fn truncate_mod<S: Simd>(s: S, a: S::F32, b: S::F32) -> S::F32 {
    lanewise2(s, a, b, |a, b| a % b)
}
