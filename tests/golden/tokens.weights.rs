//! Where the constants lie in `model/weights.bin`.
//!
//! Offsets are in bytes, lengths in elements. "In panels" is the order of `tf_layers::pack`, in which a matrix product
//! reads its weights.

use tf_layers::{Aligned, Part};

/// The constants, in the binary.
pub(crate) static EMBEDDED: Aligned<[u8; 256]> = Aligned(*include_bytes!("../model/weights.bin"));

/// `embedding/table`: 10×4
pub(crate) const LOOKUP_GATHER_V2_INPUT: Part<f32> = Part::new(64, 40);
