//! Where the constants lie in `model/weights.bin`.
//!
//! Offsets are in bytes, lengths in elements. "In panels" is the order of `tf_layers::pack`, in which a matrix product
//! reads its weights.

use tf_layers::{Aligned, Part};

/// The constants, in the binary.
pub(crate) static EMBEDDED: Aligned<[u8; 1408]> = Aligned(*include_bytes!("../model/weights.bin"));

/// `dense/kernel`: 4×16, in panels
pub(crate) const DENSE_RHS: Part<f32> = Part::new(64, 64);
/// `dense/bias`: 16
pub(crate) const DENSE_BIAS: Part<f32> = Part::new(320, 16);
/// `logits/kernel`: 16×3, in panels
pub(crate) const LOGITS_RHS: Part<f32> = Part::new(384, 256);
