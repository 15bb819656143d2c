//! Exponentials.

use super::{copysign, polynomial};
use crate::simd::Simd;

/// ln 2 in two parts: nine bits, so that a product with an exponent is exact, and the rest.
pub(super) const LN_2_HIGH: f32 = 355.0 / 512.0;
pub(super) const LN_2_LOW: f32 = -2.121_944_4e-4;

/// `(n, r)` with `x = n ln 2 + r` and `|r| <= ln 2 / 2` (Cody and Waite, Software Manual for the Elementary Functions, 1980).
#[inline(always)]
fn reduce<S: Simd>(s: S, x: S::F32) -> (S::F32, S::F32) {
    let n = s.round(x * s.splat(std::f32::consts::LOG2_E));
    let r = s.mul_add(n, s.splat(-LN_2_HIGH), x);
    (n, s.mul_add(n, s.splat(-LN_2_LOW), r))
}

/// `(e^r - 1 - r) / r²` for `|r| <= ln 2 / 2`: minimax for the relative error of `e^r - 1`, which is 1.4e-8. One term
/// more would make it 4e-10, a tenth of an ULP of `e^r`, for one instruction in each activation.
#[inline(always)]
fn series<S: Simd>(s: S, r: S::F32) -> S::F32 {
    let c = [
        0.499_999_97,
        0.166_665_46,
        0.041_667_443,
        0.008_366_252,
        0.001_386_998_1,
    ];
    polynomial(s, r, c)
}

/// `2^n e^r`.
#[inline(always)]
fn compose<S: Simd>(s: S, n: S::F32, r: S::F32) -> S::F32 {
    let e = s.mul_add(r * r, series(s, r), r) + s.splat(1.0);
    s.mul_exp2(e, n)
}

/// `2^n e^r` within 1.1e-7 of itself: a term shorter than [`compose`], for functions that add 1 to it.
#[inline(always)]
fn compose_short<S: Simd>(s: S, n: S::F32, r: S::F32) -> S::F32 {
    // Minimax for the relative error, which is 9.4e-8.
    let c = [
        1.0,
        0.999_999_7,
        0.499_991_48,
        0.166_676_37,
        0.041_898_068,
        0.008_290_289,
    ];
    s.mul_exp2(polynomial(s, r, c), n)
}

/// `2^k` for `|k|` up to 126, within 2e-7 of itself.
#[inline(always)]
pub(super) fn exp2<S: Simd>(s: S, k: S::F32) -> S::F32 {
    let n = s.round(k);
    // Minimax for the relative error, which is 1.05e-7.
    let c = [
        1.0,
        std::f32::consts::LN_2,
        0.240_222_83,
        0.055_505_585,
        0.009_669_691,
        0.001_330_060_5,
    ];
    s.mul_exp2(polynomial(s, k - n, c), n)
}

/// `e^(x + rest)` for a `rest` that is tiny against `x`.
#[inline(always)]
pub(super) fn exp_extended<S: Simd>(s: S, x: S::F32, rest: S::F32) -> S::F32 {
    let x = s.min(s.splat(89.0), s.max(s.splat(-104.0), x));
    let (n, r) = reduce(s, x);
    compose(s, n, r + rest)
}

/// `e^x`.
///
/// 1.0 ULP. Infinite above 88.72284, 0 below -103.97208, denormal below -87.33654.
#[inline(always)]
pub fn exp<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let (n, r) = reduce(s, s.min(s.splat(89.0), s.max(s.splat(-104.0), x)));
    compose(s, n, r)
}

/// `e^-x` within 4e-7 of itself, 2e-7 for `|x|` below 20; 0 above 89, infinite below -89.
#[inline(always)]
pub(super) fn exp_of_negated<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let x = s.min(s.splat(89.0), s.max(s.splat(-89.0), x));
    let n = s.round(x * s.splat(-std::f32::consts::LOG2_E));
    // The f32 next to ln 2 is off by 1.9e-9 only, which `n` of 128 makes 2.4e-7. Rounded apart, the product would add
    // more.
    let r = if S::FUSED {
        -s.mul_add(n, s.splat(std::f32::consts::LN_2), x)
    } else {
        let r = s.mul_add(n, s.splat(-LN_2_HIGH), -x);
        s.mul_add(n, s.splat(-LN_2_LOW), r)
    };
    compose_short(s, n, r)
}

/// `e^-|x|`, which needs no bound above.
///
/// 1.0 ULP, as [`exp`].
#[inline(always)]
pub(super) fn exp_of_negative_magnitude<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let (n, r) = reduce(s, s.max(s.splat(-104.0), -s.abs(x)));
    compose(s, n, r)
}

/// `e^x` for `x <= 0`, and 0 instead of what is denormal: a vector with one takes twenty times as long.
///
/// 1.0 ULP from -87.3 on, as [`exp`].
#[inline(always)]
pub(crate) fn exp_of_non_positive<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let least = s.splat(-87.3);
    let (n, r) = reduce(s, s.max(least, x));
    s.select(s.less(x, least), s.zero(), compose(s, n, r))
}

/// `e^x - 1` for `x <= 0`; a zero may lose its sign.
///
/// 1.5 ULP, as [`expm1`].
#[inline(always)]
pub(super) fn expm1_of_non_positive<S: Simd>(s: S, x: S::F32) -> S::F32 {
    // At -18 the result is -1 to the last bit.
    let (n, r) = reduce(s, s.max(s.splat(-18.0), x));
    let e = s.mul_add(r * r, series(s, r), r);
    let power = s.mul_exp2(s.splat(1.0), n);
    s.mul_add(power, e, power - s.splat(1.0))
}

/// `e^x - 1` without cancellation next to 0; keeps the sign of a zero.
///
/// 1.5 ULP.
#[inline(always)]
pub fn expm1<S: Simd>(s: S, x: S::F32) -> S::F32 {
    // At -18 the result is -1 to the last bit; at 89 it is infinite.
    let clamped = s.min(s.splat(89.0), s.max(s.splat(-18.0), x));
    let (n, r) = reduce(s, clamped);
    let e = s.mul_add(r * r, series(s, r), r);
    // 2^n e + (2^n - 1), half of it first, because 2^n overflows sooner than the result.
    let half = s.mul_exp2(s.splat(0.5), n);
    let half = s.mul_add(half, e, half - s.splat(0.5));
    copysign(s, half + half, x)
}
