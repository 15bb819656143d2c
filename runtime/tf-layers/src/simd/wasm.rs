//! WebAssembly `simd128`, chosen at compile time: 4 lanes.

use std::arch::wasm32::*;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Sub};

use super::{Isa, Simd, WithSimd, operators, sealed};

/// Proof that the module is compiled with `simd128`.
#[derive(Debug, Clone, Copy)]
pub struct Wasm(());

impl Wasm {
    /// The token; this file is compiled only with the instruction set.
    #[inline(always)]
    pub(super) const fn new() -> Self {
        Self(())
    }
}

/// 4 numbers.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct F32x4(v128);

/// 4 integers.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct I32x4(v128);

/// 4 truth values: all bits of a lane are set, or none.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct Mask4(v128);

operators! {
    F32x4: Add add f32x4_add, Sub sub f32x4_sub, Mul mul f32x4_mul, Div div f32x4_div;
    I32x4: Add add i32x4_add, Sub sub i32x4_sub, BitAnd bitand v128_and, BitOr bitor v128_or,
        BitXor bitxor v128_xor;
    Mask4: BitAnd bitand v128_and, BitOr bitor v128_or;
}

impl Neg for F32x4 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(f32x4_neg(self.0))
    }
}

impl Not for Mask4 {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        Self(v128_not(self.0))
    }
}

impl sealed::Sealed for Wasm {}

/// The lanes in order.
#[inline(always)]
fn lanes(x: v128) -> [f32; 4] {
    [
        f32x4_extract_lane::<0>(x),
        f32x4_extract_lane::<1>(x),
        f32x4_extract_lane::<2>(x),
        f32x4_extract_lane::<3>(x),
    ]
}

/// Methods that are one intrinsic each.
macro_rules! methods {
    ($($name:ident($($x:ident: $t:ty),*) -> $out:ident = $body:expr;)+) => { $(
        #[inline(always)]
        fn $name(self, $($x: $t),*) -> $out {
            $out($body)
        }
    )+ };
}

impl Simd for Wasm {
    const LANES: usize = 4;
    const FUSED: bool = false;
    const ISA: Isa = Isa::Wasm;
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
        // SAFETY: the caller's promise is that of the intrinsic, which accepts any alignment.
        F32x4(unsafe { v128_load(x.cast()) })
    }

    #[inline(always)]
    unsafe fn store_ptr(self, v: F32x4, out: *mut f32) {
        // SAFETY: as in `load_ptr`.
        unsafe { v128_store(out.cast(), v.0) }
    }

    #[inline(always)]
    unsafe fn load_ptr_partial(self, x: *const f32, count: usize) -> F32x4 {
        let mut buffer = [0.0; 4];
        // SAFETY: the caller's promise covers `count <= 4` elements; `buffer` has 4.
        unsafe {
            x.copy_to_nonoverlapping(buffer.as_mut_ptr(), count);
            self.load_ptr(buffer.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store_ptr_partial(self, v: F32x4, out: *mut f32, count: usize) {
        let buffer = lanes(v.0);
        // SAFETY: the caller's promise covers `count <= 4` elements; `buffer` has 4.
        unsafe { out.copy_from_nonoverlapping(buffer.as_ptr(), count) }
    }

    methods! {
        splat(x: f32) -> F32x4 = f32x4_splat(x);
        mul_add(a: F32x4, b: F32x4, c: F32x4) -> F32x4 = f32x4_add(f32x4_mul(a.0, b.0), c.0);
        // `pmin(b, a)` is `a < b ? a : b`.
        min(a: F32x4, b: F32x4) -> F32x4 = f32x4_pmin(b.0, a.0);
        max(a: F32x4, b: F32x4) -> F32x4 = f32x4_pmax(b.0, a.0);
        abs(x: F32x4) -> F32x4 = f32x4_abs(x.0);
        sqrt(x: F32x4) -> F32x4 = f32x4_sqrt(x.0);
        round(x: F32x4) -> F32x4 = f32x4_nearest(x.0);
        floor(x: F32x4) -> F32x4 = f32x4_floor(x.0);
        ceil(x: F32x4) -> F32x4 = f32x4_ceil(x.0);
        less(a: F32x4, b: F32x4) -> Mask4 = f32x4_lt(a.0, b.0);
        less_equal(a: F32x4, b: F32x4) -> Mask4 = f32x4_le(a.0, b.0);
        equal(a: F32x4, b: F32x4) -> Mask4 = f32x4_eq(a.0, b.0);
        select(mask: Mask4, a: F32x4, b: F32x4) -> F32x4 = v128_bitselect(a.0, b.0, mask.0);
        splat_i32(x: i32) -> I32x4 = i32x4_splat(x);
        to_i32(x: F32x4) -> I32x4 = i32x4_trunc_sat_f32x4(f32x4_nearest(x.0));
        to_f32(x: I32x4) -> F32x4 = f32x4_convert_i32x4(x.0);
        bitcast_i32(x: F32x4) -> I32x4 = x.0;
        bitcast_f32(x: I32x4) -> F32x4 = x.0;
        shift_left(x: I32x4, bits: u32) -> I32x4 = i32x4_shl(x.0, bits);
        shift_right(x: I32x4, bits: u32) -> I32x4 = i32x4_shr(x.0, bits);
        equal_i32(a: I32x4, b: I32x4) -> Mask4 = i32x4_eq(a.0, b.0);
    }

    #[inline(always)]
    fn any(self, mask: Mask4) -> bool {
        v128_any_true(mask.0)
    }

    #[inline(always)]
    fn reduce_sum(self, x: F32x4) -> f32 {
        let [a, b, c, d] = lanes(x.0);
        (a + c) + (b + d)
    }

    #[inline(always)]
    fn reduce_max(self, x: F32x4) -> f32 {
        let [a, b, c, d] = lanes(x.0);
        a.max(c).max(b.max(d))
    }
}
