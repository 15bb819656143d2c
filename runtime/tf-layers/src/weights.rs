//! A model's constants: one block of bytes, embedded in the program or read from a file.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::aligned_bytes::AlignedBytes;
use crate::arena::{Element, Part, Parts};
use crate::error::Error;

const _: () = assert!(
    cfg!(target_endian = "little"),
    "weights are stored in little-endian byte order"
);

/// Gives embedded bytes the alignment that weights need: [`ALIGNMENT`](crate::ALIGNMENT).
///
/// ```
/// use tf_layers::{Aligned, Weights};
///
/// // In a program: `Aligned(*include_bytes!("../model/weights.bin"))`.
/// static WEIGHTS: Aligned<[u8; 8]> = Aligned([0, 0, 128, 63, 0, 0, 0, 64]);
///
/// let weights = Weights::embedded(&WEIGHTS);
/// assert_eq!(weights.f32(0, 2), [1.0, 2.0]);
/// ```
#[repr(C, align(64))]
#[derive(Debug, Clone, Copy)]
pub struct Aligned<B: ?Sized>(pub B);

/// A model's constants. Offsets are in bytes from the start, lengths in elements.
pub struct Weights {
    block: Block,
}

enum Block {
    Embedded(&'static [u8]),
    Loaded(AlignedBytes),
}

impl Weights {
    /// Weights that are part of the program.
    #[must_use]
    pub const fn embedded<const N: usize>(bytes: &'static Aligned<[u8; N]>) -> Self {
        Self {
            block: Block::Embedded(&bytes.0),
        }
    }

    /// A copy of `bytes`, which must be `expected` bytes.
    ///
    /// # Errors
    /// [`Error::WrongWeightsLength`].
    pub fn from_bytes(bytes: &[u8], expected: usize) -> Result<Self, Error> {
        if bytes.len() != expected {
            return Err(Error::WrongWeightsLength {
                path: None,
                expected,
                got: bytes.len(),
            });
        }
        let mut block = AlignedBytes::zeroed(expected);
        block.bytes_mut().copy_from_slice(bytes);
        Ok(Self {
            block: Block::Loaded(block),
        })
    }

    /// Reads a file of `expected` bytes.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, [`Error::WrongWeightsLength`] if it has another size.
    pub fn read(path: impl AsRef<Path>, expected: usize) -> Result<Self, Error> {
        let path = path.as_ref();
        let fault = |error: std::io::Error| Error::File {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let mut file = File::open(path).map_err(fault)?;
        let length = file.metadata().map_err(fault)?.len();
        if length != expected as u64 {
            return Err(Error::WrongWeightsLength {
                path: Some(path.to_owned()),
                expected,
                got: usize::try_from(length).unwrap_or(usize::MAX),
            });
        }
        let mut block = AlignedBytes::zeroed(expected);
        file.read_exact(block.bytes_mut()).map_err(fault)?;
        Ok(Self {
            block: Block::Loaded(block),
        })
    }

    /// All bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.block {
            Block::Embedded(bytes) => bytes,
            Block::Loaded(block) => block.bytes(),
        }
    }

    /// One constant.
    ///
    /// # Panics
    /// If the part reaches beyond the weights.
    #[must_use]
    pub fn part<T: Element>(&self, part: Part<T>) -> &[T] {
        let bytes = self.bytes();
        assert!(
            part.bytes().end <= bytes.len(),
            "weights: {part:?} lies beyond their {} bytes",
            bytes.len()
        );
        bytemuck::cast_slice(&bytes[part.bytes()])
    }

    /// Several constants: an array of parts, or a tuple.
    ///
    /// # Panics
    /// If a part reaches beyond the weights.
    #[must_use]
    pub fn parts<P: Parts>(&self, parts: P) -> P::Shared<'_> {
        let bytes = self.bytes();
        parts.shared(&mut |range| {
            let length = bytes.len();
            assert!(
                range.end <= length,
                "weights: bytes {range:?} lie beyond their {length} bytes"
            );
            &bytes[range]
        })
    }

    /// `length` elements from byte `offset` on.
    ///
    /// # Panics
    /// As [`Weights::part`] and [`Part::new`].
    #[must_use]
    pub fn f32(&self, offset: usize, length: usize) -> &[f32] {
        self.part(Part::new(offset, length))
    }

    /// `length` elements from byte `offset` on.
    ///
    /// # Panics
    /// As [`Weights::part`] and [`Part::new`].
    #[must_use]
    pub fn i32(&self, offset: usize, length: usize) -> &[i32] {
        self.part(Part::new(offset, length))
    }

    /// `length` elements from byte `offset` on.
    ///
    /// # Panics
    /// As [`Weights::part`] and [`Part::new`].
    #[must_use]
    pub fn i64(&self, offset: usize, length: usize) -> &[i64] {
        self.part(Part::new(offset, length))
    }

    /// `length` elements from byte `offset` on.
    ///
    /// # Panics
    /// As [`Weights::part`] and [`Part::new`].
    #[must_use]
    pub fn u8(&self, offset: usize, length: usize) -> &[u8] {
        self.part(Part::new(offset, length))
    }
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Weights({} bytes)", self.bytes().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static EMBEDDED: Aligned<[u8; 24]> = Aligned([
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 63, 0, 0, 0, 64, 255, 255, 255, 255, 7, 8, 9, 10,
    ]);

    fn check(weights: &Weights) {
        assert_eq!(weights.i64(0, 1), [1]);
        assert_eq!(weights.f32(8, 2), [1.0, 2.0]);
        assert_eq!(weights.i32(16, 1), [-1]);
        assert_eq!(weights.u8(20, 4), [7, 8, 9, 10]);
        assert_eq!(weights.bytes().len(), 24);
        let (floats, bytes) = weights.parts((Part::<f32>::new(8, 2), Part::<u8>::new(20, 4)));
        assert_eq!((floats, bytes), (&[1.0, 2.0][..], &[7, 8, 9, 10][..]));
    }

    #[test]
    fn embedded_and_copied_agree() {
        check(&Weights::embedded(&EMBEDDED));
        check(&Weights::from_bytes(&EMBEDDED.0, 24).unwrap());
    }

    #[test]
    #[cfg_attr(
        target_family = "wasm",
        ignore = "there is no folder for temporary files"
    )]
    fn read_from_a_file() {
        let path = std::env::temp_dir().join(format!("tf_layers_weights_{}", std::process::id()));
        std::fs::write(&path, EMBEDDED.0).unwrap();
        let read = Weights::read(&path, 24);
        let short = Weights::read(&path, 28);
        std::fs::remove_file(&path).unwrap();
        check(&read.unwrap());
        let message = short.unwrap_err().to_string();
        assert!(
            message.ends_with("have 24 bytes, but this model needs 28"),
            "{message}"
        );
    }

    #[test]
    fn refuses_wrong_lengths_and_missing_files() {
        assert_eq!(
            Weights::from_bytes(&EMBEDDED.0, 20).unwrap_err(),
            Error::WrongWeightsLength {
                path: None,
                expected: 20,
                got: 24
            }
        );
        let missing = Weights::read("no/such/file", 20).unwrap_err();
        assert!(matches!(missing, Error::File { .. }), "{missing}");
    }

    #[test]
    #[should_panic = "weights: 2 x f32 at byte 20 lies beyond their 24 bytes"]
    fn refuses_parts_beyond_the_end() {
        let _ = Weights::embedded(&EMBEDDED).f32(20, 2);
    }
}
