//! Functions that are rare in models: each lane by the standard library's f64 function, so the f32 result is correctly
//! rounded but for about one argument in 10^8. Some 10 times slower than the vector functions.

use crate::simd::Simd;

/// At least as many as any instruction set has lanes.
const MAX_LANES: usize = 16;

/// `f` of each lane.
#[inline(always)]
pub(super) fn lanewise<S: Simd>(s: S, x: S::F32, f: impl Fn(f32) -> f32) -> S::F32 {
    let mut lanes = [0.0; MAX_LANES];
    s.store(x, &mut lanes);
    for lane in &mut lanes[..S::LANES] {
        *lane = f(*lane);
    }
    s.load(&lanes)
}

/// `f` of each pair of lanes.
#[inline(always)]
pub(super) fn lanewise2<S: Simd>(
    s: S,
    x: S::F32,
    y: S::F32,
    f: impl Fn(f32, f32) -> f32,
) -> S::F32 {
    let (mut lanes, mut others) = ([0.0; MAX_LANES], [0.0; MAX_LANES]);
    s.store(x, &mut lanes);
    s.store(y, &mut others);
    for (lane, other) in lanes[..S::LANES].iter_mut().zip(others) {
        *lane = f(*lane, other);
    }
    s.load(&lanes)
}

macro_rules! functions {
    ($($(#[$doc:meta])+ $name:ident = $f:path;)+) => { $(
        $(#[$doc])+
        #[inline(always)]
        pub fn $name<S: Simd>(s: S, x: S::F32) -> S::F32 {
            lanewise(s, x, |x| $f(f64::from(x)) as f32)
        }
    )+ };
}

functions! {
    /// Tangent of an angle in radians.
    tan = f64::tan;
    /// Hyperbolic sine.
    sinh = f64::sinh;
    /// Hyperbolic cosine.
    cosh = f64::cosh;
    /// Angle in `-π/2..=π/2` with this sine; NaN outside of `-1..=1`.
    asin = f64::asin;
    /// Angle in `0..=π` with this cosine; NaN outside of `-1..=1`.
    acos = f64::acos;
    /// Angle in `-π/2..=π/2` with this tangent.
    atan = f64::atan;
    /// Inverse hyperbolic sine.
    asinh = f64::asinh;
    /// Inverse hyperbolic cosine; NaN below 1.
    acosh = f64::acosh;
    /// Inverse hyperbolic tangent; NaN outside of `-1..=1`.
    atanh = f64::atanh;
}

/// Angle in `-π..=π` of the point `(x, y)`.
#[inline(always)]
pub fn atan2<S: Simd>(s: S, y: S::F32, x: S::F32) -> S::F32 {
    lanewise2(s, y, x, |y, x| f64::from(y).atan2(f64::from(x)) as f32)
}

/// `x^y` with the special cases of IEEE 754: 1 for `y = 0` and for `x = 1` even if the other is NaN; NaN for negative `x` and
/// fractional `y`.
#[inline(always)]
pub fn pow<S: Simd>(s: S, x: S::F32, y: S::F32) -> S::F32 {
    lanewise2(s, x, y, |x, y| f64::from(x).powf(f64::from(y)) as f32)
}
