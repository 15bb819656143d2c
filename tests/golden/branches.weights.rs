//! Where the constants lie in `model/weights.bin`.
//!
//! Offsets are in bytes, lengths in elements. "In panels" is the order of `tf_layers::pack`, in which a matrix product
//! reads its weights.

use tf_layers::Aligned;

/// The constants, in the binary.
pub(crate) static EMBEDDED: Aligned<[u8; 192]> = Aligned(*include_bytes!("../model/weights.bin"));
