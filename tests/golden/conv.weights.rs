//! Where the constants lie in `model/weights.bin`.
//!
//! Offsets are in bytes, lengths in elements. "In panels" is the order of `tf_layers::pack`, in which a matrix product
//! reads its weights.

use tf_layers::Part;

/// Bytes of the file.
pub(crate) const SIZE: usize = 3712;

/// How the file starts: its kind, and a digest of the constants, which tells models apart.
pub(crate) const HEADER: [u8; 32] = *b"\x74\x66\x72\x63\x20\x77\x65\x69\x67\x68\x74\x73\x20\x31\x0a\x00\x69\xe2\xf9\x03\x7a\x3b\xfb\x92\xfa\xfb\xd1\xbe\x7b\x63\xca\x71";

/// `stem/kernel`: 3×3×3×8, in panels
pub(crate) const CONV2D_0_FILTER: Part<f32> = Part::new(64, 432);
/// `stem/bias`: 8
pub(crate) const CONV2D_0_BIAS: Part<f32> = Part::new(1792, 8);
/// `depthwise/kernel`: 3×3×8×1
pub(crate) const DEPTHWISE_FILTER: Part<f32> = Part::new(1856, 72);
/// `grouped/kernel`: 1×1×4×8, in panels
pub(crate) const GROUPED_FILTER: Part<f32> = Part::new(2176, 128);
/// `head/kernel`: 16×8, in panels
pub(crate) const MATMUL_0_RHS: Part<f32> = Part::new(2688, 256);
