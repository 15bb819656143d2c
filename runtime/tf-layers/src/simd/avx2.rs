//! AVX2 with FMA: 8 lanes.

use std::arch::x86_64::*;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Sub};

use super::{Isa, Simd, WithSimd, operators, sealed};

/// Proof that the machine has AVX2 and FMA.
#[derive(Debug, Clone, Copy)]
pub struct Avx2(pub(super) ());

/// Runs `op` in a function that is compiled for AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
fn enter<W: WithSimd>(op: W) -> W::Output {
    op.call(Avx2(()))
}

/// 8 numbers.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct F32x8(pub(super) __m256);

/// 8 integers.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct I32x8(__m256i);

/// 8 truth values: all bits of a lane are set, or none.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct Mask8(__m256);

operators! {
    F32x8: Add add _mm256_add_ps, Sub sub _mm256_sub_ps, Mul mul _mm256_mul_ps, Div div _mm256_div_ps;
    I32x8: Add add _mm256_add_epi32, Sub sub _mm256_sub_epi32, BitAnd bitand _mm256_and_si256,
        BitOr bitor _mm256_or_si256, BitXor bitxor _mm256_xor_si256;
    Mask8: BitAnd bitand _mm256_and_ps, BitOr bitor _mm256_or_ps;
}

impl Neg for F32x8 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        // SAFETY: a vector proves that the machine has the instruction set.
        Self(unsafe { _mm256_xor_ps(self.0, _mm256_set1_ps(-0.0)) })
    }
}

impl Not for Mask8 {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        // SAFETY: a mask proves that the machine has the instruction set.
        Self(unsafe { _mm256_xor_ps(self.0, _mm256_castsi256_ps(_mm256_set1_epi32(-1))) })
    }
}

impl sealed::Sealed for Avx2 {}

/// The sign bits of the first `count` lanes, `count <= 8`.
#[inline(always)]
fn first(count: usize) -> __m256i {
    // SAFETY: called only with a token, which proves that the machine has the instruction set.
    unsafe {
        _mm256_cmpgt_epi32(
            _mm256_set1_epi32(count as i32),
            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
        )
    }
}

/// The lower and the upper half.
#[inline(always)]
fn halves(x: __m256) -> (__m128, __m128) {
    // SAFETY: as in `first`.
    unsafe { (_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x)) }
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

impl Simd for Avx2 {
    const LANES: usize = 8;
    const FUSED: bool = true;
    const ISA: Isa = Isa::Avx2;
    type Half = Self;
    type F32 = F32x8;
    type I32 = I32x8;
    type Mask = Mask8;

    #[inline(always)]
    fn half(self) -> Self {
        self
    }

    #[inline(always)]
    unsafe fn enter<W: WithSimd>(op: W) -> W::Output {
        // SAFETY: the caller promises the instruction set.
        unsafe { enter(op) }
    }

    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> F32x8 {
        // SAFETY: the caller's promise is that of the intrinsic; the token proves the instruction set.
        F32x8(unsafe { _mm256_loadu_ps(x) })
    }

    #[inline(always)]
    unsafe fn store_ptr(self, v: F32x8, out: *mut f32) {
        // SAFETY: as in `load_ptr`.
        unsafe { _mm256_storeu_ps(out, v.0) }
    }

    #[inline(always)]
    unsafe fn load_ptr_partial(self, x: *const f32, count: usize) -> F32x8 {
        // SAFETY: as in `load_ptr`; lanes outside of the mask are not accessed.
        F32x8(unsafe { _mm256_maskload_ps(x, first(count)) })
    }

    #[inline(always)]
    unsafe fn store_ptr_partial(self, v: F32x8, out: *mut f32, count: usize) {
        // SAFETY: as in `load_ptr_partial`.
        unsafe { _mm256_maskstore_ps(out, first(count), v.0) }
    }

    #[inline(always)]
    unsafe fn load_columns_ptr(self, x: *const f32, stride: usize) -> [F32x8; 4] {
        // SAFETY: the caller promises the elements; the token proves the instruction set.
        unsafe {
            let row = |row: usize| _mm_loadu_ps(x.add(row * stride));
            let halves = |i: usize| _mm256_set_m128(row(i + 4), row(i));
            let (a, b, c, d) = (halves(0), halves(1), halves(2), halves(3));
            let low = |a, b| _mm256_castps_pd(_mm256_unpacklo_ps(a, b));
            let high = |a, b| _mm256_castps_pd(_mm256_unpackhi_ps(a, b));
            let (low_ab, low_cd) = (low(a, b), low(c, d));
            let (high_ab, high_cd) = (high(a, b), high(c, d));
            [
                F32x8(_mm256_castpd_ps(_mm256_unpacklo_pd(low_ab, low_cd))),
                F32x8(_mm256_castpd_ps(_mm256_unpackhi_pd(low_ab, low_cd))),
                F32x8(_mm256_castpd_ps(_mm256_unpacklo_pd(high_ab, high_cd))),
                F32x8(_mm256_castpd_ps(_mm256_unpackhi_pd(high_ab, high_cd))),
            ]
        }
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
        splat(x: f32) -> F32x8 = _mm256_set1_ps(x);
        mul_add(a: F32x8, b: F32x8, c: F32x8) -> F32x8 = _mm256_fmadd_ps(a.0, b.0, c.0);
        min(a: F32x8, b: F32x8) -> F32x8 = _mm256_min_ps(a.0, b.0);
        max(a: F32x8, b: F32x8) -> F32x8 = _mm256_max_ps(a.0, b.0);
        abs(x: F32x8) -> F32x8 = _mm256_andnot_ps(_mm256_set1_ps(-0.0), x.0);
        sqrt(x: F32x8) -> F32x8 = _mm256_sqrt_ps(x.0);
        round(x: F32x8) -> F32x8
            = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x.0);
        floor(x: F32x8) -> F32x8 = _mm256_floor_ps(x.0);
        ceil(x: F32x8) -> F32x8 = _mm256_ceil_ps(x.0);
        less(a: F32x8, b: F32x8) -> Mask8 = _mm256_cmp_ps::<_CMP_LT_OQ>(a.0, b.0);
        less_equal(a: F32x8, b: F32x8) -> Mask8 = _mm256_cmp_ps::<_CMP_LE_OQ>(a.0, b.0);
        equal(a: F32x8, b: F32x8) -> Mask8 = _mm256_cmp_ps::<_CMP_EQ_OQ>(a.0, b.0);
        select(mask: Mask8, a: F32x8, b: F32x8) -> F32x8 = _mm256_blendv_ps(b.0, a.0, mask.0);
        splat_i32(x: i32) -> I32x8 = _mm256_set1_epi32(x);
        to_i32(x: F32x8) -> I32x8 = _mm256_cvtps_epi32(x.0);
        to_f32(x: I32x8) -> F32x8 = _mm256_cvtepi32_ps(x.0);
        bitcast_i32(x: F32x8) -> I32x8 = _mm256_castps_si256(x.0);
        bitcast_f32(x: I32x8) -> F32x8 = _mm256_castsi256_ps(x.0);
        shift_left(x: I32x8, bits: u32) -> I32x8
            = _mm256_sllv_epi32(x.0, _mm256_set1_epi32(bits as i32));
        shift_right(x: I32x8, bits: u32) -> I32x8
            = _mm256_srav_epi32(x.0, _mm256_set1_epi32(bits as i32));
        equal_i32(a: I32x8, b: I32x8) -> Mask8
            = _mm256_castsi256_ps(_mm256_cmpeq_epi32(a.0, b.0));
    }

    #[inline(always)]
    fn any(self, mask: Mask8) -> bool {
        // SAFETY: the token proves that the machine has the instruction set.
        unsafe { _mm256_movemask_ps(mask.0) != 0 }
    }

    #[inline(always)]
    fn reduce_sum(self, x: F32x8) -> f32 {
        let (low, high) = halves(x.0);
        // SAFETY: the token proves that the machine has the instruction set.
        unsafe {
            let four = _mm_add_ps(low, high);
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    fn reduce_max(self, x: F32x8) -> f32 {
        let (low, high) = halves(x.0);
        // SAFETY: as above.
        unsafe {
            let four = _mm_max_ps(low, high);
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }
}
