//! The register tile of a matrix product: `MR` rows times `NV` vectors of columns, accumulated over a range of K.
//!
//! Accumulators stay in registers only if no loop runs over them: indexed loops make LLVM keep the array in memory,
//! which costs half of the speed or more. So the rows and vectors are unrolled by [`unroll!`], with literal indices.

use std::sync::atomic::{Ordering, compiler_fence};

use super::opaque;
use super::unroll::unroll;
use crate::activation;
use crate::simd::{Portable, Simd, WithSimd};

/// Columns in a panel of packed weights.
pub(crate) const PANEL: usize = 16;

/// Half of a cache line, in bytes.
const HALF_LINE: usize = 32;

/// Rows of a product that reads its weights as fast as they come, where each prefetch takes the place of a load.
pub(super) const FEW_ROWS: usize = 3;

/// Steps of k in a round of a tile's loop. With one, the two prefetches and the pointers of each step take 4 to 12 % of
/// the time on Redwood Cove, most in the tiles of few rows. Where a multiply-add is two instructions, these are what takes
/// time, and four steps need more registers than there are.
const fn steps(fused: bool) -> usize {
    if fused { 4 } else { 1 }
}

/// What a tile computes: `c = hard_swish(clamp(seed + a · b + residual))`.
///
/// `a` has rows `a_stride` apart; its K range consists of `outer * inner` segments of `length` adjacent elements.
/// `b` points into a panel of packed weights ([`PANEL`] columns for each k), with the next panel `panel` elements on.
/// `seed` (a bias, or what an earlier K range left in `c`), `residual` and `c` have rows `seed_stride`,
/// `residual_stride` and `c_stride` apart; the last vector has `tail` columns. An element of `seed` and of `residual` is
/// read before that of `c` is written, and may be the same one.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub a: *const f32,
    pub a_stride: usize,
    pub outer: usize,
    pub outer_stride: usize,
    pub inner: usize,
    pub inner_stride: usize,
    pub length: usize,
    pub b: *const f32,
    pub panel: usize,
    /// Null for zeros.
    pub seed: *const f32,
    pub seed_stride: usize,
    /// Null for none.
    pub residual: *const f32,
    pub residual_stride: usize,
    pub c: *mut f32,
    pub c_stride: usize,
    pub tail: usize,
    pub low: f32,
    pub high: f32,
    /// Whether the hard swish function follows the clamp.
    pub hard_swish: bool,
    /// Whether to bring the output and the residual into the first-level cache meanwhile.
    pub fetch: bool,
    /// The rows of the tile that follows, to bring into the first-level cache meanwhile: `ahead_step` bytes for each k,
    /// a line at most.
    pub ahead: *const f32,
    pub ahead_step: usize,
    /// What to bring into the second-level cache meanwhile: from here on, `next_step` bytes for each k, a line at
    /// most.
    pub next: *const f32,
    pub next_step: usize,
}

/// Computes a tile.
///
/// # Safety
/// All elements that the [`Tile`] describes for the kernel's number of rows and vectors are valid for reads, and those
/// of `c` for writes; the machine has the kernel's instruction set.
pub(super) type Kernel = unsafe fn(&Tile);

/// `MR` rows times `NV` vectors, and a half one if `NH` is 1.
struct Body<'a, const MR: usize, const NV: usize, const NH: usize>(&'a Tile);

impl<const MR: usize, const NV: usize, const NH: usize> WithSimd for Body<'_, MR, NV, NH> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        // SAFETY: `Body` is made only in `run`, whose caller promises that the tile's elements are valid.
        unsafe { body::<S, MR, NV, NH>(s, self.0) }
    }
}

/// # Safety
/// As for [`Kernel`].
unsafe fn run<S: Simd, const MR: usize, const NV: usize, const NH: usize>(tile: &Tile) {
    // SAFETY: the caller promises the instruction set.
    unsafe { S::enter(Body::<MR, NV, NH>(tile)) }
}

impl Tile {
    /// The seed's vector at a row and a column, `count` elements of it.
    ///
    /// # Safety
    /// The elements are valid for reads.
    #[inline(always)]
    unsafe fn seed<S: Simd>(&self, s: S, row: usize, column: usize, count: usize) -> S::F32 {
        // SAFETY: the caller's promise.
        unsafe { load(s, self.seed.add(row * self.seed_stride + column), count) }
    }

    /// Asks for the lines of the rows of the output and of the residual, which arrive during the sums. They are short and
    /// far apart, so that the core does not foresee them: a product whose output comes from the third-level cache takes
    /// up to an eighth longer without.
    #[inline(always)]
    fn fetch<S: Simd, const MR: usize>(&self, s: S, columns: usize) {
        for row in 0..MR {
            for column in (0..columns).step_by(PANEL) {
                s.prefetch_write(self.c.wrapping_add(row * self.c_stride + column));
            }
        }
        if !self.residual.is_null() && !std::ptr::addr_eq(self.residual, self.c) {
            for row in 0..MR {
                for column in (0..columns).step_by(PANEL) {
                    s.prefetch(
                        self.residual
                            .wrapping_add(row * self.residual_stride + column),
                    );
                }
            }
        }
    }

    /// The residual's vector at a row and a column, `count` elements of it.
    ///
    /// # Safety
    /// The elements are valid for reads.
    #[inline(always)]
    unsafe fn residual<S: Simd>(&self, s: S, row: usize, column: usize, count: usize) -> S::F32 {
        // SAFETY: the caller's promise.
        unsafe {
            load(
                s,
                self.residual.add(row * self.residual_stride + column),
                count,
            )
        }
    }

    /// Writes `count` elements of a row from a column on.
    ///
    /// # Safety
    /// The elements are valid for writes.
    #[inline(always)]
    unsafe fn store<S: Simd>(&self, s: S, row: usize, column: usize, count: usize, y: S::F32) {
        // SAFETY: the caller's promise.
        unsafe {
            let c = self.c.add(row * self.c_stride + column);
            if count == S::LANES {
                s.store_ptr(y, c);
            } else {
                s.store_ptr_partial(y, c, count);
            }
        }
    }
}

/// # Safety
/// `count` elements at `x` are valid for reads.
#[inline(always)]
unsafe fn load<S: Simd>(s: S, x: *const f32, count: usize) -> S::F32 {
    // SAFETY: the caller's promise.
    unsafe {
        if count == S::LANES {
            s.load_ptr(x)
        } else {
            s.load_ptr_partial(x, count)
        }
    }
}

/// # Safety
/// As for [`Kernel`].
#[inline(always)]
unsafe fn body<S: Simd, const MR: usize, const NV: usize, const NH: usize>(s: S, t: &Tile) {
    let half = s.half();
    let mut acc = [[s.zero(); NV]; MR];
    // Of the half vector, sums over the first and over the second k of each two in turns: as many multiply-adds as half of
    // the vectors, where one of half a vector takes as long as one of a whole.
    let mut pairs = [[s.zero(); NH]; MR];
    // Elements of vector `j`: only the last one may have fewer than lanes.
    let count = |j: usize| if j + 1 < NV + NH { S::LANES } else { t.tail };
    // SAFETY: every access is to an element that `Tile` describes: row below `MR`, column below `NV` vectors and `NH`
    // halves (the last one cut to `tail`), k within the segments.
    unsafe {
        if !t.seed.is_null() && t.seed_stride == 0 {
            // The same for all rows.
            unroll!(4, J, NV, {
                let seed = t.seed(s, 0, J * S::LANES, count(J));
                unroll!(14, I, MR, {
                    acc[I][J] = seed;
                })
            });
            unroll!(1, J, NH, {
                let seed = s.zip(t.seed(half, 0, NV * S::LANES, t.tail), half.zero());
                unroll!(14, I, MR, {
                    pairs[I][J] = seed;
                })
            });
        } else if !t.seed.is_null() {
            unroll!(14, I, MR, {
                unroll!(4, J, NV, {
                    acc[I][J] = t.seed(s, I, J * S::LANES, count(J));
                });
                unroll!(1, J, NH, {
                    let seed = t.seed(half, I, NV * S::LANES, t.tail);
                    pairs[I][J] = s.zip(seed, half.zero());
                })
            });
        }
        if t.fetch {
            t.fetch::<S, MR>(s, (NV + NH) * S::LANES);
        }
        // Rows of the first and the second half have the same distances from the pointers `a` and `middle`, in bytes: all
        // are forms that an address can have on x86-64, one of three registers times 1, 2 or 4.
        const HALF: usize = 7;
        let stride = t.a_stride * size_of::<f32>();
        let (thrice, five) = (3 * stride, 5 * stride);
        let distances = [0, stride, 2 * stride, thrice, 4 * stride, five, 2 * thrice];
        // Adds the products of one k.
        macro_rules! step {
            ($a:expr, $middle:expr, $b:expr) => {{
                let (a, middle, b) = ($a, $middle, $b);
                let mut columns = [s.zero(); NV];
                unroll!(4, J, NV, {
                    let column = J * S::LANES;
                    columns[J] = s.load_ptr(b.add(column / PANEL * t.panel + column % PANEL));
                });
                unroll!(14, I, MR, {
                    let row = if I < HALF { a } else { middle };
                    let x = s.splat(*row.byte_add(distances[I % HALF]));
                    unroll!(4, J, NV, {
                        acc[I][J] = s.mul_add(x, columns[J], acc[I][J]);
                    });
                });
            }};
        }
        // Adds to the half vector the products of two k, or of one if it is the last of a segment.
        macro_rules! half_step {
            ($two:literal, $a:expr, $middle:expr, $b:expr) => {{
                let (a, middle) = ($a, $middle);
                let b = $b.wrapping_add(NV * S::LANES / PANEL * t.panel);
                unroll!(1, J, NH, {
                    let second = if $two {
                        half.load_ptr(b.add(PANEL))
                    } else {
                        half.zero()
                    };
                    let columns = s.zip(half.load_ptr(b), second);
                    unroll!(14, I, MR, {
                        let row = if I < HALF { a } else { middle };
                        let row = row.byte_add(distances[I % HALF]);
                        let x = if $two {
                            s.splat_pair(row)
                        } else {
                            s.splat_even(*row)
                        };
                        pairs[I][J] = s.mul_add(x, columns, pairs[I][J]);
                    });
                });
            }};
        }
        let round = const { steps(S::FUSED) };
        let mut b = t.b;
        let mut next = t.next;
        let mut ahead = t.ahead;
        let mut outer = t.a;
        for _ in 0..t.outer {
            let mut inner = outer;
            for _ in 0..t.inner {
                let mut a = inner;
                // Beyond the rows of a small tile, where nothing is read from it.
                let mut middle = a.wrapping_add(HALF * t.a_stride);
                let end = a.add(t.length);
                while a.wrapping_add(round) <= end {
                    // Without this the loop advances a pointer for each row, more than there are registers.
                    a = opaque(a);
                    middle = opaque(middle);
                    if const { MR > FEW_ROWS } {
                        if t.next_step > 0 {
                            unroll!([0 2], U, {
                                s.prefetch(next.wrapping_byte_add(U * t.next_step));
                            });
                            if t.next_step > HALF_LINE {
                                unroll!([1 3], U, {
                                    s.prefetch(next.wrapping_byte_add(U * t.next_step));
                                });
                            }
                            next = next.wrapping_byte_add(round * t.next_step);
                        }
                        if t.ahead_step > 0 {
                            unroll!(4, U, steps(S::FUSED), {
                                s.prefetch(ahead.wrapping_byte_add(U * t.ahead_step));
                            });
                            ahead = ahead.wrapping_byte_add(round * t.ahead_step);
                        }
                    }
                    unroll!(4, U, steps(S::FUSED), {
                        step!(a.add(U), middle.wrapping_add(U), b.add(U * PANEL));
                        // Keeps the loads of a step from moving before the one above, which takes more registers.
                        if const { S::FUSED } {
                            compiler_fence(Ordering::SeqCst);
                        }
                        if const { U % 2 == 1 && NH > 0 } {
                            let k = U - U % 2;
                            half_step!(true, a.add(k), middle.wrapping_add(k), b.add(k * PANEL));
                            compiler_fence(Ordering::SeqCst);
                        }
                    });
                    a = a.add(round);
                    middle = middle.wrapping_add(round);
                    b = b.add(round * PANEL);
                }
                // What is left of four steps, two of them and one; a round of one leaves nothing.
                while const { NH > 0 } && a.wrapping_add(1) < end {
                    a = opaque(a);
                    middle = opaque(middle);
                    step!(a, middle, b);
                    compiler_fence(Ordering::SeqCst);
                    step!(a.add(1), middle.wrapping_add(1), b.add(PANEL));
                    compiler_fence(Ordering::SeqCst);
                    half_step!(true, a, middle, b);
                    a = a.add(2);
                    middle = middle.wrapping_add(2);
                    b = b.add(2 * PANEL);
                }
                while const { S::FUSED } && a < end {
                    a = opaque(a);
                    middle = opaque(middle);
                    step!(a, middle, b);
                    if const { NH > 0 } {
                        compiler_fence(Ordering::SeqCst);
                        half_step!(false, a, middle, b);
                    }
                    a = a.add(1);
                    middle = middle.wrapping_add(1);
                    b = b.add(PANEL);
                }
                inner = inner.add(t.inner_stride);
            }
            outer = outer.add(t.outer_stride);
        }
        let mut half_acc = [[half.zero(); NH]; MR];
        unroll!(14, I, MR, {
            unroll!(1, J, NH, {
                half_acc[I][J] = s.add_pairs(pairs[I][J]);
            })
        });
        // Does the same with each vector of the sums. A pass for each thing that is done: the branches are taken once, not
        // for each vector, which is up to a seventh of the time of a product with 16 k.
        macro_rules! each {
            (|$s:ident, $row:ident, $column:ident, $count:ident, $sum:ident| $body:expr) => {
                unroll!(14, I, MR, {
                    unroll!(4, J, NV, {
                        let ($s, $row, $column, $count) = (s, I, J * S::LANES, count(J));
                        let $sum = &mut acc[I][J];
                        $body;
                    });
                    unroll!(1, J, NH, {
                        let ($s, $row, $column, $count) = (half, I, NV * S::LANES, t.tail);
                        let $sum = &mut half_acc[I][J];
                        $body;
                    })
                })
            };
        }
        if !t.residual.is_null() {
            each!(|s, row, column, count, sum| *sum = *sum + t.residual(s, row, column, count));
        }
        if t.low > f32::NEG_INFINITY {
            each!(|s, _row, _column, _count, sum| *sum = s.max(s.splat(t.low), *sum));
        }
        if t.high < f32::INFINITY {
            each!(|s, _row, _column, _count, sum| *sum = s.min(s.splat(t.high), *sum));
        }
        if t.hard_swish {
            each!(|s, _row, _column, _count, sum| *sum = activation::hard_swish(s, *sum));
        }
        each!(|s, row, column, count, sum| t.store(s, row, column, count, *sum));
    }
}

/// The tiles of an instruction set.
pub(super) struct Kernels {
    pub lanes: usize,
    /// By number of vectors, then of rows, each less one. All numbers of rows up to the largest are there, and as many
    /// rows or more for fewer vectors.
    pub tiles: &'static [&'static [Kernel]],
    /// The same with half of the last vector, where that takes less time: for every number of vectors, some rows fewer.
    pub halves: &'static [&'static [Kernel]],
}

macro_rules! kernels {
    ($token:ty: $($nv:literal vectors: $($mr:literal)+;)+ $(halves: $($nh:literal vectors: $($mh:literal)+;)+)?) => {
        Kernels {
            lanes: <$token as Simd>::LANES,
            tiles: &[$(&[$(run::<$token, $mr, $nv, 0>),+]),+],
            halves: &[$($(&[$(run::<$token, $mh, $nh, 1>),+]),+)?],
        }
    };
}

/// 32 registers: up to 28 accumulators, the vectors of `b`, and one to broadcast; beside a half vector two more are in use.
#[cfg(target_arch = "x86_64")]
pub(super) static AVX512: Kernels = kernels! { crate::simd::Avx512:
    1 vectors: 1 2 3 4 5 6 7 8 9 10 11 12 13 14;
    2 vectors: 1 2 3 4 5 6 7 8 9 10 11 12 13 14;
    3 vectors: 1 2 3 4 5 6 7 8 9;
    4 vectors: 1 2 3 4 5 6;
    halves:
    0 vectors: 1 2 3 4 5 6 7 8 9 10 11 12 13 14;
    1 vectors: 1 2 3 4 5 6 7 8 9 10 11 12;
    2 vectors: 1 2 3 4 5 6 7 8;
    3 vectors: 1 2 3 4 5 6;
};

/// 16 registers: 12 accumulators, 2 vectors of `b`, and one to broadcast.
#[cfg(target_arch = "x86_64")]
pub(super) static AVX2: Kernels = kernels! { crate::simd::Avx2:
    1 vectors: 1 2 3 4 5 6;
    2 vectors: 1 2 3 4 5 6;
};

/// 32 registers: 24 accumulators, 4 vectors of `b`, and one to broadcast.
#[cfg(any(target_arch = "aarch64", feature = "portable4"))]
macro_rules! kernels_of_4_lanes {
    ($token:ty) => {
        kernels! { $token:
            1 vectors: 1 2 3 4 5 6;
            2 vectors: 1 2 3 4 5 6;
            3 vectors: 1 2 3 4 5 6;
            4 vectors: 1 2 3 4 5 6;
        }
    };
}

#[cfg(target_arch = "aarch64")]
pub(super) static NEON: Kernels = kernels_of_4_lanes!(crate::simd::Neon);

/// The tiles of NEON.
#[cfg(feature = "portable4")]
pub(super) static PORTABLE4: Kernels = kernels_of_4_lanes!(crate::simd::Portable4);

/// Compiled by the browser to 16 registers on x86-64: 8 accumulators, and temporaries, as multiply-add is two steps.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) static WASM: Kernels = kernels! { crate::simd::Wasm:
    1 vectors: 1 2 3 4;
    2 vectors: 1 2 3 4;
};

/// A vector is two registers of the x86-64 baseline: 8 accumulators of 16.
pub(super) static PORTABLE: Kernels = kernels! { Portable:
    1 vectors: 1 2 3 4;
};
