//! Every function against an f64 function, over a sample of all f32 arguments, on every instruction set.

use super::*;
use crate::simd::{Isa, WithSimd, dispatch};

/// A function on vectors that a test can name.
trait Function: Copy {
    fn eval<S: Simd>(self, s: S, x: [S::F32; 2]) -> S::F32;
}

/// Runs a function over slices, with the tail in a part of a vector.
struct Run<'a, F>(F, [&'a [f32]; 2], &'a mut [f32]);

impl<F: Function> WithSimd for Run<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let Run(function, [x, y], out) = self;
        let operands = x.chunks(S::LANES).zip(y.chunks(S::LANES));
        for (out, (x, y)) in out.chunks_mut(S::LANES).zip(operands) {
            let x = [s.load_partial(x), s.load_partial(y)];
            s.store_partial(function.eval(s, x), out);
        }
    }
}

fn run<F: Function>(function: F, x: &[f32], y: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    dispatch(Run(function, [x, y], &mut out));
    out
}

/// Distance of `got` from the exact value in units of the last place of an f32 of that size.
fn ulps(got: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    if got == rounded || got.is_nan() && exact.is_nan() {
        return 0.0;
    }
    if !got.is_finite() || !rounded.is_finite() {
        return f64::INFINITY;
    }
    // Where a factor is a denormal number, its few bits are the result's: below 2^-118 an absolute error counts.
    let size = rounded.abs().max(3e-36);
    let exponent = (size.to_bits() >> 23).cast_signed() - 127 - 23;
    (f64::from(got) - exact).abs() / f64::from(exponent).exp2()
}

/// Bits of a sample of all f32: every sign, exponent, infinity and NaN among them.
fn sample() -> Vec<f32> {
    // An odd step, so that low bits vary.
    let step = if cfg!(debug_assertions) {
        65_537
    } else {
        4_099
    };
    let mut x: Vec<f32> = (0..=u32::MAX).step_by(step).map(f32::from_bits).collect();
    let edges = [
        0.0,
        1.0,
        0.5,
        2.0,
        3.0,
        4.0,
        9.0,
        10.0,
        10.06,
        17.0,
        88.0,
        88.72,
        88.73,
        103.0,
        104.0,
        8191.9,
        8192.0,
        f32::MIN_POSITIVE,
        f32::EPSILON,
        1e-45,
        f32::MAX,
        f32::INFINITY,
    ];
    x.extend(
        edges
            .iter()
            .flat_map(|&x| [x, -x, x.next_up(), -x.next_up(), x.next_down()]),
    );
    x.push(f32::NAN);
    x
}

/// The largest error in ULP, and where; on every instruction set.
fn check<F: Function>(name: &str, function: F, exact: impl Fn(f64) -> f64, limit: f64) {
    let x = sample();
    for isa in Isa::available() {
        let out = isa.force(|| run(function, &x, &x));
        let (worst, at) = x
            .iter()
            .zip(&out)
            .map(|(&x, &out)| (ulps(out, exact(f64::from(x))), x))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap();
        println!("{name} {}: {worst:.2} ULP at {at:e}", isa.name());
        assert!(
            worst <= limit,
            "{name} on {}: {worst} ULP at {at:e}",
            isa.name()
        );
    }
}

/// The expression as a [`Function`] of vectors.
macro_rules! function {
    (|$s:ident, $x:pat_param, $y:pat_param| $body:expr) => {{
        #[derive(Clone, Copy)]
        struct Tested;
        impl Function for Tested {
            #[inline(always)]
            fn eval<S: Simd>(self, $s: S, [$x, $y]: [S::F32; 2]) -> S::F32 {
                $body
            }
        }
        Tested
    }};
}

macro_rules! functions {
    ($($test:ident: $function:ident, $limit:literal, $exact:expr;)+) => { $(
        #[test]
        fn $test() {
            check(stringify!($function), function!(|s, x, _| $function(s, x)), $exact, $limit);
        }
    )+ };
}

fn sigmoid_exact(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Zero where e^-x is above the range of f32, less than 3e-39.
fn sigmoid_flushed(x: f64) -> f64 {
    let overflows = -x > f64::from(f32::MAX).ln();
    if overflows { 0.0 } else { sigmoid_exact(x) }
}

fn softplus_exact(x: f64) -> f64 {
    (-x.abs()).exp().ln_1p() + if x < 0.0 { 0.0 } else { x }
}

functions! {
    exp_is_exact: exp, 1.0, f64::exp;
    expm1_is_exact: expm1, 1.5, f64::exp_m1;
    log_is_exact: log, 1.0, f64::ln;
    log1p_is_exact: log1p, 1.0, f64::ln_1p;
    tanh_is_exact: tanh, 2.5, f64::tanh;
    sigmoid_is_exact: sigmoid, 7.0, sigmoid_flushed;
    swish_is_exact: swish, 7.0, |x| x * sigmoid_flushed(x);
    softplus_is_exact: softplus, 2.5, softplus_exact;
    erf_is_exact: erf, 3.0, libm::erf;
    erfc_is_exact: erfc, 5.5, libm::erfc;
    sin_is_exact: sin, 2.5, f64::sin;
    cos_is_exact: cos, 2.5, f64::cos;
    rsqrt_is_exact: rsqrt, 1.5, |x| 1.0 / x.sqrt();
    tan_is_exact: tan, 0.51, f64::tan;
    atanh_is_exact: atanh, 0.51, f64::atanh;
    log_sigmoid_is_exact: log_sigmoid, 2.0, |x| -softplus_exact(-x);
}

/// Bit by bit, but for NaN, which is any NaN.
fn check_values<F: Function>(function: F, cases: &[(f32, f32, f32)]) {
    let x: Vec<f32> = cases.iter().map(|case| case.0).collect();
    let y: Vec<f32> = cases.iter().map(|case| case.1).collect();
    for isa in Isa::available() {
        let out = isa.force(|| run(function, &x, &y));
        for (out, case) in out.into_iter().zip(cases) {
            let same = out.to_bits() == case.2.to_bits() || out.is_nan() && case.2.is_nan();
            assert!(same, "{case:?} gives {out} on {}", isa.name());
        }
    }
}

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

#[test]
fn zeros_keep_their_sign() {
    let cases = [(0.0, 0.0, 0.0), (-0.0, 0.0, -0.0)];
    check_values(function!(|s, x, _| expm1(s, x)), &cases);
    check_values(function!(|s, x, _| log1p(s, x)), &cases);
    check_values(function!(|s, x, _| tanh(s, x)), &cases);
    check_values(function!(|s, x, _| erf(s, x)), &cases);
    check_values(function!(|s, x, _| sin(s, x)), &cases);
    check_values(function!(|s, x, _| truncate(s, x)), &cases);
    check_values(function!(|s, x, _| sign(s, x)), &cases);
}

#[test]
fn sigmoidal_functions_saturate() {
    let odd = [
        (9.1, 0.0, 1.0),
        (-9.1, 0.0, -1.0),
        (INF, 0.0, 1.0),
        (-INF, 0.0, -1.0),
    ];
    check_values(function!(|s, x, _| tanh(s, x)), &odd);
    check_values(function!(|s, x, _| erf(s, x)), &odd);
    let half = [
        (20.0, 0.0, 1.0),
        (-110.0, 0.0, 0.0),
        (INF, 0.0, 1.0),
        (-INF, 0.0, 0.0),
    ];
    check_values(function!(|s, x, _| sigmoid(s, x)), &half);
    let ramp = [
        (30.0, 0.0, 30.0),
        (-110.0, 0.0, 0.0),
        (INF, 0.0, INF),
        (-INF, 0.0, 0.0),
    ];
    check_values(function!(|s, x, _| softplus(s, x)), &ramp);
    let swish_cases = [(30.0, 0.0, 30.0), (INF, 0.0, INF), (-INF, 0.0, NAN)];
    check_values(function!(|s, x, _| swish(s, x)), &swish_cases);
    check_values(function!(|s, x, _| gelu(s, x)), &swish_cases);
    check_values(function!(|s, x, _| gelu_tanh(s, x)), &swish_cases);
}

#[test]
fn gelu_is_close() {
    let x: Vec<f32> = (-200_000..100_000).map(|i| i as f32 * 1e-4).collect();
    for isa in Isa::available() {
        let out = isa.force(|| run(function!(|s, x, _| gelu(s, x)), &x, &x));
        for (&x, out) in x.iter().zip(out) {
            let wide = f64::from(x);
            let exact = 0.5 * wide * libm::erfc(-wide * std::f64::consts::FRAC_1_SQRT_2);
            let error = (f64::from(out) - exact).abs();
            let limit = match x {
                ..-6.5 => 2.62e-10,
                ..0.0 => 4e-7 * (1.0 + 0.5 * wide * wide) * exact.abs(),
                _ => 3e-7 * exact,
            };
            assert!(error <= limit, "{x}: {out} is not {exact}");
        }
    }
}

#[test]
fn gelu_tanh_is_close() {
    let x: Vec<f32> = (-100_000..100_000).map(|i| i as f32 * 1e-4).collect();
    for isa in Isa::available() {
        let out = isa.force(|| run(function!(|s, x, _| gelu_tanh(s, x)), &x, &x));
        for (&x, out) in x.iter().zip(out) {
            let wide = f64::from(x);
            let u = (8.0 / std::f64::consts::PI).sqrt() * (wide + 0.044715 * wide.powi(3));
            let exact = wide * sigmoid_exact(u);
            // The rounding of u, and that of the other steps.
            let limit = 3e-7 * (1.0 + u.abs()) * exact.abs();
            assert!(
                (f64::from(out) - exact).abs() <= limit,
                "{x}: {out} is not {exact}"
            );
        }
    }
}

#[test]
fn extremes_propagate_nan() {
    let cases = |larger: f32| {
        [
            (NAN, 1.0, NAN),
            (1.0, NAN, NAN),
            (1.0, 2.0, larger),
            (2.0, 1.0, larger),
        ]
    };
    check_values(function!(|s, x, y| maximum(s, x, y)), &cases(2.0));
    check_values(function!(|s, x, y| minimum(s, x, y)), &cases(1.0));
}

/// From TensorFlow 2.21.
#[test]
fn division_as_tensorflow() {
    check_values(
        function!(|s, x, y| floor_mod(s, x, y)),
        &[
            (7.0, 3.0, 1.0),
            (-7.0, 3.0, 2.0),
            (7.0, -3.0, -2.0),
            (-7.0, -3.0, -1.0),
            (6.0, -3.0, 0.0),
            (5.5, 1.25, 0.5),
            (1.0, 0.0, NAN),
        ],
    );
    check_values(
        function!(|s, x, y| truncate_mod(s, x, y)),
        &[(7.0, 3.0, 1.0), (-7.0, 3.0, -1.0), (7.0, -3.0, 1.0)],
    );
    check_values(
        function!(|s, x, y| floor_div(s, x, y)),
        &[
            (7.0, 3.0, 2.0),
            (-7.0, 3.0, -3.0),
            (7.0, -3.0, -3.0),
            (1.0, 0.0, INF),
        ],
    );
    check_values(
        function!(|s, x, _| truncate(s, x)),
        &[
            (1.7, 0.0, 1.0),
            (-1.7, 0.0, -1.0),
            (NAN, 0.0, NAN),
            (INF, 0.0, INF),
        ],
    );
    check_values(
        function!(|s, x, _| sign(s, x)),
        &[
            (1.7, 0.0, 1.0),
            (-1.7, 0.0, -1.0),
            (NAN, 0.0, NAN),
            (-INF, 0.0, -1.0),
        ],
    );
}

#[test]
fn pow_as_ieee_754() {
    check_values(
        function!(|s, x, y| pow(s, x, y)),
        &[
            (2.0, 10.0, 1024.0),
            (-2.0, 3.0, -8.0),
            (-2.0, 0.5, NAN),
            (0.0, -1.0, INF),
            (NAN, 0.0, 1.0),
            (1.0, NAN, 1.0),
            (0.9, 1e5, 0.0),
            (2.0, 0.5, std::f32::consts::SQRT_2),
        ],
    );
    check_values(
        function!(|s, y, x| atan2(s, y, x)),
        &[
            (1.0, 0.0, std::f32::consts::FRAC_PI_2),
            (0.0, -1.0, std::f32::consts::PI),
        ],
    );
}
