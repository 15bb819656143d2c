//! Random tensors, and comparison with a naive loop.
#![allow(dead_code, reason = "each test file uses a part")]

#[cfg(all(unix, not(miri)))]
#[path = "../../src/guard_pages.rs"]
mod guard_pages;

use tf_layers::simd::Isa;
use tf_layers::{Activation, Threads, pack, packed_len};

/// Numbers between -1 and 1, the same ones for the same seed (Knuth's multiplier, the upper bits).
pub fn random(length: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..length).map(|_| next()).collect()
}

pub fn packed(k: usize, n: usize, w: &[f32]) -> Vec<f32> {
    let mut packed = vec![f32::NAN; packed_len(k, n)];
    pack(k, n, w, &mut packed);
    packed
}

/// Largest difference that the rounding of a sum in another order explains, relative to the largest magnitude.
const TOLERANCE: f64 = 1e-5;

#[track_caller]
pub fn assert_close(got: &[f32], expected: &[f64], what: &dyn std::fmt::Debug) {
    assert_eq!(got.len(), expected.len(), "{what:?}");
    let largest = expected.iter().fold(1e-30, |a: f64, &b| a.max(b.abs()));
    for (i, (&got, &expected)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(got) - expected).abs();
        assert!(
            error <= TOLERANCE * largest,
            "{what:?}: element {i} is {got}, expected {expected}"
        );
    }
}

/// Runs `layer`, which fills an output of NaN, with every instruction set and one to three threads, with and without
/// scratch memory of their own; compares with
/// `expected`, and demands the same bits for all numbers of threads.
#[track_caller]
pub fn check(what: &dyn std::fmt::Debug, expected: &[f64], layer: &dyn Fn(&Threads, &mut [f32])) {
    thread_local! {
        static THREADS: [Threads; 4] = [
            Threads::single(),
            Threads::new(2),
            Threads::new(3),
            Threads::new(2).with_scratch(1 << 20),
        ];
    }
    for isa in Isa::available() {
        let results = isa.force(|| {
            THREADS.with(|threads| {
                threads.each_ref().map(|threads| {
                    let mut out = vec![f32::NAN; expected.len()];
                    layer(threads, &mut out);
                    out
                })
            })
        });
        assert_close(&results[0], expected, &(isa, what));
        let bits = |x: &Vec<f32>| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert!(
            results
                .iter()
                .all(|result| bits(result) == bits(&results[0])),
            "{isa:?} {what:?}: the bits depend on the number of threads"
        );
    }
}

/// Demands that `layer` computes the bits of `expected`, rows of `width`, as columns of a wider output as well, and does not
/// touch the others; `residual` is what the columns hold before. `layer` gets the first column, all columns, and the output.
#[track_caller]
pub fn check_columns(
    what: &dyn std::fmt::Debug,
    width: usize,
    expected: &[f32],
    residual: Option<&[f32]>,
    layer: &dyn Fn(usize, usize, &mut [f32]),
) {
    const OTHER: f32 = 1234.5;
    for (first, behind) in [(0, 0), (0, 3), (5, 0), (16, 7)] {
        let of = first + width + behind;
        let mut out = vec![OTHER; expected.len() / width * of];
        for (row, out) in out.chunks_exact_mut(of).enumerate() {
            let columns = &mut out[first..][..width];
            match residual {
                Some(residual) => columns.copy_from_slice(&residual[row * width..][..width]),
                None => columns.fill(f32::NAN),
            }
        }
        layer(first, of, &mut out);
        for (row, out) in out.chunks_exact(of).enumerate() {
            for (column, x) in out.iter().enumerate() {
                let wanted = match column.checked_sub(first) {
                    Some(column) if column < width => expected[row * width + column],
                    _ => OTHER,
                };
                assert_eq!(
                    x.to_bits(),
                    wanted.to_bits(),
                    "{what:?}: column {column} of row {row}, {width} from {first} on of {of}"
                );
            }
        }
    }
}

/// The activation functions, by their definitions.
pub fn activation(activation: Activation, x: f64) -> f64 {
    use libm::{erf, exp, expm1, log1p, sqrt, tanh};
    let relu6 = |x: f64| x.clamp(0.0, 6.0);
    let elu = |alpha: f64| if x < 0.0 { alpha * expm1(x) } else { x };
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Relu6 => relu6(x),
        Activation::LeakyRelu(alpha) => {
            if x < 0.0 {
                f64::from(alpha) * x
            } else {
                x
            }
        }
        Activation::Elu(alpha) => elu(f64::from(alpha)),
        Activation::Selu => 1.050_700_987_355_480_5 * elu(1.673_263_242_354_377_2),
        Activation::Sigmoid => 1.0 / (1.0 + exp(-x)),
        Activation::HardSigmoid => relu6(x + 3.0) / 6.0,
        Activation::Tanh => tanh(x),
        Activation::Swish => x / (1.0 + exp(-x)),
        Activation::HardSwish => x * relu6(x + 3.0) / 6.0,
        Activation::Gelu => x * (1.0 + erf(x / sqrt(2.0))) / 2.0,
        Activation::GeluTanh => {
            let inner = sqrt(2.0 / std::f64::consts::PI) * (x + 0.044_715 * x * x * x);
            x * (1.0 + tanh(inner)) / 2.0
        }
        Activation::Softplus => log1p(exp(x)),
        Activation::Softsign => x / (1.0 + x.abs()),
        Activation::Exp => exp(x),
    }
}

pub const ACTIVATIONS: [Activation; 16] = [
    Activation::None,
    Activation::Relu,
    Activation::Relu6,
    Activation::LeakyRelu(0.2),
    Activation::Elu(0.7),
    Activation::Selu,
    Activation::Sigmoid,
    Activation::HardSigmoid,
    Activation::Tanh,
    Activation::Swish,
    Activation::HardSwish,
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::Softplus,
    Activation::Softsign,
    Activation::Exp,
];
