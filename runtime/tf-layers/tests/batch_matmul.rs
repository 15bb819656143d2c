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

/// [batch, heads, rows, columns] as [batch, rows, heads, columns].
fn side_by_side(x: &[f32], [heads, rows, columns]: [usize; 3]) -> Vec<f32> {
    let element = |index: usize| {
        let (column, head) = (index % columns, index / columns % heads);
        let (row, batch) = (
            index / columns / heads % rows,
            index / columns / heads / rows,
        );
        x[((batch * heads + head) * rows + row) * columns + column]
    };
    (0..x.len()).map(element).collect()
}

#[test]
fn heads_side_by_side() {
    for (batch, heads, m, k, n) in [
        (1, 2, 5, 3, 4),
        (3, 4, 33, 20, 17),
        (2, 3, 7, 64, 16),
        (4, 1, 5, 6, 7),
    ] {
        let count = batch * heads;
        for bits in 0..32 {
            let [beside_a, beside_b, beside_out, transpose_a, transpose_b] =
                std::array::from_fn(|bit| bits >> bit & 1 == 1);
            let p = BatchMatmul::new(m, k, n)
                .transpose_a(transpose_a)
                .transpose_b(transpose_b);
            let (mut a, mut b) = (random(count * m * k, 1), random(count * k * n, 2));
            let mut expected = vec![0.0; count * m * n];
            let mut scratch = vec![f32::NAN; p.scratch_len()];
            let threads = Threads::single();
            batch_matmul(&threads, &p, &a, &b, &mut scratch, &mut expected);
            if beside_a {
                let [rows, columns] = if transpose_a { [k, m] } else { [m, k] };
                a = side_by_side(&a, [heads, rows, columns]);
            }
            if beside_b {
                let [rows, columns] = if transpose_b { [n, k] } else { [k, n] };
                b = side_by_side(&b, [heads, rows, columns]);
            }
            if beside_out {
                expected = side_by_side(&expected, [heads, m, n]);
            }
            let p = p.heads(heads, [beside_a, beside_b, beside_out]);
            let expected: Vec<f64> = expected.iter().copied().map(f64::from).collect();
            check(&(count, p), &expected, &|threads, out| {
                let mut scratch = vec![f32::NAN; p.scratch_len()];
                batch_matmul(threads, &p, &a, &b, &mut scratch, out);
            });
        }
    }
}

#[test]
#[should_panic(expected = "batch_matmul: 3 products are no whole number of 2 heads")]
fn heads_that_are_not_whole_are_refused() {
    let p = BatchMatmul::new(1, 1, 1).heads(2, [true; 3]);
    let mut scratch = vec![0.0; p.scratch_len()];
    batch_matmul(
        &Threads::single(),
        &p,
        &[0.0; 3],
        &[0.0; 3],
        &mut scratch,
        &mut [0.0; 3],
    );
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
