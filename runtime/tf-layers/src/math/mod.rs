//! Functions of one and two variables on vectors, for activations, elementwise chains and reductions.
//!
//! Each function says how far its results can be from the exact ones, in units in the last place (ULP) of the result, as
//! measured against the standard library's f64 functions or libm's over a sample of all f32 arguments. NaN gives NaN,
//! unless a function says otherwise. The functions are generic over the instruction set and have the signature of an
//! operation of [`Simd`], so that they can be called in a [`Region`](crate::Region).

mod erf;
mod exp;
mod hyperbolic;
mod lanewise;
mod log;
mod rounding;
mod trigonometric;

pub use erf::{erf, erfc, gelu, gelu_tanh};
pub(crate) use exp::exp_of_non_positive;
pub use exp::{exp, expm1};
pub use hyperbolic::{log_sigmoid, sigmoid, softplus, swish, tanh};
pub use lanewise::{acos, acosh, asin, asinh, atan, atan2, atanh, cosh, pow, sinh, tan};
pub use log::{log, log1p};
pub use rounding::{
    floor_div, floor_mod, maximum, minimum, reciprocal, rsqrt, sign, truncate, truncate_mod,
};
pub use trigonometric::{cos, sin};

use crate::simd::Simd;

/// `c[0] + c[1] x + c[2] x² + …` by Horner's rule.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(s: S, x: S::F32, c: [f32; N]) -> S::F32 {
    let mut sum = s.splat(c[N - 1]);
    for &c in c[..N - 1].iter().rev() {
        sum = s.mul_add(sum, x, s.splat(c));
    }
    sum
}

/// `|magnitude|` with the sign of `sign`.
#[inline(always)]
fn copysign<S: Simd>(s: S, magnitude: S::F32, sign: S::F32) -> S::F32 {
    let mask = s.splat_i32(i32::MIN);
    let sign = s.bitcast_i32(sign) & mask;
    s.bitcast_f32(s.bitcast_i32(s.abs(magnitude)) | sign)
}

#[cfg(test)]
mod tests;
