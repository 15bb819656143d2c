//! Where the constants lie in `model/weights.bin`.
//!
//! Offsets are in bytes, lengths in elements. "In panels" is the order of `tf_layers::pack`, in which a matrix product
//! reads its weights.

use tf_layers::{Aligned, Part};

/// The constants, in the binary.
pub(crate) static EMBEDDED: Aligned<[u8; 348_544]> = Aligned(*include_bytes!("../model/weights.bin"));

/// `f1`: 1×1×8×8, in panels
pub(crate) const CONV2D_0_FILTER: Part<f32> = Part::new(64, 128);
/// `b`: 8
pub(crate) const CONV2D_0_BIAS: Part<f32> = Part::new(576, 8);
/// `f3`: 3×3×8×8, in panels
pub(crate) const CONV2D_0_2_FILTER: Part<f32> = Part::new(640, 1152);
/// `m`: 288×288, in panels
pub(crate) const MATMUL_0_RHS: Part<f32> = Part::new(5248, 82_944);
/// `s`: 8
pub(crate) const MAP_0_INPUT_1: Part<f32> = Part::new(337_024, 8);
/// `t`: 16
pub(crate) const MAP_0_2_INPUT_1: Part<f32> = Part::new(337_088, 16);
/// `f2`: 3×3×16×8, in panels
pub(crate) const CONV2D_0_FILTER_2: Part<f32> = Part::new(337_152, 2304);
/// `u`: 24
pub(crate) const MAP_0_3_INPUT_1: Part<f32> = Part::new(346_368, 24);
/// `f4`: 1×1×24×8, in panels
pub(crate) const CONV2D_0_FILTER_3: Part<f32> = Part::new(346_496, 384);
/// `m8`: 8×8, in panels
pub(crate) const MATMUL_0_RHS_2: Part<f32> = Part::new(348_032, 128);
