//! The bodies of the layers that need raw pointers: each one checks the sizes of its slices before it makes a pointer
//! of them.
#![allow(unsafe_code)]

pub(crate) mod block;
pub(crate) mod blocking;
pub(crate) mod depthwise;
pub(crate) mod gemm;
mod grid;
pub(crate) mod pack;
pub(crate) mod threads;
mod tile;
mod unroll;
pub(crate) mod winograd;

/// The product of sizes; `usize::MAX` where it is larger, which no slice's length reaches.
pub(crate) fn product(sizes: impl IntoIterator<Item = usize>) -> usize {
    sizes.into_iter().fold(1, usize::saturating_mul)
}
