//! Sigmoidal functions.

use super::copysign;
use super::exp::{exp_of_negative_magnitude, expm1_of_non_positive};
use super::log::log1p;
use crate::simd::Simd;

/// `tanh x = -e / (2 + e)` with `e = expm1(-2 |x|)`, and the sign of `x`: exactly ±1 from 9.02 on; keeps the sign of a zero.
///
/// 3.0 ULP.
#[inline(always)]
pub fn tanh<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let e = expm1_of_non_positive(s, s.splat(-2.0) * s.abs(x));
    copysign(s, e * s.reciprocal(s.splat(2.0) + e), x)
}

/// `1 / (1 + e^-x)`, as `e^x / (1 + e^x)` below 0, where the quotient keeps its relative accuracy.
///
/// 2.3 ULP.
#[inline(always)]
pub fn sigmoid<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let one = s.splat(1.0);
    let e = exp_of_negative_magnitude(s, x);
    s.select(s.less(x, s.zero()), e, one) * s.reciprocal(one + e)
}

/// `x sigmoid(x)`, TensorFlow's `silu`; NaN at -∞, as there.
///
/// 3.1 ULP, and 3e-43 where the result is below 3e-36.
#[inline(always)]
pub fn swish<S: Simd>(s: S, x: S::F32) -> S::F32 {
    x * sigmoid(s, x)
}

/// `ln(1 + e^x)`, as `max(x, 0) + ln(1 + e^-|x|)`.
///
/// 1.6 ULP.
#[inline(always)]
pub fn softplus<S: Simd>(s: S, x: S::F32) -> S::F32 {
    s.max(s.zero(), x) + log1p(s, exp_of_negative_magnitude(s, x))
}

/// `ln sigmoid(x) = -softplus(-x)`.
///
/// 1.6 ULP.
#[inline(always)]
pub fn log_sigmoid<S: Simd>(s: S, x: S::F32) -> S::F32 {
    -softplus(s, -x)
}
