//! Layers with TensorFlow's semantics, on plain slices.
//!
//! Tensors are dense `f32` slices in row-major order, images NHWC. A layer is a function: static facts in a small
//! `Copy` struct that is made at compile time (`Conv2d`, `Matmul`, …), tensors as slices, the batch size from the
//! slices' lengths. Lengths are checked once, with a message; nothing allocates, but for 0.9 MiB at the first large product of
//! a thread where the processor has AMX and the thread has made no [`Arena`].
//!
//! How the parts fit:
//! - [`simd`]: one trait over the vector instruction sets, and [`simd::dispatch`], which picks one. All kernels are
//!   written once over this trait. `unsafe` is allowed here and in `kernels`, nowhere else (but in the tests' allocator).
//! - `kernels`: the register-tiled matrix product that matmul and convolutions share, depthwise convolution, and the
//!   worker threads behind [`Threads`].
//! - [`Activation`]: the functions that a matmul or convolution applies to its result while it is in registers or L1.
//! - [`math`], [`Region`] and [`map`]: functions of numbers on vectors, and chains of them over whole tensors in one
//!   pass; [`map_any`] and [`integer`] for other element types.
//! - The layers: one file for each TensorFlow op or family of ops, which checks sizes and calls a kernel.
//! - [`layers`]: the same with weights of their own, for a network that is written by hand.
//! - [`roofline`]: what this machine can multiply, add and read, for measurements.
//! - [`Arena`] and [`Weights`]: one aligned block each for what a model computes and for what it knows, borrowed by
//!   [`Part`]s; [`Error`]: what can be wrong with a caller's data.
//!
//! Results have the same bits for any number of threads; between instruction sets they differ by rounding.
#![deny(unsafe_code)]

mod activation;
mod aligned_bytes;
mod arena;
mod batch_matmul;
mod columns;
mod conv;
mod copy;
mod depthwise_conv2d;
mod error;
mod gather;
#[cfg(all(test, unix, not(miri)))]
#[allow(unsafe_code)]
mod guard_pages;
pub mod integer;
mod kernels;
pub mod layers;
mod map;
pub mod math;
mod matmul;
mod norm;
mod parallel;
mod pool;
mod random;
mod reduce;
mod resize;
pub mod roofline;
mod row_bands;
mod segment_sum;
pub mod simd;
mod softmax;
mod strided;
mod transpose;
mod weights;

pub use activation::Activation;
pub use aligned_bytes::ALIGNMENT;
pub use arena::{Arena, Element, MAX_EXCLUSIVE_PARTS, Part, Parts};
pub use batch_matmul::{BatchMatmul, batch_matmul};
pub use columns::{Columns, copy_columns};
pub use conv::{
    Conv1d, Conv2d, Conv3d, WinogradConv1d, WinogradConv2d, conv1d, conv1d_winograd, conv2d,
    conv2d_backprop_filter, conv2d_winograd, conv3d, conv3d_backprop_filter, dynamic_conv1d,
    dynamic_conv2d, dynamic_conv3d,
};
pub use copy::{
    BroadcastTo, Mirror, Pad, Slice, Tile, broadcast_to, concat, mirror_pad, pad, slice, split,
    tile,
};
pub use depthwise_conv2d::{DepthwiseConv2d, depthwise_conv2d, depthwise_conv2d_backprop_filter};
pub use error::Error;
pub use gather::{Cumsum, Gather, Index, Number, cumsum, gather, one_hot};
pub use kernels::pack::{pack, pack_transposed, packed_len};
pub use kernels::threads::Threads;
pub use map::{
    Operand, Operands, Region, broadcast, channel, columns, map, map_any, map_any_in_place,
    map_columns, map_columns_beside, map_in_place, middle, rows, same, scalar,
};
pub use matmul::{Matmul, matmul};
pub use norm::{LayerNorm, layer_norm, layer_norm_in_place};
pub use pool::{
    Pool2d, Pool3d, avg_pool2d, avg_pool3d, max_pool2d, max_pool2d_grad, max_pool3d,
    max_pool3d_grad,
};
pub use random::{
    Bits, Real, random_bits, random_key, random_normal, random_truncated_normal, random_uniform,
};
pub use reduce::{Reduce, Reduction, all, any, argmax, argmin, reduce, reduce_any};
pub use resize::{Resize, Sampling, resize_bilinear, resize_nearest};
pub use row_bands::{RowBands, Stage, row_bands};
pub use segment_sum::{SegmentSum, segment_sum};
pub use softmax::{Softmax, log_softmax, log_softmax_in_place, softmax, softmax_in_place};
pub use transpose::{Transpose, transpose};
pub use weights::{Aligned, Weights};
