//! Matrix products: TensorFlow's `MatMul` and `BatchMatMulV2`.

use crate::activation::Activation;
use crate::kernels::blocking::register_tiles;
use crate::kernels::gemm::{Axis, Groups, Product, Rows};
use crate::kernels::threads::Threads;

/// A product with weights: Keras's `Dense`, TensorFlow's `MatMul`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matmul {
    k: usize,
    n: usize,
    activation: Activation,
    out: Rows,
    register_tile: Option<[usize; 2]>,
}

impl Matmul {
    /// From rows of `k` elements to rows of `n`.
    pub const fn new(k: usize, n: usize) -> Self {
        Self {
            k,
            n,
            activation: Activation::None,
            out: Rows::PLAIN,
            register_tile: None,
        }
    }

    /// With an activation function.
    pub const fn activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// Added to what `out` holds: the residual lies there, and none is given.
    pub const fn accumulate(self) -> Self {
        Self {
            out: self.out.accumulate(),
            ..self
        }
    }

    /// With the result as the columns `first..` of an output that has `of` of them; the others stay as they are.
    pub const fn columns(self, first: usize, of: usize) -> Self {
        Self {
            out: self.out.columns(first, of),
            ..self
        }
    }

    /// With register tiles of [rows, columns], of those that [`register_tiles`](Self::register_tiles) names; another
    /// instruction set, which may not have them, uses its own. The result has the same bits.
    pub const fn register_tile(self, tile: [usize; 2]) -> Self {
        Self {
            register_tile: Some(tile),
            ..self
        }
    }

    /// Register tiles [rows, columns] that may be the fastest for so many rows, of the active instruction set. The first
    /// is that which is used if none is given.
    pub fn register_tiles(&self, rows: usize) -> Vec<[usize; 2]> {
        let one = Axis::new(1, 0);
        register_tiles([one, one, one, Axis::new(rows, self.k)], self.k, self.n)
    }
}

/// `out[i, j] = activation(Σ_k x[i, k] · w[k, j] + bias[j] + residual[i, j])`.
///
/// `x` is [M, K], `weights` the [packed](crate::pack) [K, N] matrix, `bias` `[N]`, `residual` and `out` [M, N]; M follows
/// from the length of `out`.
///
/// # Panics
/// If a length does not fit.
pub fn matmul(
    threads: &Threads,
    p: &Matmul,
    x: &[f32],
    weights: &[f32],
    bias: Option<&[f32]>,
    residual: Option<&[f32]>,
    out: &mut [f32],
) {
    let rows = out.len().checked_div(p.out.stride(p.n)).unwrap_or(0);
    assert_eq!(
        x.len(),
        rows * p.k,
        "matmul: the input is not [{rows}, {}]",
        p.k
    );
    let one = Axis::new(1, 0);
    Product {
        x,
        rows: [one, one, one, Axis::new(rows, p.k)],
        taps: [one; 3],
        segment: p.k,
        groups: Groups::Adjacent(1),
        packed: weights,
        columns: p.n,
        bias,
        residual,
        activation: p.activation,
        out: p.out,
        register_tile: p.register_tile,
    }
    .run(threads, out);
}
