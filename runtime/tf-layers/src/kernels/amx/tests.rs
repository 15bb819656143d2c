//! Products on tiles against sums in f64, also of sizes for which vectors are faster.

use super::*;
use crate::activation::Activation;
use crate::kernels::gemm::{Axis, Groups, Rows};
use crate::kernels::pack::{pack, packed_len};
use crate::kernels::product;

/// Numbers of all sizes between 1e-3 and 1e3.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| {
            let bits = (i * 2 + 1)
                .wrapping_mul(seed * 2 + 0x9e37_79b9)
                .rotate_right(11);
            let sign = if bits & 1 == 0 { 1.0 } else { -1.0 };
            sign * 10_f32.powf((bits >> 1) as u16 as f32 / 65536.0 * 6.0 - 3.0)
        })
        .collect()
}

/// What a product is made of.
struct Case {
    rows: [Axis; 4],
    taps: [Axis; 3],
    segment: usize,
    groups: usize,
    columns: usize,
    x: Vec<f32>,
    weights: Vec<f32>,
    bias: Option<Vec<f32>>,
    residual: Option<Vec<f32>>,
    activation: Activation,
}

impl Case {
    /// A matrix product.
    fn matrices(rows: usize, k: usize, columns: usize) -> Self {
        Self::new(
            [1, 1, 1, rows].map(|count| Axis::new(count, k)),
            [Axis::new(1, 0); 3],
            k,
            1,
            columns,
        )
    }

    /// With a bias and no more.
    fn new(
        rows: [Axis; 4],
        taps: [Axis; 3],
        segment: usize,
        groups: usize,
        columns: usize,
    ) -> Self {
        let extent = |axis: &Axis| axis.count.saturating_sub(1) * axis.stride;
        let x = rows.iter().chain(&taps).map(extent).sum::<usize>() + segment * groups;
        let k = product(taps.map(|axis| axis.count)) * segment;
        Self {
            rows,
            taps,
            segment,
            groups,
            columns,
            x: numbers(x, 1),
            weights: numbers(groups * k * columns, 2),
            bias: Some(numbers(groups * columns, 3)),
            residual: None,
            activation: Activation::None,
        }
    }

    fn k(&self) -> usize {
        product(self.taps.map(|axis| axis.count)) * self.segment
    }

    /// Element `k` of a row of a group.
    fn element(&self, mut row: usize, group: usize, k: usize) -> f32 {
        let mut at = group * self.segment + k % self.segment;
        for axis in self.rows.iter().rev() {
            at += row % axis.count * axis.stride;
            row /= axis.count;
        }
        let mut tap = k / self.segment;
        for axis in self.taps.iter().rev() {
            at += tap % axis.count * axis.stride;
            tap /= axis.count;
        }
        self.x[at]
    }

    /// Computes the product on tiles, with either factor in the cache, one thread and more; compares it with f64 where that is
    /// finite.
    #[track_caller]
    fn check(&self) -> Vec<f32> {
        if !Isa::Amx.is_available() {
            return Vec::new();
        }
        let (k, width) = (self.k(), self.groups * self.columns);
        let rows = product(self.rows.map(|axis| axis.count));
        let mut packed = vec![f32::NAN; self.groups * packed_len(k, self.columns)];
        for (weights, packed) in self
            .weights
            .chunks(k * self.columns)
            .zip(packed.chunks_mut(packed_len(k, self.columns)))
        {
            pack(k, self.columns, weights, packed);
        }
        let p = Product {
            x: &self.x,
            rows: self.rows,
            taps: self.taps,
            segment: self.segment,
            groups: Groups::Adjacent(self.groups),
            packed: &packed,
            columns: self.columns,
            bias: self.bias.as_deref(),
            residual: self.residual.as_deref(),
            activation: self.activation,
            out: Rows::PLAIN,
            register_tile: None,
        };
        let compute = |rows_stay: bool, threads: usize| {
            let mut out = vec![f32::NAN; rows * width];
            // SAFETY: the lengths are those of the case, and the machine has AMX.
            unsafe {
                Plan::with(&p, k, rows_stay).run(
                    &p,
                    &Threads::new(threads),
                    SendPtr(out.as_mut_ptr()),
                );
            }
            out
        };
        let [out, _] = [false, true].map(|rows_stay| {
            let out = compute(rows_stay, 1);
            for threads in 2..4 {
                let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                let same = bits(&compute(rows_stay, threads)) == bits(&out);
                assert!(same, "{threads} threads");
            }
            self.compare(&out);
            out
        });
        out
    }

    /// Compares what was computed with f64, where that is finite.
    #[track_caller]
    fn compare(&self, out: &[f32]) {
        let (k, width) = (self.k(), self.groups * self.columns);
        for (row, out) in out.chunks_exact(width).enumerate() {
            for (column, &out) in out.iter().enumerate() {
                let (group, of_group) = (column / self.columns, column % self.columns);
                let first =
                    |x: &Option<Vec<f32>>, at: usize| x.as_ref().map_or(0.0, |x| f64::from(x[at]));
                let mut exact =
                    first(&self.bias, column) + first(&self.residual, row * width + column);
                let mut size = exact.abs();
                for k_index in 0..k {
                    let weight = self.weights[(group * k + k_index) * self.columns + of_group];
                    let term = f64::from(self.element(row, group, k_index)) * f64::from(weight);
                    exact += term;
                    size += term.abs();
                }
                let mut exact = [exact as f32];
                self.activation.apply(&mut exact);
                if exact[0].is_finite() {
                    // Two parts in 2^22 of a product are left out at most, and the sum is rounded as one of f32.
                    let error = (f64::from(out) - f64::from(exact[0])).abs();
                    assert!(
                        error <= 1e-6 * size,
                        "[{row}, {column}]: {out}, not {exact:?}"
                    );
                } else {
                    assert_eq!(out.is_nan(), exact[0].is_nan(), "[{row}, {column}]");
                    assert!(out.is_nan() || out == exact[0], "[{row}, {column}]: {out}");
                }
            }
        }
    }
}

#[test]
fn every_tail() {
    for rows in [1, 15, 16, 17, 31, 32, 33, 50, 70] {
        for columns in [1, 15, 16, 17, 31, 32, 33, 50, 70] {
            Case::matrices(rows, 40, columns).check();
        }
    }
    for k in 1..70 {
        Case::matrices(5, k, 5).check();
    }
}

#[test]
fn chunks_and_blocks() {
    for k in [127, 128, 129, 160, 300, 511, 512, 513, 1000, 1100] {
        Case::matrices(35, k, 37).check();
    }
    // More columns than one block of the weights has, and more rows than one of them.
    for (rows, columns) in [(20, 300), (300, 20)] {
        Case::matrices(rows, 512, columns).check();
        Case::matrices(rows + 11, 700, columns + 33).check();
    }
    // More k than one block has, of one pair of tiles and of three.
    Case::matrices(20, 4200, 20).check();
    Case::matrices(70, 1500, 70).check();
}

#[test]
fn a_bias_a_residual_and_an_activation_follow() {
    for k in [24, 600] {
        for activation in [
            Activation::None,
            Activation::Relu,
            Activation::Relu6,
            Activation::HardSwish,
            Activation::Gelu,
        ] {
            for bias in [false, true] {
                let mut case = Case::matrices(33, k, 50);
                case.bias = case.bias.filter(|_| bias);
                case.residual = Some(numbers(33 * 50, 4));
                case.activation = activation;
                case.check();
            }
        }
    }
}

#[test]
fn rows_of_convolutions() {
    let axis = Axis::new;
    // 3 x 3 pixels of 20 channels in lines of 9: each line of the filter is a segment.
    let rows = [axis(2, 1260), axis(1, 0), axis(5, 180), axis(7, 20)];
    let lines = [axis(1, 0), axis(3, 180), axis(1, 0)];
    Case::new(rows, lines, 60, 1, 40).check();
    // A stride, a dilation and groups: each pixel is one.
    let rows = [axis(2, 1260), axis(1, 0), axis(2, 360), axis(3, 40)];
    let taps = [axis(1, 0), axis(3, 180), axis(3, 40)];
    Case::new(rows, taps, 10, 2, 18).check();
}

#[test]
fn infinity_and_nan_are_as_without_tiles() {
    for k in [40, 200, 600] {
        for (number, other) in [
            (f32::INFINITY, 1.0),
            (f32::NEG_INFINITY, f32::INFINITY),
            (f32::NAN, 1.0),
        ] {
            let mut case = Case::matrices(40, k, 40);
            case.x[3 * k + k - 1] = number;
            case.x[3 * k] = other;
            case.x[35 * k + 7] = number;
            case.check();
            let mut case = Case::matrices(40, k, 40);
            case.weights[(k - 2) * 40 + 39] = number;
            case.weights[5] = other;
            case.check();
        }
    }
}

#[test]
fn products_of_small_parts_are_left_out() {
    // One product for each sum. What is left out is below 2^-7 2^-15 twice, and about 2^-24 in the mean.
    let mut case = Case::matrices(64, 1, 64);
    case.bias = None;
    let out = case.check();
    let errors = out.iter().enumerate().map(|(i, out)| {
        let exact = f64::from(case.x[i / 64]) * f64::from(case.weights[i % 64]);
        (f64::from(*out) / exact - 1.0).abs()
    });
    let (largest, sum) = errors.fold((0.0_f64, 0.0), |(largest, sum), error| {
        (largest.max(error), sum + error)
    });
    assert!(largest < 4.8e-7, "{largest}");
    assert!(sum <= 1e-7 * out.len() as f64, "{sum} of {}", out.len());
}
