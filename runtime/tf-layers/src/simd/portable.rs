//! Plain Rust on arrays, for every machine; the compiler turns it into what vector instructions the baseline has.

use std::array::from_fn;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Sub};

use super::{Isa, Simd, WithSimd, sealed};

/// The instruction set that needs none: arrays of `N`, a divisor of 16.
#[derive(Debug, Clone, Copy)]
pub struct Arrays<const N: usize>(());

/// Arrays of 8, which the compiler splits in as many vectors as the baseline needs.
pub type Portable = Arrays<8>;

/// Arrays of 4: what kernels do on NEON and WebAssembly, on any machine.
#[cfg(feature = "portable4")]
pub type Portable4 = Arrays<4>;

impl<const N: usize> Arrays<N> {
    #[inline(always)]
    pub(super) const fn new() -> Self {
        Self(())
    }
}

/// `N` numbers.
#[derive(Debug, Clone, Copy)]
pub struct F32s<const N: usize>([f32; N]);

/// `N` integers.
#[derive(Debug, Clone, Copy)]
pub struct I32s<const N: usize>([i32; N]);

/// `N` truth values: all bits of a lane are set, or none.
#[derive(Debug, Clone, Copy)]
pub struct Mask<const N: usize>([u32; N]);

macro_rules! lanewise {
    ($($vector:ident: $($op:ident $method:ident |$a:ident, $b:ident| $lane:expr),+;)+) => { $($(
        impl<const N: usize> $op for $vector<N> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(from_fn(|i| { let ($a, $b) = (self.0[i], other.0[i]); $lane }))
            }
        }
    )+)+ };
}
lanewise! {
    F32s: Add add |a, b| a + b, Sub sub |a, b| a - b, Mul mul |a, b| a * b, Div div |a, b| a / b;
    I32s: Add add |a, b| a.wrapping_add(b), Sub sub |a, b| a.wrapping_sub(b), BitAnd bitand |a, b| a & b,
        BitOr bitor |a, b| a | b, BitXor bitxor |a, b| a ^ b;
    Mask: BitAnd bitand |a, b| a & b, BitOr bitor |a, b| a | b;
}

impl<const N: usize> Neg for F32s<N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(self.0.map(|x| -x))
    }
}

impl<const N: usize> Not for Mask<N> {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        Self(self.0.map(|x| !x))
    }
}

impl<const N: usize> sealed::Sealed for Arrays<N> {}

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
    ($($name:ident($($x:ident: $t:ident),*) -> $out:ident = $lane:expr;)+) => { $(
        #[inline(always)]
        fn $name(self, $($x: $t<N>),*) -> $out<N> {
            $out(from_fn(|i| { $(let $x = $x.0[i];)* $lane }))
        }
    )+ };
}

impl<const N: usize> Simd for Arrays<N> {
    const LANES: usize = N;
    const FUSED: bool = false;
    const ISA: Isa = if N == 4 {
        Isa::Portable4
    } else {
        Isa::Portable
    };
    type Half = Self;
    type F32 = F32s<N>;
    type I32 = I32s<N>;
    type Mask = Mask<N>;

    #[inline(always)]
    fn half(self) -> Self {
        self
    }

    #[inline(always)]
    unsafe fn enter<W: WithSimd>(op: W) -> W::Output {
        op.call(Self::new())
    }

    #[inline(always)]
    unsafe fn load_ptr(self, x: *const f32) -> F32s<N> {
        // SAFETY: the caller promises `N` readable elements; an array has the alignment of its elements.
        F32s(unsafe { x.cast::<[f32; N]>().read() })
    }

    #[inline(always)]
    unsafe fn store_ptr(self, v: F32s<N>, out: *mut f32) {
        // SAFETY: the caller promises `N` writable elements.
        unsafe { out.cast::<[f32; N]>().write(v.0) }
    }

    #[inline(always)]
    unsafe fn load_ptr_partial(self, x: *const f32, count: usize) -> F32s<N> {
        let mut lanes = [0.0; N];
        // SAFETY: the caller's promise covers `count <= N` elements; `lanes` has `N`.
        unsafe { x.copy_to_nonoverlapping(lanes.as_mut_ptr(), count) };
        F32s(lanes)
    }

    #[inline(always)]
    unsafe fn store_ptr_partial(self, v: F32s<N>, out: *mut f32, count: usize) {
        // SAFETY: the caller's promise covers `count <= N` elements; `v` has `N`.
        unsafe { out.copy_from_nonoverlapping(v.0.as_ptr(), count) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> F32s<N> {
        F32s([x; N])
    }

    methods! {
        mul_add(a: F32s, b: F32s, c: F32s) -> F32s = a * b + c;
        min(a: F32s, b: F32s) -> F32s = if a < b { a } else { b };
        max(a: F32s, b: F32s) -> F32s = if a > b { a } else { b };
        abs(x: F32s) -> F32s = x.abs();
        sqrt(x: F32s) -> F32s = x.sqrt();
        round(x: F32s) -> F32s = round_ties_even(x);
        floor(x: F32s) -> F32s = {
            let nearest = round_ties_even(x);
            if nearest > x { nearest - 1.0 } else { nearest }
        };
        ceil(x: F32s) -> F32s = {
            let nearest = round_ties_even(x);
            if nearest < x { (nearest + 1.0).copysign(x) } else { nearest }
        };
        less(a: F32s, b: F32s) -> Mask = truth(a < b);
        less_equal(a: F32s, b: F32s) -> Mask = truth(a <= b);
        equal(a: F32s, b: F32s) -> Mask = truth(a == b);
        select(mask: Mask, a: F32s, b: F32s) -> F32s
            = f32::from_bits(a.to_bits() & mask | b.to_bits() & !mask);
        to_i32(x: F32s) -> I32s = round_ties_even(x) as i32;
        to_f32(x: I32s) -> F32s = x as f32;
        bitcast_i32(x: F32s) -> I32s = x.to_bits() as i32;
        bitcast_f32(x: I32s) -> F32s = f32::from_bits(x as u32);
        equal_i32(a: I32s, b: I32s) -> Mask = truth(a == b);
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> I32s<N> {
        I32s([x; N])
    }

    #[inline(always)]
    fn shift_left(self, x: I32s<N>, bits: u32) -> I32s<N> {
        I32s(x.0.map(|x| x << bits))
    }

    #[inline(always)]
    fn shift_right(self, x: I32s<N>, bits: u32) -> I32s<N> {
        I32s(x.0.map(|x| x >> bits))
    }

    #[inline(always)]
    fn any(self, mask: Mask<N>) -> bool {
        mask.0.iter().fold(0, |all, lane| all | lane) != 0
    }

    #[inline(always)]
    fn reduce_sum(self, x: F32s<N>) -> f32 {
        let mut lanes = x.0;
        let mut width = N / 2;
        while width > 0 {
            for i in 0..width {
                lanes[i] += lanes[i + width];
            }
            width /= 2;
        }
        lanes[0]
    }

    #[inline(always)]
    fn reduce_max(self, x: F32s<N>) -> f32 {
        x.0.into_iter()
            .fold(f32::NEG_INFINITY, |a, b| if a > b { a } else { b })
    }
}
