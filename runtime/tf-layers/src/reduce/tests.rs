use super::*;
use crate::simd::Isa;

/// Numbers of both signs, of different sizes.
fn numbers(length: usize) -> Vec<f32> {
    (0..length)
        .map(|i| ((i * 7 + 3) % 101) as f32 * 0.37 - 17.0)
        .collect()
}

/// In f64, one after the other.
fn naive(p: &Reduce, x: &[f32], outputs: usize) -> Vec<f64> {
    let Reduce {
        reduction,
        reduced,
        inner,
    } = *p;
    (0..outputs)
        .map(|i| {
            let (outer, column) = (i / inner, i % inner);
            let elements =
                (0..reduced).map(|r| f64::from(x[(outer * reduced + r) * inner + column]));
            match reduction {
                Reduction::Sum => elements.sum(),
                Reduction::Mean => elements.sum::<f64>() / reduced as f64,
                Reduction::Max => elements.fold(f64::NEG_INFINITY, f64::max),
                Reduction::Min => elements.fold(f64::INFINITY, f64::min),
                Reduction::Prod => elements.product(),
            }
        })
        .collect()
}

fn run_all(p: &Reduce, x: &[f32], outputs: usize, mut check: impl FnMut(&[f32], &str)) {
    for isa in Isa::available() {
        isa.force(|| {
            let mut out = vec![-1.0; outputs];
            reduce(&Threads::single(), p, x, &mut out);
            check(&out, isa.name());
            let mut again = vec![-2.0; outputs];
            reduce(&Threads::new(2), p, x, &mut again);
            let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&out), bits(&again), "{p:?} on {}", isa.name());
        });
    }
}

fn check(outer: usize, reduced: usize, inner: usize) {
    use Reduction::{Max, Mean, Min, Prod, Sum};
    let mut x = numbers(outer * reduced * inner);
    for reduction in [Sum, Mean, Max, Min, Prod] {
        if reduction == Prod {
            // Products of up to 1000 factors stay in range.
            x.iter_mut().for_each(|x| *x = 1.0 + *x * 1e-4);
        }
        let p = Reduce::new(reduction, reduced, inner);
        let expected = naive(&p, &x, outer * inner);
        run_all(&p, &x, outer * inner, |out, isa| {
            for (out, expected) in out.iter().zip(&expected) {
                // Sums and products round once or twice for each element; 20 is the largest one.
                let size = match reduction {
                    Sum => 20.0 * reduced as f64,
                    Mean => 20.0,
                    Prod => expected.abs() * reduced as f64,
                    Max | Min => 0.0,
                };
                let close = (f64::from(*out) - expected).abs() <= 1.2e-7 * size;
                assert!(close, "{p:?} of {outer} on {isa}: {out} is not {expected}");
            }
        });
    }
}

#[test]
fn rows_of_every_length() {
    for reduced in (1..=70).chain([127, 128, 129, 255, 256, 1000]) {
        check(3, reduced, 1);
    }
}

#[test]
fn columns_of_every_width() {
    for inner in (1..=70).chain([127, 128, 129]) {
        check(2, 5, inner);
    }
}

#[test]
fn shared_among_threads() {
    check(300, 200, 1);
    check(1, 500, 200);
    check(5, 130, 130);
}

#[test]
fn empty_axes() {
    use Reduction::{Max, Mean, Min, Prod, Sum};
    for inner in [1, 3] {
        for (reduction, expected) in [
            (Sum, 0.0),
            (Max, f32::NEG_INFINITY),
            (Min, f32::INFINITY),
            (Prod, 1.0),
        ] {
            run_all(&Reduce::new(reduction, 0, inner), &[], 6, |out, isa| {
                assert_eq!(out, [expected; 6], "{reduction:?} on {isa}");
            });
        }
        run_all(&Reduce::new(Mean, 0, inner), &[], 6, |out, _| {
            assert!(out[0].is_nan())
        });
        run_all(&Reduce::new(Sum, 4, inner), &[], 0, |_, _| ());
    }
}

#[test]
fn nan_is_not_lost() {
    for reduction in [Reduction::Max, Reduction::Min, Reduction::Sum] {
        for length in [1, 3, 16, 17, 40, 200] {
            for position in 0..length {
                let mut x = numbers(length);
                x[position] = f32::NAN;
                let p = Reduce::new(reduction, length, 1);
                run_all(&p, &x, 1, |out, isa| {
                    assert!(out[0].is_nan(), "{p:?} at {position} on {isa}");
                });
            }
        }
    }
}

#[test]
fn long_sums_keep_their_accuracy() {
    let x = vec![0.1; 3_000_000];
    let exact = f64::from(0.1_f32) * 1e6;
    for (outer, inner) in [(3, 1), (1, 3)] {
        run_all(
            &Reduce::new(Reduction::Sum, 1_000_000, inner),
            &x,
            outer * inner,
            |out, isa| {
                for &out in out {
                    let error = (f64::from(out) / exact - 1.0).abs();
                    let limit = (192.0 + 1e6 / 4096.0) * 2_f64.powi(-24);
                    assert!(error <= limit, "{error:e} on {isa}");
                }
            },
        );
    }
}

#[test]
fn other_types() {
    let x = [1_u8, 0, 1, 1, 1, 1];
    let mut out = [9; 2];
    any(3, 1, &x, &mut out);
    assert_eq!(out, [1, 1]);
    all(3, 1, &x, &mut out);
    assert_eq!(out, [0, 1]);
    let mut out = [9; 3];
    all(2, 3, &x, &mut out);
    assert_eq!(out, [1, 0, 1]);
}

#[test]
fn arguments_of_extremes() {
    let nan = f32::NAN;
    let x = [3.0, 7.0, 7.0, -1.0, nan, 5.0, nan, 2.0, nan, nan, nan, nan];
    let mut out = [9_i64; 3];
    argmax(4, 1, &x, &mut out);
    assert_eq!(out, [1, 1, 0]);
    argmin(4, 1, &x, &mut out);
    assert_eq!(out, [3, 3, 0]);
    let mut out = [9_i32; 4];
    argmax(3, 4, &x, &mut out);
    assert_eq!(out, [0, 0, 0, 1]);
    argmin(2, 2, &[4, 1, 2, 8, 5, 5, 5, 5], &mut out);
    assert_eq!(out, [1, 0, 0, 0]);
}
