//! Sigmoidal functions.

use super::copysign;
use super::exp::{exp, expm1};
use super::log::log1p;
use crate::simd::Simd;

/// `tanh x = -e / (2 + e)` with `e = expm1(-2 |x|)`, and the sign of `x`: exactly ±1 from 9.02 on; keeps the sign of a zero.
///
/// 2.5 ULP.
#[inline(always)]
pub fn tanh<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let e = expm1(s, s.splat(-2.0) * s.abs(x));
    copysign(s, e / (s.splat(2.0) + e), x)
}

/// `1 / (1 + e^-x)`, as `e^x / (1 + e^x)` below 0, where the quotient keeps its relative accuracy.
///
/// 2.0 ULP.
#[inline(always)]
pub fn sigmoid<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let one = s.splat(1.0);
    let e = exp(s, -s.abs(x));
    s.select(s.less(x, s.zero()), e, one) / (one + e)
}

/// `x sigmoid(x)`, TensorFlow's `silu`; NaN at -∞, as there.
///
/// 2.9 ULP, and 3e-43 where the result is below 3e-36.
#[inline(always)]
pub fn swish<S: Simd>(s: S, x: S::F32) -> S::F32 {
    x * sigmoid(s, x)
}

/// `ln(1 + e^x)`, as `max(x, 0) + ln(1 + e^-|x|)`.
///
/// 1.6 ULP.
#[inline(always)]
pub fn softplus<S: Simd>(s: S, x: S::F32) -> S::F32 {
    s.max(s.zero(), x) + log1p(s, exp(s, -s.abs(x)))
}

/// `ln sigmoid(x) = -softplus(-x)`.
///
/// 1.6 ULP.
#[inline(always)]
pub fn log_sigmoid<S: Simd>(s: S, x: S::F32) -> S::F32 {
    -softplus(s, -x)
}
