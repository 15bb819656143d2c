//! Register tiles that a convolution is given, instead of those that the model of a core chooses.

use super::{Conv1d, Conv2d, Conv3d};
use crate::kernels::blocking::register_tiles;

impl Conv3d {
    /// With register tiles of [rows, columns], of those that [`register_tiles`](Self::register_tiles) names; another
    /// instruction set, which may not have them, uses its own. The result has the same bits.
    pub const fn register_tile(self, tile: [usize; 2]) -> Self {
        Self {
            register_tile: Some(tile),
            ..self
        }
    }

    /// Register tiles [rows, columns] that may be the fastest for so many images, of the active instruction set. The
    /// first is that which is used if none is given.
    pub fn register_tiles(&self, batch: usize) -> Vec<[usize; 2]> {
        register_tiles(self.rows(batch), self.k(), self.filters / self.groups)
    }
}

impl Conv2d {
    /// With register tiles of [rows, columns]: see [`Conv3d::register_tile`].
    pub const fn register_tile(self, tile: [usize; 2]) -> Self {
        Self(self.0.register_tile(tile))
    }

    /// Register tiles [rows, columns] that may be the fastest: see [`Conv3d::register_tiles`].
    pub fn register_tiles(&self, batch: usize) -> Vec<[usize; 2]> {
        self.0.register_tiles(batch)
    }
}

impl Conv1d {
    /// With register tiles of [rows, columns]: see [`Conv3d::register_tile`].
    pub const fn register_tile(self, tile: [usize; 2]) -> Self {
        Self(self.0.register_tile(tile))
    }

    /// Register tiles [rows, columns] that may be the fastest: see [`Conv3d::register_tiles`].
    pub fn register_tiles(&self, batch: usize) -> Vec<[usize; 2]> {
        self.0.register_tiles(batch)
    }
}
