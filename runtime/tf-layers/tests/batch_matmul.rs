//! Products of two tensors against a naive loop in f64.

mod common;

use common::{check, random};
use tf_layers::{BatchMatmul, Threads, batch_matmul};

/// Compares `count` products, for both operands transposed or not.
#[track_caller]
fn check_products(count: usize, m: usize, k: usize, n: usize, strides: Option<[usize; 2]>) {
    let [a_stride, b_stride] = strides.unwrap_or([m * k, k * n]);
    let a = random((count - 1) * a_stride + m * k, 1);
    let b = random((count - 1) * b_stride + k * n, 2);
    for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut expected = vec![0.0; count * m * n];
        for (index, y) in expected.iter_mut().enumerate() {
            let (c, i, j) = (index / n / m, index / n % m, index % n);
            for l in 0..k {
                let a = a[c * a_stride + if transpose_a { l * m + i } else { i * k + l }];
                let b = b[c * b_stride + if transpose_b { j * k + l } else { l * n + j }];
                *y += f64::from(a) * f64::from(b);
            }
        }
        let p = BatchMatmul::new(m, k, n)
            .transpose_a(transpose_a)
            .transpose_b(transpose_b)
            .strides(a_stride, b_stride);
        let what = (count, p);
        check(&what, &expected, &|threads, out| {
            let mut scratch = vec![f32::NAN; p.scratch_len()];
            batch_matmul(threads, &p, &a, &b, &mut scratch, out);
        });
    }
}

#[test]
fn every_tail() {
    for n in (1..=34).chain([63, 64, 65]) {
        check_products(1, 1 + n % 9, 6, n, None);
        check_products(3, 4, n, 1 + n % 19, None);
    }
}

#[test]
fn broadcast_operands() {
    for strides in [[0, 15 * 20], [7 * 15, 0], [0, 0], [200, 400]] {
        check_products(5, 7, 15, 20, Some(strides));
    }
}

#[test]
fn attention_sized_products() {
    check_products(12, 128, 64, 128, None);
    check_products(1, 300, 200, 100, None);
}

#[test]
fn no_terms_make_zeros() {
    check_products(2, 3, 0, 4, None);
}

#[test]
#[should_panic(expected = "batch_matmul: b has 5 elements, fewer than 12")]
fn short_operand_is_refused() {
    let p = BatchMatmul::new(1, 2, 3);
    let mut scratch = vec![0.0; p.scratch_len()];
    batch_matmul(
        &Threads::single(),
        &p,
        &[0.0; 4],
        &[0.0; 5],
        &mut scratch,
        &mut [0.0; 6],
    );
}
