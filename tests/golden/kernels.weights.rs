//! Where the constants lie in `model/weights.bin`.
//!
//! Offsets are in bytes, lengths in elements. "In panels" is the order of `tf_layers::pack`, in which a matrix product
//! reads its weights.

use tf_layers::{Aligned, Part};

/// The constants, in the binary.
pub(crate) static EMBEDDED: Aligned<[u8; 542_400]> = Aligned(*include_bytes!("../model/weights.bin"));

/// `f1`: 3×4×8, in panels
pub(crate) const CONV1D_0_FILTER: Part<f32> = Part::new(64, 192);
/// `b`: 8
pub(crate) const CONV1D_0_BIAS: Part<f32> = Part::new(832, 8);
/// `f3`: 3×3×3×1×8, in panels
pub(crate) const CONV3D_0_FILTER: Part<f32> = Part::new(896, 864);
/// `fd`: 3×3×4×2
pub(crate) const DEPTHWISE_CONV2D_0_FILTER: Part<f32> = Part::new(4352, 72);
/// `m`: 4×8, in panels
pub(crate) const MATMUL_0_RHS: Part<f32> = Part::new(4672, 64);
/// `m`: 4×8
pub(crate) const BATCH_MATMUL_0_3_RHS: Part<f32> = Part::new(4928, 32);
/// `bands/e`: 1×1×5×66, in panels
pub(crate) const ROW_BANDS_0_FILTER_0: Part<f32> = Part::new(5056, 400);
/// `bands/b`: 66
pub(crate) const ROW_BANDS_0_BIAS_0: Part<f32> = Part::new(6656, 66);
/// `bands/d`: 3×3×66×1
pub(crate) const ROW_BANDS_0_FILTER_1: Part<f32> = Part::new(6976, 594);
/// `bands/p`: 1×1×66×5, in panels
pub(crate) const ROW_BANDS_0_FILTER_2: Part<f32> = Part::new(9408, 1056);
/// `winograd/f`: 3×3×16×16, for tiles of 4 in panels
pub(crate) const CONV2D_WINOGRAD_0_FILTER: Part<f32> = Part::new(13_632, 9216);
/// `winograd/b`: 16
pub(crate) const CONV2D_WINOGRAD_0_BIAS: Part<f32> = Part::new(50_496, 16);
/// `winograd/g`: 3×3×64×64, for tiles of 2 in panels
pub(crate) const CONV2D_WINOGRAD_0_2_FILTER: Part<f32> = Part::new(50_560, 65_536);
/// `winograd/h`: 5×64×64, for tiles of 4 in panels
pub(crate) const CONV1D_WINOGRAD_0_FILTER: Part<f32> = Part::new(312_704, 32_768);
/// `winograd/i`: 1×5×64×48, for tiles of 4 in panels
pub(crate) const CONV2D_WINOGRAD_0_3_FILTER: Part<f32> = Part::new(443_776, 24_576);
/// `c`: 4
pub(crate) const LAYER_NORM_0_SCALE: Part<f32> = Part::new(542_080, 4);
/// `table`: 10×4
pub(crate) const GATHER_0_INPUT: Part<f32> = Part::new(542_144, 40);
/// `one`: 1
pub(crate) const BROADCAST_TO_0_INPUT: Part<f32> = Part::new(542_336, 1);
