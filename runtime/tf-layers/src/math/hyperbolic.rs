//! Sigmoidal functions.

use super::copysign;
use super::exp::{exp_of_negated, exp_of_negative_magnitude, expm1_of_non_positive};
use super::log::log1p;
use crate::simd::Simd;

/// `tanh x = -e / (2 + e)` with `e = expm1(-2 |x|)`, and the sign of `x`: exactly ±1 from 9.02 on; keeps the sign of a zero.
///
/// 2.5 ULP.
#[inline(always)]
pub fn tanh<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let e = expm1_of_non_positive(s, s.splat(-2.0) * s.abs(x));
    copysign(s, e / (s.splat(2.0) + e), x)
}

/// `1 / (1 + e^-x)`; 0 where `e^-x` is infinite, below -88.72, instead of less than 3e-39.
///
/// 4.0 ULP above -30, growing to 6.6 at -88.
#[inline(always)]
pub fn sigmoid<S: Simd>(s: S, x: S::F32) -> S::F32 {
    s.splat(1.0) / (s.splat(1.0) + exp_of_negated(s, x))
}

/// `x sigmoid(x)`, TensorFlow's `silu`; NaN at -∞, as there.
///
/// 4.2 ULP above -30, growing to 6.6 at -88; 0 below -88.72, instead of less than 3e-37.
#[inline(always)]
pub fn swish<S: Simd>(s: S, x: S::F32) -> S::F32 {
    x / (s.splat(1.0) + exp_of_negated(s, x))
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
