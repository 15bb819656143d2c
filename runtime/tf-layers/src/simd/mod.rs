//! One trait over the vector instruction sets, and the choice between them.
//!
//! A kernel is written once, generic over [`Simd`], as an implementation of [`WithSimd`]; [`dispatch`] runs it with the
//! widest instruction set of the machine. On x86-64 the choice is made at run time, once per process, and the body is
//! compiled inside of a function that enables the instruction set; elsewhere it is made at compile time. Everything
//! between `dispatch` and the arithmetic has to be `#[inline(always)]`: what is not inlined is compiled for the
//! baseline instead.
//!
//! ```
//! use tf_layers::simd::{Simd, WithSimd, dispatch};
//!
//! struct Scale<'a>(&'a mut [f32], f32);
//!
//! impl WithSimd for Scale<'_> {
//!     type Output = ();
//!     #[inline(always)]
//!     fn call<S: Simd>(self, s: S) {
//!         let factor = s.splat(self.1);
//!         let mut vectors = self.0.chunks_exact_mut(S::LANES);
//!         for x in &mut vectors {
//!             s.store(s.load(x) * factor, x);
//!         }
//!         let tail = vectors.into_remainder();
//!         s.store_partial(s.load_partial(tail) * factor, tail);
//!     }
//! }
//!
//! let mut x = [1.0; 37];
//! dispatch(Scale(&mut x, 3.0));
//! assert_eq!(x, [3.0; 37]);
//! ```
//!
//! A value of a token type (`Avx512`, …) proves that the machine has the instruction set: only `dispatch` makes one,
//! and vectors come only from tokens. That is why all operations on vectors are safe.
#![allow(unsafe_code)]

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Sub};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
#[cfg(target_arch = "aarch64")]
pub use neon::Neon;
pub use portable::Portable;
#[cfg(feature = "portable4")]
pub use portable::Portable4;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm::Wasm;

mod sealed {
    pub trait Sealed {}
}

/// An instruction set with 32-bit floating-point vectors.
///
/// Vectors compare and round as IEEE 754 asks; results differ between instruction sets only through
/// [`mul_add`](Simd::mul_add) and the order of sums in [`reduce_sum`](Simd::reduce_sum).
pub trait Simd: Copy + Send + Sync + sealed::Sealed + 'static {
    /// Elements in a vector; divides 16.
    const LANES: usize;
    /// Whether [`mul_add`](Simd::mul_add) rounds once.
    const FUSED: bool;
    /// The instruction set.
    const ISA: Isa;
    /// Vectors of half as many lanes, if work on them takes less time; else the same vectors.
    type Half: Simd;

    /// `LANES` numbers.
    type F32: Copy
        + Add<Output = Self::F32>
        + Sub<Output = Self::F32>
        + Mul<Output = Self::F32>
        + Div<Output = Self::F32>
        + Neg<Output = Self::F32>;
    /// `LANES` integers; sums and differences wrap.
    type I32: Copy
        + Add<Output = Self::I32>
        + Sub<Output = Self::I32>
        + BitAnd<Output = Self::I32>
        + BitOr<Output = Self::I32>
        + BitXor<Output = Self::I32>;
    /// `LANES` truth values.
    type Mask: Copy
        + BitAnd<Output = Self::Mask>
        + BitOr<Output = Self::Mask>
        + Not<Output = Self::Mask>;

    /// Runs `op` in a function that is compiled for this instruction set.
    ///
    /// # Safety
    /// The machine has the instruction set.
    unsafe fn enter<W: WithSimd>(op: W) -> W::Output;

    /// The token of [`Half`](Simd::Half).
    fn half(self) -> Self::Half;

    /// `x` in every lane.
    fn splat(self, x: f32) -> Self::F32;

    /// Zero in every lane.
    #[inline(always)]
    fn zero(self) -> Self::F32 {
        self.splat(0.0)
    }

    /// The first `LANES` elements of `x`.
    ///
    /// # Panics
    /// If `x` is shorter.
    #[inline(always)]
    fn load(self, x: &[f32]) -> Self::F32 {
        assert!(x.len() >= Self::LANES);
        // SAFETY: the line above checked that `x` has `LANES` elements.
        unsafe { self.load_ptr(x.as_ptr()) }
    }

    /// Writes all lanes to the first `LANES` elements of `out`.
    ///
    /// # Panics
    /// If `out` is shorter.
    #[inline(always)]
    fn store(self, v: Self::F32, out: &mut [f32]) {
        assert!(out.len() >= Self::LANES);
        // SAFETY: the line above checked that `out` has `LANES` elements.
        unsafe { self.store_ptr(v, out.as_mut_ptr()) }
    }

    /// The first `min(x.len(), LANES)` elements of `x`, then zeros.
    #[inline(always)]
    fn load_partial(self, x: &[f32]) -> Self::F32 {
        // SAFETY: the count is at most the length of `x`, and at most `LANES`.
        unsafe { self.load_ptr_partial(x.as_ptr(), x.len().min(Self::LANES)) }
    }

    /// Writes the first `min(out.len(), LANES)` lanes to `out`.
    #[inline(always)]
    fn store_partial(self, v: Self::F32, out: &mut [f32]) {
        // SAFETY: the count is at most the length of `out`, and at most `LANES`.
        unsafe { self.store_ptr_partial(v, out.as_mut_ptr(), out.len().min(Self::LANES)) }
    }

    /// Reads `LANES` elements at `x`.
    ///
    /// # Safety
    /// `x` is valid for reads of `LANES` elements.
    unsafe fn load_ptr(self, x: *const f32) -> Self::F32;

    /// Writes `LANES` elements at `out`.
    ///
    /// # Safety
    /// `out` is valid for writes of `LANES` elements.
    unsafe fn store_ptr(self, v: Self::F32, out: *mut f32);

    /// Reads `count` elements at `x` into the first lanes; the others are zero.
    ///
    /// # Safety
    /// `x` is valid for reads of `count` elements, and `count <= LANES`.
    unsafe fn load_ptr_partial(self, x: *const f32, count: usize) -> Self::F32;

    /// Writes the first `count` lanes at `out`.
    ///
    /// # Safety
    /// `out` is valid for writes of `count` elements, and `count <= LANES`.
    unsafe fn store_ptr_partial(self, v: Self::F32, out: *mut f32, count: usize);

    /// The first four columns of a matrix of `LANES` rows, which start `stride` elements apart.
    ///
    /// # Panics
    /// If `x` ends before the last of these elements.
    #[inline(always)]
    fn load_columns(self, x: &[f32], stride: usize) -> [Self::F32; 4] {
        assert!((Self::LANES - 1).saturating_mul(stride).saturating_add(4) <= x.len());
        // SAFETY: the line above checked that the last row's elements are in `x`.
        unsafe { self.load_columns_ptr(x.as_ptr(), stride) }
    }

    /// As [`load_columns`](Simd::load_columns).
    ///
    /// # Safety
    /// The four elements of each row are valid for reads.
    #[inline(always)]
    unsafe fn load_columns_ptr(self, x: *const f32, stride: usize) -> [Self::F32; 4] {
        [0, 1, 2, 3].map(|column| {
            let mut lanes = [0.0; 16];
            for (row, lane) in lanes[..Self::LANES].iter_mut().enumerate() {
                // SAFETY: the caller's promise.
                *lane = unsafe { *x.add(row * stride + column) };
            }
            self.load(&lanes)
        })
    }

    /// The two elements at `x` in turns: the first one in the even lanes, the second one in the odd ones.
    ///
    /// # Safety
    /// `x` is valid for reads of two elements.
    #[inline(always)]
    unsafe fn splat_pair(self, x: *const f32) -> Self::F32 {
        let mut lanes = [0.0; 16];
        for (lane, to) in lanes.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *to = unsafe { *x.add(lane % 2) };
        }
        self.load(&lanes)
    }

    /// `x` in the even lanes, zero in the odd ones.
    #[inline(always)]
    fn splat_even(self, x: f32) -> Self::F32 {
        // SAFETY: there are two elements.
        unsafe { self.splat_pair([x, 0.0].as_ptr()) }
    }

    /// The first `LANES / 2` lanes of `even` in the even lanes, those of `odd` in the odd ones.
    #[inline(always)]
    fn zip(self, even: <Self::Half as Simd>::F32, odd: <Self::Half as Simd>::F32) -> Self::F32 {
        let (mut evens, mut odds, mut lanes) = ([0.0; 16], [0.0; 16], [0.0; 16]);
        self.half().store(even, &mut evens);
        self.half().store(odd, &mut odds);
        for (to, (even, odd)) in lanes.chunks_exact_mut(2).zip(evens.into_iter().zip(odds)) {
            to.copy_from_slice(&[even, odd]);
        }
        self.load(&lanes)
    }

    /// The sums of an even lane and the odd one behind it, one after the other; then zeros, if there are more lanes.
    #[inline(always)]
    fn add_pairs(self, x: Self::F32) -> <Self::Half as Simd>::F32 {
        let (mut lanes, mut sums) = ([0.0; 16], [0.0; 16]);
        self.store(x, &mut lanes);
        for (sum, pair) in sums.iter_mut().zip(lanes.chunks_exact(2)) {
            *sum = pair[0] + pair[1];
        }
        self.half().load(&sums)
    }

    /// Asks for the cache line at `x` to be brought into the caches; any address is allowed.
    #[inline(always)]
    fn prefetch(self, x: *const f32) {
        let _ = x;
    }

    /// As [`prefetch`](Simd::prefetch), for a line that is going to be written.
    #[inline(always)]
    fn prefetch_write(self, x: *mut f32) {
        let _ = x;
    }

    /// `a * b + c`: rounded once where the machine has a fused instruction, twice where not (WebAssembly, portable).
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;

    /// `if a < b { a } else { b }`: where either is NaN, `b`. So `min(constant, x)` keeps a NaN of `x`.
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `if a > b { a } else { b }`: where either is NaN, `b`. So `max(constant, x)` keeps a NaN of `x`.
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `|x|`.
    fn abs(self, x: Self::F32) -> Self::F32;
    /// `√x`, correctly rounded; NaN below zero.
    fn sqrt(self, x: Self::F32) -> Self::F32;
    /// The nearest integer; halves go to the even neighbour.
    fn round(self, x: Self::F32) -> Self::F32;
    /// The largest integer that is not above `x`.
    fn floor(self, x: Self::F32) -> Self::F32;
    /// The smallest integer that is not below `x`.
    fn ceil(self, x: Self::F32) -> Self::F32;

    /// `a < b`; false where either is NaN.
    fn less(self, a: Self::F32, b: Self::F32) -> Self::Mask;
    /// `a <= b`; false where either is NaN.
    fn less_equal(self, a: Self::F32, b: Self::F32) -> Self::Mask;
    /// `a == b`; false where either is NaN.
    fn equal(self, a: Self::F32, b: Self::F32) -> Self::Mask;
    /// `a > b`; false where either is NaN.
    #[inline(always)]
    fn greater(self, a: Self::F32, b: Self::F32) -> Self::Mask {
        self.less(b, a)
    }
    /// `a >= b`; false where either is NaN.
    #[inline(always)]
    fn greater_equal(self, a: Self::F32, b: Self::F32) -> Self::Mask {
        self.less_equal(b, a)
    }
    /// `a != b`; true where either is NaN.
    #[inline(always)]
    fn not_equal(self, a: Self::F32, b: Self::F32) -> Self::Mask {
        !self.equal(a, b)
    }
    /// `if mask { a } else { b }` in each lane.
    fn select(self, mask: Self::Mask, a: Self::F32, b: Self::F32) -> Self::F32;
    /// Whether any lane is true.
    fn any(self, mask: Self::Mask) -> bool;
    /// Whether all lanes are true.
    #[inline(always)]
    fn all(self, mask: Self::Mask) -> bool {
        !self.any(!mask)
    }

    /// The sum of the lanes, by halving: lane `i` and lane `i + LANES / 2`, and so on.
    fn reduce_sum(self, x: Self::F32) -> f32;
    /// The largest lane; unspecified if a lane is NaN.
    fn reduce_max(self, x: Self::F32) -> f32;
    /// The smallest lane; unspecified if a lane is NaN.
    #[inline(always)]
    fn reduce_min(self, x: Self::F32) -> f32 {
        -self.reduce_max(-x)
    }

    /// `x` in every lane.
    fn splat_i32(self, x: i32) -> Self::I32;
    /// The nearest integer, halves to even; unspecified outside of the range of `i32` and for NaN.
    fn to_i32(self, x: Self::F32) -> Self::I32;
    /// The integer as a number, rounded to nearest.
    fn to_f32(self, x: Self::I32) -> Self::F32;
    /// The bits of the numbers.
    fn bitcast_i32(self, x: Self::F32) -> Self::I32;
    /// The numbers with the bits `x`.
    fn bitcast_f32(self, x: Self::I32) -> Self::F32;
    /// `x << bits`, for `bits < 32`.
    fn shift_left(self, x: Self::I32, bits: u32) -> Self::I32;
    /// `x >> bits` with copies of the sign bit, for `bits < 32`.
    fn shift_right(self, x: Self::I32, bits: u32) -> Self::I32;
    /// `x · 2^n` for `|x|` of 0.5 to 2 and an integer `n` of -252 to 254, rounded once.
    #[inline(always)]
    fn mul_exp2(self, x: Self::F32, n: Self::F32) -> Self::F32 {
        // In two steps, as 2^n itself can lie beyond the range of f32.
        let n = self.to_i32(n);
        let half = self.shift_right(n, 1);
        let bias = self.splat_i32(127);
        let first = self.bitcast_f32(self.shift_left(half + bias, 23));
        let second = self.bitcast_f32(self.shift_left(n - half + bias, 23));
        x * first * second
    }
    /// `a == b`.
    fn equal_i32(self, a: Self::I32, b: Self::I32) -> Self::Mask;
}

/// A computation that is generic over the instruction set; see [`dispatch`].
pub trait WithSimd {
    /// What the computation returns.
    type Output;

    /// The computation. Implementations are `#[inline(always)]`.
    fn call<S: Simd>(self, s: S) -> Self::Output;
}

/// The instruction sets, the portable ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Isa {
    /// Plain Rust on arrays of 4: the feature `portable4`, by which the tests of any machine take the paths of the
    /// instruction sets with 4 lanes. Used only where it is asked for.
    Portable4 = 1,
    /// Plain Rust on arrays of 8.
    Portable,
    /// WebAssembly `simd128`: 4 lanes.
    Wasm,
    /// Arm Advanced SIMD: 4 lanes.
    Neon,
    /// AVX2 with FMA: 8 lanes.
    Avx2,
    /// AVX-512 F, VL, DQ and BW: 16 lanes.
    Avx512,
    /// AVX-512, and AMX for the products of matrices.
    Amx,
}

impl Isa {
    const ALL: [Isa; 7] = [
        Isa::Portable4,
        Isa::Portable,
        Isa::Wasm,
        Isa::Neon,
        Isa::Avx2,
        Isa::Avx512,
        Isa::Amx,
    ];

    /// The name that the environment variable `TF_LAYERS_ISA` takes.
    pub const fn name(self) -> &'static str {
        match self {
            Isa::Portable4 => "portable4",
            Isa::Portable => "portable",
            Isa::Wasm => "wasm",
            Isa::Neon => "neon",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Amx => "amx",
        }
    }

    /// Whether this machine has the instruction set, and this build contains it.
    pub fn is_available(self) -> bool {
        match self {
            Isa::Portable4 => cfg!(feature = "portable4"),
            Isa::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("fma")
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Isa::Amx => Isa::Avx512.is_available() && amx::is_available(),
            #[cfg(all(target_arch = "x86_64", not(target_os = "linux")))]
            Isa::Amx => false,
            Isa::Neon => cfg!(target_arch = "aarch64"),
            Isa::Wasm => cfg!(all(target_arch = "wasm32", target_feature = "simd128")),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// All instruction sets of this machine, the widest last.
    pub fn available() -> impl DoubleEndedIterator<Item = Isa> {
        Self::ALL.into_iter().filter(|isa| isa.is_available())
    }

    /// The instruction set that [`dispatch`] uses: the widest one, unless the environment variable `TF_LAYERS_ISA`
    /// names another one that the machine has. The variable is read at the first call.
    #[inline]
    pub fn active() -> Isa {
        match ACTIVE.load(Ordering::Relaxed) {
            0 => Self::detect(),
            index => Self::ALL[usize::from(index) - 1],
        }
    }

    #[cold]
    fn detect() -> Isa {
        let named = std::env::var("TF_LAYERS_ISA").ok();
        let isa = Self::available()
            .find(|isa| named.as_deref() == Some(isa.name()))
            .or_else(|| Self::available().next_back())
            .unwrap_or(Isa::Portable);
        // A test may have forced an instruction set meanwhile; that one stays.
        match ACTIVE.compare_exchange(0, isa as u8, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => isa,
            Err(index) => Self::ALL[usize::from(index) - 1],
        }
    }

    /// Runs `body` while [`dispatch`] uses this instruction set, in all threads of the process. For tests and
    /// benchmarks; calls exclude each other.
    ///
    /// # Panics
    /// If the machine does not have the instruction set.
    pub fn force<R>(self, body: impl FnOnce() -> R) -> R {
        static EXCLUSIVE: Mutex<()> = Mutex::new(());
        struct Restore(u8);
        impl Drop for Restore {
            fn drop(&mut self) {
                ACTIVE.store(self.0, Ordering::Relaxed);
            }
        }
        assert!(
            self.is_available(),
            "this machine does not have {}",
            self.name()
        );
        let _guard = EXCLUSIVE.lock().unwrap_or_else(PoisonError::into_inner);
        let _restore = Restore(Self::active() as u8);
        ACTIVE.store(self as u8, Ordering::Relaxed);
        body()
    }
}

/// The active instruction set as its discriminant; 0 before the first use. Only available ones are ever stored.
static ACTIVE: AtomicU8 = AtomicU8::new(0);

/// Runs `op` with the [active](Isa::active) instruction set.
#[inline]
pub fn dispatch<W: WithSimd>(op: W) -> W::Output {
    match Isa::active() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Isa::active` returns only instruction sets that the machine has.
        Isa::Avx512 | Isa::Amx => unsafe { Avx512::enter(op) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx2 => unsafe { Avx2::enter(op) },
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => op.call(Neon::new()),
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Isa::Wasm => op.call(Wasm::new()),
        #[cfg(feature = "portable4")]
        Isa::Portable4 => op.call(Portable4::new()),
        _ => op.call(Portable::new()),
    }
}

/// Implements binary operators of vector types by one intrinsic each.
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128")
))]
macro_rules! operators {
    ($($vector:ident: $($op:ident $method:ident $intrinsic:path),+;)+) => { $($(
        impl $op for $vector {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: vectors come only from a token, which proves that the machine has the instruction set.
                #[allow(unused_unsafe)]
                Self(unsafe { $intrinsic(self.0, other.0) })
            }
        }
    )+)+ };
}
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128")
))]
use operators;

#[cfg(test)]
mod tests;
