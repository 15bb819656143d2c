//! Plain Rust on arrays of 8, for every machine; the compiler turns it into what vector instructions the baseline has.

use std::array::from_fn;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Sub};

use super::{Isa, Simd, WithSimd, sealed};

/// The instruction set that needs none.
#[derive(Debug, Clone, Copy)]
pub struct Portable(());

impl Portable {
    #[inline(always)]
    pub(super) const fn new() -> Self {
        Self(())
    }
}

/// 8 numbers.
#[derive(Debug, Clone, Copy)]
pub struct F32x8([f32; 8]);

/// 8 integers.
#[derive(Debug, Clone, Copy)]
pub struct I32x8([i32; 8]);

/// 8 truth values: all bits of a lane are set, or none.
#[derive(Debug, Clone, Copy)]
pub struct Mask8([u32; 8]);

macro_rules! lanewise {
    ($($vector:ident: $($op:ident $method:ident |$a:ident, $b:ident| $lane:expr),+;)+) => { $($(
        impl $op for $vector {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(from_fn(|i| { let ($a, $b) = (self.0[i], other.0[i]); $lane }))
            }
        }
    )+)+ };
}
lanewise! {
    F32x8: Add add |a, b| a + b, Sub sub |a, b| a - b, Mul mul |a, b| a * b, Div div |a, b| a / b;
    I32x8: Add add |a, b| a.wrapping_add(b), Sub sub |a, b| a.wrapping_sub(b), BitAnd bitand |a, b| a & b,
        BitOr bitor |a, b| a | b, BitXor bitxor |a, b| a ^ b;
    Mask8: BitAnd bitand |a, b| a & b, BitOr bitor |a, b| a | b;
}

impl Neg for F32x8 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(self.0.map(|x| -x))
    }
}

impl Not for Mask8 {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        Self(self.0.map(|x| !x))
    }
}

impl sealed::Sealed for Portable {}

/// All bits set for true, none for false.
#[inline(always)]
fn truth(x: bool) -> u32 {
    (x as u32).wrapping_neg()
}

/// Adding 2^23 to a smaller magnitude rounds it to an integer, halves to even, because the sum has no fractional bits;
/// numbers from 2^23 on are integers. (The standard library's function is a call without SSE4.1.)
#[inline(always)]
fn round_ties_even(x: f32) -> f32 {
    let magnitude = x.abs();
    const SHIFT: f32 = 8_388_608.0;
    let rounded = (magnitude + SHIFT) - SHIFT;
    (if magnitude < SHIFT {
        rounded
    } else {
        magnitude
    })
    .copysign(x)
}

/// Methods on each lane.
macro_rules! methods {
    ($($name:ident($($x:ident: $t:ty),*) -> $out:ident = $lane:expr;)+) => { $(
        #[inline(always)]
        fn $name(self, $($x: $t),*) -> $out {
            $out(from_fn(|i| { $(let $x = $x.0[i];)* $lane }))
        }
    )+ };
}

impl Simd for Portable {
    const LANES: usize = 8;
    const ISA: Isa = Isa::Portable;
    type F32 = F32x8;
    type I32 = I32x8;
    type Mask = Mask8;

    #[inline(always)]
    unsafe fn enter<W: WithSimd>(op: W) -> W::Output {
        op.call(Self::new())
    }

    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> F32x8 {
        // SAFETY: the caller promises 8 readable elements; an array has the alignment of its elements.
        F32x8(unsafe { x.cast::<[f32; 8]>().read() })
    }

    #[inline(always)]
    unsafe fn store_ptr(self, v: F32x8, out: *mut f32) {
        // SAFETY: the caller promises 8 writable elements.
        unsafe { out.cast::<[f32; 8]>().write(v.0) }
    }

    #[inline(always)]
    unsafe fn load_ptr_partial(self, x: *const f32, count: usize) -> F32x8 {
        let mut lanes = [0.0; 8];
        // SAFETY: the caller's promise covers `count <= 8` elements; `lanes` has 8.
        unsafe { x.copy_to_nonoverlapping(lanes.as_mut_ptr(), count) };
        F32x8(lanes)
    }

    #[inline(always)]
    unsafe fn store_ptr_partial(self, v: F32x8, out: *mut f32, count: usize) {
        // SAFETY: the caller's promise covers `count <= 8` elements; `v` has 8.
        unsafe { out.copy_from_nonoverlapping(v.0.as_ptr(), count) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> F32x8 {
        F32x8([x; 8])
    }

    methods! {
        mul_add(a: F32x8, b: F32x8, c: F32x8) -> F32x8 = a * b + c;
        min(a: F32x8, b: F32x8) -> F32x8 = if a < b { a } else { b };
        max(a: F32x8, b: F32x8) -> F32x8 = if a > b { a } else { b };
        abs(x: F32x8) -> F32x8 = x.abs();
        sqrt(x: F32x8) -> F32x8 = x.sqrt();
        round(x: F32x8) -> F32x8 = round_ties_even(x);
        floor(x: F32x8) -> F32x8 = {
            let nearest = round_ties_even(x);
            if nearest > x { nearest - 1.0 } else { nearest }
        };
        ceil(x: F32x8) -> F32x8 = {
            let nearest = round_ties_even(x);
            if nearest < x { (nearest + 1.0).copysign(x) } else { nearest }
        };
        less(a: F32x8, b: F32x8) -> Mask8 = truth(a < b);
        less_equal(a: F32x8, b: F32x8) -> Mask8 = truth(a <= b);
        equal(a: F32x8, b: F32x8) -> Mask8 = truth(a == b);
        select(mask: Mask8, a: F32x8, b: F32x8) -> F32x8
            = f32::from_bits(a.to_bits() & mask | b.to_bits() & !mask);
        to_i32(x: F32x8) -> I32x8 = round_ties_even(x) as i32;
        to_f32(x: I32x8) -> F32x8 = x as f32;
        bitcast_i32(x: F32x8) -> I32x8 = x.to_bits() as i32;
        bitcast_f32(x: I32x8) -> F32x8 = f32::from_bits(x as u32);
        equal_i32(a: I32x8, b: I32x8) -> Mask8 = truth(a == b);
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> I32x8 {
        I32x8([x; 8])
    }

    #[inline(always)]
    fn shift_left(self, x: I32x8, bits: u32) -> I32x8 {
        I32x8(x.0.map(|x| x << bits))
    }

    #[inline(always)]
    fn shift_right(self, x: I32x8, bits: u32) -> I32x8 {
        I32x8(x.0.map(|x| x >> bits))
    }

    #[inline(always)]
    fn any(self, mask: Mask8) -> bool {
        mask.0.iter().fold(0, |all, lane| all | lane) != 0
    }

    #[inline(always)]
    fn reduce_sum(self, x: F32x8) -> f32 {
        let [a, b, c, d, e, f, g, h] = x.0;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }

    #[inline(always)]
    fn reduce_max(self, x: F32x8) -> f32 {
        x.0.into_iter()
            .fold(f32::NEG_INFINITY, |a, b| if a > b { a } else { b })
    }
}
