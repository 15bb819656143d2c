//! Arm Advanced SIMD, which every AArch64 machine has: 4 lanes.

use std::arch::aarch64::*;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Sub};

use super::{Isa, Simd, WithSimd, operators, sealed};

/// Proof that the machine has Advanced SIMD.
#[derive(Debug, Clone, Copy)]
pub struct Neon(());

impl Neon {
    /// The token; AArch64 includes the instruction set.
    #[inline(always)]
    pub(super) const fn new() -> Self {
        Self(())
    }
}

/// 4 numbers.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct F32x4(float32x4_t);

/// 4 integers.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct I32x4(int32x4_t);

/// 4 truth values: all bits of a lane are set, or none.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct Mask4(uint32x4_t);

operators! {
    F32x4: Add add vaddq_f32, Sub sub vsubq_f32, Mul mul vmulq_f32, Div div vdivq_f32;
    I32x4: Add add vaddq_s32, Sub sub vsubq_s32, BitAnd bitand vandq_s32, BitOr bitor vorrq_s32,
        BitXor bitxor veorq_s32;
    Mask4: BitAnd bitand vandq_u32, BitOr bitor vorrq_u32;
}

impl Neg for F32x4 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        // SAFETY: AArch64 includes the instruction set.
        Self(unsafe { vnegq_f32(self.0) })
    }
}

impl Not for Mask4 {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        // SAFETY: AArch64 includes the instruction set.
        Self(unsafe { vmvnq_u32(self.0) })
    }
}

impl sealed::Sealed for Neon {}

/// Methods that are one intrinsic each.
macro_rules! methods {
    ($($name:ident($($x:ident: $t:ty),*) -> $out:ident = $body:expr;)+) => { $(
        #[inline(always)]
        fn $name(self, $($x: $t),*) -> $out {
            // SAFETY: AArch64 includes the instruction set.
            $out(unsafe { $body })
        }
    )+ };
}

impl Simd for Neon {
    const LANES: usize = 4;
    const FUSED: bool = true;
    const ISA: Isa = Isa::Neon;
    type Half = Self;
    type F32 = F32x4;
    type I32 = I32x4;
    type Mask = Mask4;

    #[inline(always)]
    fn half(self) -> Self {
        self
    }

    #[inline(always)]
    unsafe fn enter<W: WithSimd>(op: W) -> W::Output {
        op.call(Self::new())
    }

    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> F32x4 {
        // SAFETY: the caller's promise is that of the intrinsic.
        F32x4(unsafe { vld1q_f32(x) })
    }

    #[inline(always)]
    unsafe fn store_ptr(self, v: F32x4, out: *mut f32) {
        // SAFETY: the caller's promise is that of the intrinsic.
        unsafe { vst1q_f32(out, v.0) }
    }

    #[inline(always)]
    unsafe fn load_ptr_partial(self, x: *const f32, count: usize) -> F32x4 {
        let mut lanes = [0.0; 4];
        // SAFETY: the caller's promise covers `count <= 4` elements; `lanes` has 4.
        unsafe {
            x.copy_to_nonoverlapping(lanes.as_mut_ptr(), count);
            self.load_ptr(lanes.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store_ptr_partial(self, v: F32x4, out: *mut f32, count: usize) {
        let mut lanes = [0.0; 4];
        // SAFETY: the caller's promise covers `count <= 4` elements; `lanes` has 4.
        unsafe {
            self.store_ptr(v, lanes.as_mut_ptr());
            out.copy_from_nonoverlapping(lanes.as_ptr(), count);
        }
    }

    methods! {
        splat(x: f32) -> F32x4 = vdupq_n_f32(x);
        mul_add(a: F32x4, b: F32x4, c: F32x4) -> F32x4 = vfmaq_f32(c.0, a.0, b.0);
        min(a: F32x4, b: F32x4) -> F32x4 = vbslq_f32(vcltq_f32(a.0, b.0), a.0, b.0);
        max(a: F32x4, b: F32x4) -> F32x4 = vbslq_f32(vcgtq_f32(a.0, b.0), a.0, b.0);
        abs(x: F32x4) -> F32x4 = vabsq_f32(x.0);
        sqrt(x: F32x4) -> F32x4 = vsqrtq_f32(x.0);
        round(x: F32x4) -> F32x4 = vrndnq_f32(x.0);
        floor(x: F32x4) -> F32x4 = vrndmq_f32(x.0);
        ceil(x: F32x4) -> F32x4 = vrndpq_f32(x.0);
        less(a: F32x4, b: F32x4) -> Mask4 = vcltq_f32(a.0, b.0);
        less_equal(a: F32x4, b: F32x4) -> Mask4 = vcleq_f32(a.0, b.0);
        equal(a: F32x4, b: F32x4) -> Mask4 = vceqq_f32(a.0, b.0);
        select(mask: Mask4, a: F32x4, b: F32x4) -> F32x4 = vbslq_f32(mask.0, a.0, b.0);
        splat_i32(x: i32) -> I32x4 = vdupq_n_s32(x);
        to_i32(x: F32x4) -> I32x4 = vcvtnq_s32_f32(x.0);
        to_f32(x: I32x4) -> F32x4 = vcvtq_f32_s32(x.0);
        bitcast_i32(x: F32x4) -> I32x4 = vreinterpretq_s32_f32(x.0);
        bitcast_f32(x: I32x4) -> F32x4 = vreinterpretq_f32_s32(x.0);
        shift_left(x: I32x4, bits: u32) -> I32x4 = vshlq_s32(x.0, vdupq_n_s32(bits as i32));
        shift_right(x: I32x4, bits: u32) -> I32x4 = vshlq_s32(x.0, vdupq_n_s32(-(bits as i32)));
        equal_i32(a: I32x4, b: I32x4) -> Mask4 = vceqq_s32(a.0, b.0);
    }

    #[inline(always)]
    fn any(self, mask: Mask4) -> bool {
        // SAFETY: AArch64 includes the instruction set.
        unsafe { vmaxvq_u32(mask.0) != 0 }
    }

    #[inline(always)]
    fn reduce_sum(self, x: F32x4) -> f32 {
        // SAFETY: AArch64 includes the instruction set.
        unsafe {
            let two = vadd_f32(vget_low_f32(x.0), vget_high_f32(x.0));
            vget_lane_f32::<0>(vpadd_f32(two, two))
        }
    }

    #[inline(always)]
    fn reduce_max(self, x: F32x4) -> f32 {
        // SAFETY: AArch64 includes the instruction set.
        unsafe { vmaxvq_f32(x.0) }
    }
}
