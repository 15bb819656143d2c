//! The error function and what is made of it.

use super::exp::{exp_extended, exp2, expm1_of_non_positive};
use super::hyperbolic::sigmoid;
use super::{copysign, polynomial};
use crate::simd::Simd;

/// `erf x = 2/√π ∫ e^-t² dt` over `0..x`: exactly ±1 from 3.93 on; keeps the sign of a zero.
///
/// `erf |x| = 1 - e^(-y)` with `y = |x| q(|x|)`: q is smooth, so one polynomial serves all of `0..3.93`, and the relative
/// error of `y` is that of the result at most. 2.6 ULP.
#[inline(always)]
pub fn erf<S: Simd>(s: S, x: S::F32) -> S::F32 {
    // From 3.9193 on the exact value rounds to 1.
    let magnitude = s.min(s.splat(3.93), s.abs(x));
    let c = [
        std::f32::consts::FRAC_2_SQRT_PI,
        0.636_616_6,
        0.102_809_325,
        -0.019_290_674,
        0.000_129_361_3,
        0.001_344_662_2,
        -0.000_439_901_7,
        5.924_714e-5,
        -2.277_609e-6,
    ];
    let y = magnitude * polynomial(s, magnitude, c);
    copysign(s, expm1_of_non_positive(s, -y), x)
}

/// `erfc z` for `0 <= z <= 10.3`, given `z²` as a sum: the relative error of a rounded square would become an absolute one
/// in the exponent.
///
/// `e^(-z²) t p(u)` with `u = (3 - z) / (3 + z)`, `t = 3 / (3 + z) = (1 + u) / 2` and p minimax, 8e-9.
#[inline(always)]
fn tail<S: Simd>(s: S, z: S::F32, square: S::F32, rest: S::F32) -> S::F32 {
    let three = s.splat(3.0);
    let u = (three - z) / (three + z);
    let t = s.mul_add(u, s.splat(0.5), s.splat(0.5));
    let c = [
        0.358_002_3,
        0.294_464_83,
        0.196_742_61,
        0.103_488_73,
        0.039_844_617,
        0.008_945_86,
        -0.000_413_984_15,
        -0.001_023_477_9,
        -0.000_155_939_39,
        0.000_104_447_95,
    ];
    exp_extended(s, -square, -rest) * t * polynomial(s, u, c)
}

/// `x²` as a sum: the square of the upper twelve bits, which is exact, and the rest.
#[inline(always)]
fn square<S: Simd>(s: S, x: S::F32) -> (S::F32, S::F32) {
    let high = s.bitcast_f32(s.bitcast_i32(x) & s.splat_i32(!0xfff));
    (high * high, (x - high) * (x + high))
}

/// `1 - erf x`, with full relative accuracy for large `x`; 0 above 10.06. `2 - erfc |x|` below 0.
///
/// 5.2 ULP: 4e-7 where it is next to 1.
#[inline(always)]
pub fn erfc<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let magnitude = s.min(s.splat(10.1), s.abs(x));
    let (high, rest) = square(s, magnitude);
    let tail = tail(s, magnitude, high, rest);
    s.select(s.less(x, s.zero()), s.splat(2.0) - tail, tail)
}

/// `x Φ(x) = x/2 erfc(-x/√2)`: GELU without cancellation below 0; NaN at -∞.
///
/// It is `max(x, 0) - |x| Φ(-|x|)`, and `Φ(-|x|)` is 2 to the power of a polynomial, minimax for `|x|` up to 6.5. Relative
/// error `4e-7 (1 + x²/2)` below 0 and 3e-7 above, of which the most is the rounding of the exponent; below -6.5 the value
/// at -6.5, which is -2.6e-10.
#[inline(always)]
pub fn gelu<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let c = [
        -1.0,
        -1.151_109_9,
        -0.459_173_4,
        -0.052_585_576,
        0.007_160_388_4,
        -1.742_321_5e-4,
        -1.961_099e-4,
        5.238_354_8e-5,
        -6.877_525_3e-6,
        4.819_094e-7,
        -1.431_799_5e-8,
    ];
    let magnitude = s.min(s.splat(6.5), s.abs(x));
    let tail = exp2(s, polynomial(s, magnitude, c));
    // max(x, 0), but NaN at -∞, where TensorFlow multiplies it by 0.
    let positive = x - s.min(s.zero(), x);
    s.mul_add(-magnitude, tail, positive)
}

/// `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`, the approximation of GELU, as the equal `x sigmoid(2 √(2/π) (x + …))`, which
/// has no cancellation; NaN at -∞.
///
/// Relative error 3e-7 `(1 + |u|)`, where `u` is the argument of the sigmoid.
#[inline(always)]
pub fn gelu_tanh<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let cubic = s.mul_add(x * x, s.splat(0.044_715), s.splat(1.0));
    x * sigmoid(s, s.splat(1.595_769) * x * cubic)
}
