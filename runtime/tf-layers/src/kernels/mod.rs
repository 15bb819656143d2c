//! The bodies of the layers that need raw pointers: each one checks the sizes of its slices before it makes a pointer
//! of them.
#![allow(unsafe_code)]

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
pub(crate) mod block;
pub(crate) mod blocking;
pub(crate) mod depthwise;
pub(crate) mod gemm;
mod grid;
pub(crate) mod pack;
mod places;
pub(crate) mod threads;
mod tile;
mod unroll;
pub(crate) mod winograd;

/// Allocates what the kernels keep for the calling thread, so that a layer on it does not have to.
pub(crate) fn prepare_thread() {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    amx::prepare_thread();
}

/// The product of sizes; `usize::MAX` where it is larger, which no slice's length reaches.
pub(crate) fn product(sizes: impl IntoIterator<Item = usize>) -> usize {
    sizes.into_iter().fold(1, usize::saturating_mul)
}

/// The same pointer, of which the compiler knows nothing, so that it neither derives others from it
/// before a loop nor keeps what was loaded through it.
#[inline(always)]
#[allow(
    clippy::pointers_in_nomem_asm_block,
    reason = "the assembly reads nothing"
)]
fn opaque(x: *const f32) -> *const f32 {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    // SAFETY: the assembly is a comment.
    unsafe {
        let mut x = x;
        std::arch::asm!("/* {x} */", x = inout(reg) x, options(pure, nomem, nostack, preserves_flags));
        x
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    x
}
