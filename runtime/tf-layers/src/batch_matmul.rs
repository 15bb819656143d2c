//! Products of two tensors: TensorFlow's `BatchMatMulV2`.

use crate::activation::Activation;
use crate::kernels::gemm::{Axis, Groups, Product, Rows};
use crate::kernels::pack::{pack, pack_transposed, packed_len};
use crate::kernels::threads::Threads;
use crate::strided::Walk;

/// Products of matrices that are both known at run time only: TensorFlow's `MatMul` and `BatchMatMulV2`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchMatmul {
    m: usize,
    k: usize,
    n: usize,
    transpose_a: bool,
    transpose_b: bool,
    a_stride: usize,
    b_stride: usize,
    activation: Activation,
}

impl BatchMatmul {
    /// Products of [m, k] and [k, n] matrices that lie one after the other.
    pub const fn new(m: usize, k: usize, n: usize) -> Self {
        Self {
            m,
            k,
            n,
            transpose_a: false,
            transpose_b: false,
            a_stride: m * k,
            b_stride: k * n,
            activation: Activation::None,
        }
    }

    /// With `a` stored as [k, m].
    pub const fn transpose_a(self, transpose_a: bool) -> Self {
        Self {
            transpose_a,
            ..self
        }
    }

    /// With `b` stored as [n, k].
    pub const fn transpose_b(self, transpose_b: bool) -> Self {
        Self {
            transpose_b,
            ..self
        }
    }

    /// With these distances of the matrices in `a` and in `b`; zero takes the same matrix for all products.
    pub const fn strides(self, a_stride: usize, b_stride: usize) -> Self {
        Self {
            a_stride,
            b_stride,
            ..self
        }
    }

    /// With an activation function.
    pub const fn activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// Length of the scratch memory: `b` packed, and `a` if it has to be transposed,
    /// `ceil(n / 16) * 16 * k + (m * k if transpose_a else 0)`. Each thread that has as much
    /// [of its own](Threads::with_scratch) computes products by itself.
    pub const fn scratch_len(&self) -> usize {
        packed_len(self.k, self.n) + if self.transpose_a { self.m * self.k } else { 0 }
    }

    /// Packs the operands of one product.
    fn pack(&self, a: &[f32], b: &[f32], scratch: &mut [f32]) {
        let (packed, transposed) = scratch.split_at_mut(packed_len(self.k, self.n));
        let pack = if self.transpose_b {
            pack_transposed
        } else {
            pack
        };
        pack(self.k, self.n, &b[..self.k * self.n], packed);
        if self.transpose_a {
            let mut walk: Walk<2> = Walk::new();
            walk.push(self.m, 1);
            walk.push(self.k, self.m.cast_signed());
            walk.copy(a, 0, transposed);
        }
    }

    /// The products of `count` matrices `a_stride` apart with one packed matrix.
    fn product<'a>(
        &self,
        a: &'a [f32],
        count: usize,
        a_stride: usize,
        packed: &'a [f32],
    ) -> Product<'a> {
        let one = Axis::new(1, 0);
        Product {
            x: a,
            rows: [
                Axis::new(count, a_stride),
                one,
                one,
                Axis::new(self.m, self.k),
            ],
            taps: [one; 3],
            segment: self.k,
            groups: Groups::Adjacent(1),
            packed,
            columns: self.n,
            bias: None,
            residual: None,
            activation: self.activation,
            out: Rows::PLAIN,
            register_tile: None,
        }
    }
}

/// `out[c, i, j] = activation(Σ_l a[c, i, l] · b[c, l, j])`, with `a` and `b` transposed or repeated as `p` says.
///
/// `out` is [count, m, n], which gives the count; `a` and `b` reach to the end of their last matrix; `scratch` has at
/// least `p.scratch_len()` elements. More batch dimensions than one stride describes take a call for each.
///
/// # Panics
/// If a length does not fit.
pub fn batch_matmul(
    threads: &Threads,
    p: &BatchMatmul,
    a: &[f32],
    b: &[f32],
    scratch: &mut [f32],
    out: &mut [f32],
) {
    let item = p.m * p.n;
    let count = out.len().checked_div(item).unwrap_or(0);
    assert_eq!(
        out.len(),
        count * item,
        "batch_matmul: the output is no whole number of [{}, {}] matrices",
        p.m,
        p.n
    );
    if count == 0 {
        return;
    }
    let needed = p.scratch_len();
    assert!(
        scratch.len() >= needed,
        "batch_matmul: the scratch memory has {} elements, fewer than {needed}",
        scratch.len()
    );
    for (name, x, stride, length) in [
        ("a", a, p.a_stride, p.m * p.k),
        ("b", b, p.b_stride, p.k * p.n),
    ] {
        let end = (count - 1) * stride + length;
        assert!(
            x.len() >= end,
            "batch_matmul: {name} has {} elements, fewer than {end}",
            x.len()
        );
    }
    let one_b = p.b_stride == 0 || count == 1;
    if one_b && !p.transpose_a {
        let packed = &mut scratch[..needed];
        p.pack(a, b, packed);
        return p.product(a, count, p.a_stride, packed).run(threads, out);
    }
    let multiply = |threads: &Threads, index: usize, out: &mut [f32], scratch: &mut [f32]| {
        let a = &a[index * p.a_stride..];
        p.pack(a, &b[index * p.b_stride..], scratch);
        let (packed, transposed) = scratch.split_at(packed_len(p.k, p.n));
        let a = if p.transpose_a { transposed } else { a };
        p.product(a, 1, 0, packed).run(threads, out);
    };
    if count >= threads.count() && threads.have_scratch(needed) {
        threads.for_each_chunk_with_scratch(out, item, scratch, needed, |index, out, scratch| {
            multiply(&Threads::single(), index, out, scratch);
        });
    } else {
        let scratch = &mut scratch[..needed];
        for (index, out) in out.chunks_exact_mut(item).enumerate() {
            multiply(threads, index, out, scratch);
        }
    }
}
