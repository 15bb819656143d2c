//! Matrix products against a naive loop in f64.

mod common;

use common::{ACTIVATIONS, activation, check, check_columns, packed, random};
use tf_layers::simd::Isa;
use tf_layers::{Activation, Matmul, Threads, matmul};

/// Compares a product of [m, k] and [k, n].
#[track_caller]
fn check_matmul(
    m: usize,
    k: usize,
    n: usize,
    act: Activation,
    with_bias: bool,
    with_residual: bool,
) {
    let x = random(m * k, 1);
    let w = random(k * n, 2);
    let bias = with_bias.then(|| random(n, 3));
    let residual = with_residual.then(|| random(m * n, 4));
    let mut expected = vec![0.0; m * n];
    for (i, row) in expected.chunks_exact_mut(n).enumerate() {
        for (j, y) in row.iter_mut().enumerate() {
            let product: f64 = (0..k)
                .map(|l| f64::from(x[i * k + l]) * f64::from(w[l * n + j]))
                .sum();
            let bias = bias.as_ref().map_or(0.0, |bias| f64::from(bias[j]));
            let residual = residual
                .as_ref()
                .map_or(0.0, |residual| f64::from(residual[i * n + j]));
            *y = activation(act, product + bias + residual);
        }
    }
    let w = packed(k, n, &w);
    let p = Matmul::new(k, n).activation(act);
    let what = (m, k, n, act, with_bias, with_residual);
    check(&what, &expected, &|threads, out| {
        matmul(
            threads,
            &p,
            &x,
            &w,
            bias.as_deref(),
            residual.as_deref(),
            out,
        );
        let bias = bias.as_deref();
        check_columns(&what, n, out, None, &|first, of, out| {
            let p = p.columns(first, of);
            matmul(threads, &p, &x, &w, bias, residual.as_deref(), out);
        });
        if let Some(residual) = &residual {
            check_columns(&what, n, out, Some(residual), &|first, of, out| {
                let p = p.columns(first, of).accumulate();
                matmul(threads, &p, &x, &w, bias, None, out);
            });
        }
    });
}

#[test]
fn every_row_and_column_tail() {
    for m in 1..=17 {
        for n in (1..=35).chain([47, 48, 49, 63, 64, 65, 70, 80, 112, 113]) {
            check_matmul(m, 5, n, Activation::None, true, true);
        }
    }
}

#[test]
fn every_depth() {
    for k in 0..=40 {
        check_matmul(3, k, 19, Activation::Relu, k % 2 == 0, k % 3 == 0);
    }
}

#[test]
fn every_activation() {
    for act in ACTIVATIONS {
        check_matmul(15, 7, 37, act, true, true);
        check_matmul(1, 3, 16, act, false, false);
    }
}

#[test]
fn large_products_in_several_blocks_and_parts() {
    for (m, k, n) in [
        (1, 3000, 1000),
        (2, 5000, 67),
        (49, 2048, 130),
        (49, 4100, 70),
        (300, 1024, 65),
        (3000, 16, 64),
        (5, 100, 3000),
        (129, 129, 129),
    ] {
        // Functions that keep the size of the sums, by which the rounding of thousands of terms is measured.
        check_matmul(m, k, n, Activation::Relu, true, true);
        check_matmul(m, k, n, Activation::Swish, true, false);
    }
}

#[test]
fn nan_and_infinity_pass_through() {
    let w = packed(1, 3, &[1.0, -1.0, 0.0]);
    for (act, input, expected) in [
        (
            Activation::None,
            f32::INFINITY,
            [f32::INFINITY, f32::NEG_INFINITY, f32::NAN],
        ),
        (
            Activation::Relu,
            f32::INFINITY,
            [f32::INFINITY, 0.0, f32::NAN],
        ),
        (Activation::Relu6, f32::NAN, [f32::NAN; 3]),
    ] {
        let mut out = [0.0; 3];
        let p = Matmul::new(1, 3).activation(act);
        matmul(
            &tf_layers::Threads::single(),
            &p,
            &[input],
            &w,
            None,
            None,
            &mut out,
        );
        assert!(
            out.iter()
                .zip(expected)
                .all(|(&a, b)| a == b || a.is_nan() && b.is_nan()),
            "{out:?}"
        );
    }
}

#[test]
#[should_panic(expected = "the input is not [2, 3]")]
fn wrong_input_length_is_refused() {
    let p = Matmul::new(3, 2);
    let w = packed(3, 2, &[0.0; 6]);
    matmul(
        &tf_layers::Threads::single(),
        &p,
        &[0.0; 5],
        &w,
        None,
        None,
        &mut [0.0; 4],
    );
}

#[test]
#[should_panic(expected = "2 columns from 3 on are not within 4")]
fn columns_beyond_the_rows_are_refused() {
    let p = Matmul::new(3, 2).columns(3, 4);
    let (w, mut out) = (packed(3, 2, &[0.0; 6]), [0.0; 4]);
    let threads = tf_layers::Threads::single();
    matmul(&threads, &p, &[0.0; 3], &w, None, None, &mut out);
}

#[test]
#[should_panic(expected = "to what the output holds or to a tensor, not to both")]
fn two_residuals_are_refused() {
    let p = Matmul::new(3, 2).accumulate();
    let (w, mut out) = (packed(3, 2, &[0.0; 6]), [0.0; 2]);
    let threads = tf_layers::Threads::single();
    matmul(&threads, &p, &[0.0; 3], &w, None, Some(&[0.0; 2]), &mut out);
}

#[test]
#[should_panic(expected = "the weights are not 1 packed [3, 2] matrices")]
fn unpacked_weights_are_refused() {
    let p = Matmul::new(3, 2);
    matmul(
        &tf_layers::Threads::single(),
        &p,
        &[0.0; 6],
        &[0.0; 6],
        None,
        None,
        &mut [0.0; 4],
    );
}

/// Among them columns that leave half of a vector or more, and sums in several ranges.
#[test]
fn register_tiles_and_numbers_of_rows_give_the_same_bits() {
    for (m, k, n) in [(37, 29, 83), (30, 7, 40), (15, 2903, 24), (9, 1500, 56)] {
        let (x, bias) = (random(m * k, 1), random(n, 3));
        let w = packed(k, n, &random(k * n, 2));
        let run = |layer: &Matmul, x: &[f32]| {
            let mut out = vec![0.0; x.len() / k * n];
            let threads = Threads::single();
            matmul(&threads, layer, x, &w, Some(&bias), None, &mut out);
            out
        };
        let layer = Matmul::new(k, n);
        for isa in Isa::available() {
            isa.force(|| {
                let expected = run(&layer, &x);
                let tiles = layer.register_tiles(m);
                assert!(!tiles.is_empty());
                // Most exist; a product takes its own tile for those that exist nowhere.
                let all = (1..=14).flat_map(|rows| [16, 32, 48, 64].map(|columns| [rows, columns]));
                for tile in tiles.into_iter().chain(all).chain([
                    [15, 16],
                    [0, 16],
                    [4, 3],
                    [4, 0],
                    [1, 800],
                ]) {
                    let with = run(&layer.register_tile(tile), &x);
                    assert_eq!(with, expected, "{m} x {k} x {n}, {tile:?} on {isa:?}");
                }
                if isa == Isa::Amx {
                    return; // It computes few rows in another way.
                }
                for rows in 1..m {
                    let first = run(&layer, &x[..rows * k]);
                    assert_eq!(first, expected[..rows * n], "{rows} x {k} x {n} on {isa:?}");
                }
            });
        }
    }
}

/// Few rows compute their columns in turns from the first and from the last.
#[test]
fn the_same_bits_in_every_run() {
    for (m, k, n) in [(1, 64, 200), (2, 33, 70), (3, 1100, 130)] {
        let (x, w) = (random(m * k, 1), packed(k, n, &random(k * n, 2)));
        let p = Matmul::new(k, n);
        for (isa, threads) in Isa::available().flat_map(|isa| [(isa, 1), (isa, 2)]) {
            let threads = Threads::new(threads);
            let runs = isa.force(|| {
                [(); 4].map(|()| {
                    let mut out = vec![0.0; m * n];
                    matmul(&threads, &p, &x, &w, None, None, &mut out);
                    out
                })
            });
            let same = runs.iter().all(|run| *run == runs[0]);
            assert!(same, "{m} x {k} x {n} with {isa:?} and {threads:?}");
        }
    }
}
