//! Products of two tensors: TensorFlow's `BatchMatMulV2`.

use std::ops::Range;

use crate::activation::Activation;
use crate::kernels::gemm::{Axis, Groups, Product, Rows, run_side_by_side};
use crate::kernels::pack::{pack_columns, pack_transposed_columns, packed_len};
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
    heads: usize,
    beside: [bool; 3],
    activation: Activation,
}

/// Where a matrix lies: in rows of `width` elements from element `start` of a tensor on, in the columns `columns`.
struct Place {
    start: usize,
    width: usize,
    columns: Range<usize>,
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
            heads: 1,
            beside: [false; 3],
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

    /// With `heads` matrices side by side in those of `a`, `b` and `out` of which `beside` says so: [batch, rows, heads,
    /// columns], as the heads of attention come out of a product with their weights. The others are [batch, heads, rows,
    /// columns], at the distances of [`strides`](Self::strides).
    ///
    /// # Panics
    /// If `heads` is zero.
    pub const fn heads(self, heads: usize, beside: [bool; 3]) -> Self {
        assert!(heads > 0, "BatchMatmul: no heads");
        Self {
            heads,
            beside,
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

    /// [rows, columns] of the matrices of `a`, `b` and `out` as they are stored, and their distance where they do not lie
    /// side by side.
    const fn matrices(&self) -> [([usize; 2], usize); 3] {
        let (m, k, n) = (self.m, self.k, self.n);
        let a = if self.transpose_a { [k, m] } else { [m, k] };
        let b = if self.transpose_b { [n, k] } else { [k, n] };
        [(a, self.a_stride), (b, self.b_stride), ([m, n], m * n)]
    }

    /// Where matrix `index` of `a`, `b` or `out` lies.
    fn place(&self, side: usize, index: usize) -> Place {
        let ([rows, columns], stride) = self.matrices()[side];
        let (heads, head) = match self.beside[side] {
            true => (self.heads, index % self.heads),
            false => (1, 0),
        };
        Place {
            start: if heads > 1 {
                index / heads * heads * rows * columns
            } else {
                index * stride
            },
            width: heads * columns,
            columns: head * columns..(head + 1) * columns,
        }
    }

    /// Packs the operands of product `index`, and says where its rows begin and how far they are apart.
    fn pack<'a>(
        &self,
        index: usize,
        a: &'a [f32],
        b: &[f32],
        scratch: &'a mut [f32],
    ) -> (&'a [f32], usize, &'a [f32]) {
        let (packed, transposed) = scratch.split_at_mut(packed_len(self.k, self.n));
        let Place {
            start,
            width,
            columns,
        } = self.place(1, index);
        if self.transpose_b {
            let b = &b[start..][..self.n * width];
            pack_transposed_columns(width, columns, b, packed);
        } else {
            let b = &b[start..][..self.k * width];
            pack_columns(self.k, width, columns, b, packed);
        }
        let place = self.place(0, index);
        let a = &a[place.start + place.columns.start..];
        if !self.transpose_a {
            return (a, place.width, packed);
        }
        let mut walk: Walk<2> = Walk::new();
        walk.push(self.m, 1);
        walk.push(self.k, place.width.cast_signed());
        walk.copy(a, 0, transposed);
        (transposed, self.k, packed)
    }

    /// The products of `count` matrices `a_stride` apart, with rows `a_row` apart, with one packed matrix.
    fn product<'a>(
        &self,
        a: &'a [f32],
        [count, a_stride, a_row]: [usize; 3],
        packed: &'a [f32],
    ) -> Product<'a> {
        let one = Axis::new(1, 0);
        Product {
            x: a,
            rows: [
                Axis::new(count, a_stride),
                one,
                one,
                Axis::new(self.m, a_row),
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
/// `out` has [count, m, n] elements, which gives the count; `a` and `b` reach to the end of their last matrix, or have all of
/// those that lie [side by side](BatchMatmul::heads); `scratch` has at least `p.scratch_len()` elements. More batch dimensions than one stride describes take a call for each.
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
    assert!(
        count.is_multiple_of(p.heads),
        "batch_matmul: {count} products are no whole number of {} heads",
        p.heads
    );
    for (side, (name, x)) in [("a", a), ("b", b)].into_iter().enumerate() {
        let ([rows, columns], stride) = p.matrices()[side];
        let end = if p.beside[side] {
            count * rows * columns
        } else {
            (count - 1) * stride + rows * columns
        };
        assert!(
            x.len() >= end,
            "batch_matmul: {name} has {} elements, fewer than {end}",
            x.len()
        );
    }
    let one_b = p.b_stride == 0 || count == 1;
    if one_b && !p.transpose_a && p.heads == 1 {
        let (a, row, packed) = p.pack(0, a, b, &mut scratch[..needed]);
        let rows = [count, p.a_stride, row];
        return p.product(a, rows, packed).run(threads, out);
    }
    let has_scratch = threads.have_scratch(needed);
    let single = Threads::single();
    if p.beside[2] {
        let threads = if has_scratch { threads } else { &single };
        let heads = [count, p.heads, p.n];
        return run_side_by_side(
            threads,
            heads,
            out,
            scratch,
            needed,
            |index, scratch, run| {
                let (a, row, packed) = p.pack(index, a, b, scratch);
                run(p.product(a, [1, 0, row], packed));
            },
        );
    }
    let multiply = |threads: &Threads, index: usize, out: &mut [f32], scratch: &mut [f32]| {
        let (a, row, packed) = p.pack(index, a, b, scratch);
        p.product(a, [1, 0, row], packed).run(threads, out);
    };
    if count >= threads.count() && has_scratch {
        threads.for_each_chunk_with_scratch(out, item, scratch, needed, |index, out, scratch| {
            multiply(&single, index, out, scratch);
        });
    } else {
        let scratch = &mut scratch[..needed];
        for (index, out) in out.chunks_exact_mut(item).enumerate() {
            multiply(threads, index, out, scratch);
        }
    }
}
