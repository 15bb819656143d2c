//! Logarithms.

use super::exp::{LN_2_HIGH, LN_2_LOW};
use super::polynomial;
use crate::simd::Simd;

/// `ln(x + rest)` for positive normal and denormal `x`, and a `rest` that is tiny against `x`.
///
/// `x = 2^n m` with `√½ <= m < √2`, then `ln(1 + f) = f - f²/2 + f³ p(f)` with p minimax for the relative error, 8e-10.
#[inline(always)]
fn log_positive<S: Simd>(s: S, x: S::F32, rest: S::F32) -> S::F32 {
    // Denormal numbers become normal.
    let tiny = s.less(x, s.splat(f32::MIN_POSITIVE));
    let scaled = s.select(tiny, x * s.splat(33_554_432.0), x);
    let offset = s.select(tiny, s.splat(-25.0), s.zero());

    let bits = s.bitcast_i32(scaled);
    let root_half = s.splat_i32(std::f32::consts::FRAC_1_SQRT_2.to_bits().cast_signed());
    let n = s.shift_right(bits - root_half, 23);
    let m = s.bitcast_f32(bits - s.shift_left(n, 23));
    let n = s.to_f32(n) + offset;

    let f = m - s.splat(1.0);
    let c = [
        0.333_333_13,
        -0.250_000_1,
        0.200_020_72,
        -0.166_679_89,
        0.142_203_58,
        -0.124_062_34,
        0.118_835_494,
        -0.116_701_01,
        0.067_492_7,
    ];
    let square = f * f;
    let tail = s.mul_add(f * square, polynomial(s, f, c), rest / x);
    let tail = s.mul_add(n, s.splat(LN_2_LOW), tail);
    let tail = s.mul_add(square, s.splat(-0.5), tail);
    s.mul_add(n, s.splat(LN_2_HIGH), f + tail)
}

/// Puts in the logarithms of 0, infinity, NaN and what lies below 0.
#[inline(always)]
fn with_limits<S: Simd>(s: S, x: S::F32, log: S::F32) -> S::F32 {
    let infinity = s.splat(f32::INFINITY);
    // Infinity and NaN stand for themselves.
    let log = s.select(s.less(x, infinity), log, x);
    let log = s.select(s.equal(x, s.zero()), -infinity, log);
    s.select(s.less(x, s.zero()), s.splat(f32::NAN), log)
}

/// `ln x`; -∞ at 0, NaN below.
///
/// 0.8 ULP.
#[inline(always)]
pub fn log<S: Simd>(s: S, x: S::F32) -> S::F32 {
    with_limits(s, x, log_positive(s, x, s.zero()))
}

/// `ln(1 + x)` without cancellation next to 0; -∞ at -1, NaN below; keeps the sign of a zero.
///
/// 0.8 ULP.
#[inline(always)]
pub fn log1p<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let one = s.splat(1.0);
    let u = one + x;
    // What the sum has rounded away, exactly (Knuth's TwoSum).
    let x_part = u - one;
    let rest = (one - (u - x_part)) + (x - x_part);
    let log = with_limits(s, u, log_positive(s, u, rest));
    s.select(s.equal(u, one), x, log)
}
