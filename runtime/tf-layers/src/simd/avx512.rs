//! AVX-512: 16 lanes.

use std::arch::x86_64::*;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Sub};

use super::avx2::{Avx2, F32x8};
use super::{Isa, Simd, WithSimd, operators, sealed};

/// Proof that the machine has AVX-512 F, VL, DQ and BW.
#[derive(Debug, Clone, Copy)]
pub struct Avx512(());

/// Runs `op` in a function that is compiled for AVX-512.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
fn enter<W: WithSimd>(op: W) -> W::Output {
    op.call(Avx512(()))
}

/// 16 numbers.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct F32x16(__m512);

/// 16 integers.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct I32x16(__m512i);

/// 16 truth values.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct Mask16(__mmask16);

operators! {
    F32x16: Add add _mm512_add_ps, Sub sub _mm512_sub_ps, Mul mul _mm512_mul_ps, Div div _mm512_div_ps;
    I32x16: Add add _mm512_add_epi32, Sub sub _mm512_sub_epi32, BitAnd bitand _mm512_and_si512,
        BitOr bitor _mm512_or_si512, BitXor bitxor _mm512_xor_si512;
}

impl Neg for F32x16 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        // SAFETY: a vector proves that the machine has the instruction set.
        Self(unsafe { _mm512_xor_ps(self.0, _mm512_set1_ps(-0.0)) })
    }
}

impl BitAnd for Mask16 {
    type Output = Self;
    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for Mask16 {
    type Output = Self;
    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Not for Mask16 {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl sealed::Sealed for Avx512 {}

/// A mask with the first `count` lanes, `count <= 16`.
#[inline(always)]
fn first(count: usize) -> __mmask16 {
    ((1u32 << count) - 1) as __mmask16
}

/// Methods that are one intrinsic each.
macro_rules! methods {
    ($($name:ident($($x:ident: $t:ty),*) -> $out:ident = $body:expr;)+) => { $(
        #[inline(always)]
        fn $name(self, $($x: $t),*) -> $out {
            // SAFETY: the token proves that the machine has the instruction set.
            $out(unsafe { $body })
        }
    )+ };
}

impl Simd for Avx512 {
    const LANES: usize = 16;
    const FUSED: bool = true;
    const ISA: Isa = Isa::Avx512;
    type Half = Avx2;
    type F32 = F32x16;
    type I32 = I32x16;
    type Mask = Mask16;

    #[inline(always)]
    fn half(self) -> Avx2 {
        Avx2(())
    }

    #[inline(always)]
    unsafe fn enter<W: WithSimd>(op: W) -> W::Output {
        // SAFETY: the caller promises the instruction set.
        unsafe { enter(op) }
    }

    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> F32x16 {
        // SAFETY: the caller's promise is that of the intrinsic; the token proves the instruction set.
        F32x16(unsafe { _mm512_loadu_ps(x) })
    }

    #[inline(always)]
    unsafe fn store_ptr(self, v: F32x16, out: *mut f32) {
        // SAFETY: as in `load_ptr`.
        unsafe { _mm512_storeu_ps(out, v.0) }
    }

    #[inline(always)]
    unsafe fn load_ptr_partial(self, x: *const f32, count: usize) -> F32x16 {
        // SAFETY: as in `load_ptr`; lanes outside of the mask are not accessed.
        F32x16(unsafe { _mm512_maskz_loadu_ps(first(count), x) })
    }

    #[inline(always)]
    unsafe fn store_ptr_partial(self, v: F32x16, out: *mut f32, count: usize) {
        // SAFETY: as in `load_ptr_partial`.
        unsafe { _mm512_mask_storeu_ps(out, first(count), v.0) }
    }

    #[inline(always)]
    unsafe fn load_columns_ptr(self, x: *const f32, stride: usize) -> [F32x16; 4] {
        // SAFETY: the caller promises the elements; the token proves the instruction set.
        unsafe {
            let row = |row: usize| _mm_loadu_ps(x.add(row * stride));
            // Rows i, i + 4, i + 8 and i + 12, a quarter of a vector each. That takes loads and blends, which are faster
            // than the shuffles that they save.
            let quarters = |i: usize| {
                let v = _mm512_castps128_ps512(row(i));
                let v = _mm512_mask_broadcast_f32x4(v, 0x00f0, row(i + 4));
                let v = _mm512_mask_broadcast_f32x4(v, 0x0f00, row(i + 8));
                _mm512_mask_broadcast_f32x4(v, 0xf000, row(i + 12))
            };
            let (a, b, c, d) = (quarters(0), quarters(1), quarters(2), quarters(3));
            let low = |a, b| _mm512_castps_pd(_mm512_unpacklo_ps(a, b));
            let high = |a, b| _mm512_castps_pd(_mm512_unpackhi_ps(a, b));
            let (low_ab, low_cd) = (low(a, b), low(c, d));
            let (high_ab, high_cd) = (high(a, b), high(c, d));
            [
                F32x16(_mm512_castpd_ps(_mm512_unpacklo_pd(low_ab, low_cd))),
                F32x16(_mm512_castpd_ps(_mm512_unpackhi_pd(low_ab, low_cd))),
                F32x16(_mm512_castpd_ps(_mm512_unpacklo_pd(high_ab, high_cd))),
                F32x16(_mm512_castpd_ps(_mm512_unpackhi_pd(high_ab, high_cd))),
            ]
        }
    }

    #[inline(always)]
    unsafe fn splat_pair(self, x: *const f32) -> F32x16 {
        // SAFETY: the caller promises the two elements; the token proves the instruction set.
        F32x16(unsafe { _mm512_castpd_ps(_mm512_set1_pd(x.cast::<f64>().read_unaligned())) })
    }

    #[inline(always)]
    fn splat_even(self, x: f32) -> F32x16 {
        // SAFETY: the token proves that the machine has the instruction set.
        F32x16(unsafe { _mm512_maskz_mov_ps(0x5555, _mm512_set1_ps(x)) })
    }

    #[inline(always)]
    fn zip(self, even: F32x8, odd: F32x8) -> F32x16 {
        // SAFETY: as above.
        F32x16(unsafe {
            let order = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let (even, odd) = (
                _mm512_castps256_ps512(even.0),
                _mm512_castps256_ps512(odd.0),
            );
            _mm512_permutex2var_ps(even, order, odd)
        })
    }

    #[inline(always)]
    fn add_pairs(self, x: F32x16) -> F32x8 {
        // SAFETY: as above.
        F32x8(unsafe {
            let sums = _mm512_add_ps(x.0, _mm512_permute_ps::<0b10_11_00_01>(x.0));
            _mm256_castsi256_ps(_mm512_cvtepi64_epi32(_mm512_castps_si512(sums)))
        })
    }

    #[inline(always)]
    fn prefetch(self, x: *const f32) {
        // SAFETY: a prefetch does not fault, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(x.cast()) }
    }
    #[inline(always)]
    fn prefetch_write(self, x: *mut f32) {
        // SAFETY: a prefetch does not fault, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_ET0>(x.cast_const().cast()) }
    }

    methods! {
        splat(x: f32) -> F32x16 = _mm512_set1_ps(x);
        mul_add(a: F32x16, b: F32x16, c: F32x16) -> F32x16 = _mm512_fmadd_ps(a.0, b.0, c.0);
        mul_exp2(x: F32x16, n: F32x16) -> F32x16 = _mm512_scalef_ps(x.0, n.0);
        min(a: F32x16, b: F32x16) -> F32x16 = _mm512_min_ps(a.0, b.0);
        max(a: F32x16, b: F32x16) -> F32x16 = _mm512_max_ps(a.0, b.0);
        abs(x: F32x16) -> F32x16 = _mm512_abs_ps(x.0);
        sqrt(x: F32x16) -> F32x16 = _mm512_sqrt_ps(x.0);
        round(x: F32x16) -> F32x16
            = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x.0);
        floor(x: F32x16) -> F32x16
            = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(x.0);
        ceil(x: F32x16) -> F32x16
            = _mm512_roundscale_ps::<{ _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC }>(x.0);
        less(a: F32x16, b: F32x16) -> Mask16 = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a.0, b.0);
        less_equal(a: F32x16, b: F32x16) -> Mask16 = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(a.0, b.0);
        equal(a: F32x16, b: F32x16) -> Mask16 = _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a.0, b.0);
        select(mask: Mask16, a: F32x16, b: F32x16) -> F32x16 = _mm512_mask_blend_ps(mask.0, b.0, a.0);
        splat_i32(x: i32) -> I32x16 = _mm512_set1_epi32(x);
        to_i32(x: F32x16) -> I32x16 = _mm512_cvtps_epi32(x.0);
        to_f32(x: I32x16) -> F32x16 = _mm512_cvtepi32_ps(x.0);
        bitcast_i32(x: F32x16) -> I32x16 = _mm512_castps_si512(x.0);
        bitcast_f32(x: I32x16) -> F32x16 = _mm512_castsi512_ps(x.0);
        shift_left(x: I32x16, bits: u32) -> I32x16
            = _mm512_sllv_epi32(x.0, _mm512_set1_epi32(bits as i32));
        shift_right(x: I32x16, bits: u32) -> I32x16
            = _mm512_srav_epi32(x.0, _mm512_set1_epi32(bits as i32));
        equal_i32(a: I32x16, b: I32x16) -> Mask16 = _mm512_cmpeq_epi32_mask(a.0, b.0);
    }

    #[inline(always)]
    fn any(self, mask: Mask16) -> bool {
        mask.0 != 0
    }

    #[inline(always)]
    fn reduce_sum(self, x: F32x16) -> f32 {
        // SAFETY: the token proves that the machine has the instruction set.
        unsafe { _mm512_reduce_add_ps(x.0) }
    }

    #[inline(always)]
    fn reduce_max(self, x: F32x16) -> f32 {
        // SAFETY: as above.
        unsafe { _mm512_reduce_max_ps(x.0) }
    }
}
