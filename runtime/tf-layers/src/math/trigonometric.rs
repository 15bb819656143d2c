//! Sine and cosine.

use super::lanewise::lanewise;
use super::polynomial;
use crate::simd::Simd;

/// π/2 in four parts, the first three with eleven bits, so that their products with integers up to `LARGE` 2/π are exact.
const FRAC_PI_2: [f32; 4] = [1.570_312_5, 4.837_513e-4, 7.549_533_6e-8, 2.563_344e-12];

/// From here on the reduction loses accuracy, and the standard library's f64 function takes over.
const LARGE: f32 = 8192.0;

/// `sin(x + quarter π/2)` for `|x| < LARGE`, by the polynomials of sine and cosine on `-π/4..π/4`, 2e-10.
#[inline(always)]
fn sin_shifted<S: Simd>(s: S, x: S::F32, quarter: i32) -> S::F32 {
    let n = s.round(x * s.splat(std::f32::consts::FRAC_2_PI));
    let mut r = x;
    for part in FRAC_PI_2 {
        r = s.mul_add(n, s.splat(-part), r);
    }
    let quadrant = s.to_i32(n) + s.splat_i32(quarter);

    let square = r * r;
    let c = [
        -0.166_666_67,
        0.008_333_379,
        -0.000_198_530_7,
        2.832_654_7e-6,
    ];
    let sin = s.mul_add(r * square, polynomial(s, square, c), r);
    let c = [-0.5, 0.041_666_646, -0.001_388_731, 2.443_232_7e-5];
    let cos = s.mul_add(square, polynomial(s, square, c), s.splat(1.0));

    let odd = s.equal_i32(quadrant & s.splat_i32(1), s.splat_i32(1));
    let value = s.select(odd, cos, sin);
    let sign = s.shift_left(quadrant & s.splat_i32(2), 30);
    s.bitcast_f32(s.bitcast_i32(value) ^ sign)
}

/// `sin x`, `x` in radians; NaN at ±∞; keeps the sign of a zero.
///
/// 1.6 ULP.
#[inline(always)]
pub fn sin<S: Simd>(s: S, x: S::F32) -> S::F32 {
    if s.all(s.less(s.abs(x), s.splat(LARGE))) {
        let sin = sin_shifted(s, x, 0);
        s.select(s.equal(x, s.zero()), x, sin)
    } else {
        lanewise(s, x, |x| f64::from(x).sin() as f32)
    }
}

/// `cos x`, `x` in radians; NaN at ±∞.
///
/// 2.2 ULP.
#[inline(always)]
pub fn cos<S: Simd>(s: S, x: S::F32) -> S::F32 {
    if s.all(s.less(s.abs(x), s.splat(LARGE))) {
        sin_shifted(s, x, 1)
    } else {
        lanewise(s, x, |x| f64::from(x).cos() as f32)
    }
}
