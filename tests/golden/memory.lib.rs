//! A neural network, compiled from a TensorFlow graph.
//!
//! ```
//! let model = memory::Model::new();
//! let mut session = model.session(1);
//! let x = vec![0.5; 288]; // [n, 6, 6, 8]
//! let outputs = session.residuals(&x)?;
//! println!("{:?} has the shape {:?}", outputs.out0, outputs.out0_shape);
//! # Ok::<(), memory::Error>(())
//! ```
//!
//! A [`Model`] holds the weights and can be shared by threads. A [`Session`] has the memory for one computation at a
//! time; running it allocates nothing. [`Error`] says what a caller got wrong. With the feature `ndarray`, which is on by
//! default, arrays go in and out as well.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "ndarray")]
mod arrays;
mod model;
mod weights;

use std::sync::Arc;

#[cfg(feature = "ndarray")]
pub use ndarray;
pub use tf_layers::Error;
use tf_layers::{Arena, Threads, Weights};

/// The weights. Clones share them.
#[derive(Debug, Clone)]
pub struct Model {
    weights: Arc<Weights>,
}

impl Model {
    /// The model with the weights that are part of the program.
    #[must_use]
    pub fn new() -> Self {
        Self { weights: Arc::new(Weights::embedded(&weights::EMBEDDED)) }
    }

    /// A session with room for `max_batch` examples at once, which computes on the calling thread.
    #[must_use]
    pub fn session(&self, max_batch: usize) -> Session {
        Session {
            model: self.clone(),
            threads: Threads::single(),
            arena: Arena::new(
                model::residuals_arena(max_batch.max(1))
                    .max(model::dense_block_arena(max_batch.max(1)))
                    .max(model::branches_arena(max_batch.max(1)))
                    .max(model::parts_arena(max_batch.max(1)))
                    .max(model::pools_arena(max_batch.max(1))),
            ),
            max_batch,
        }
    }

    /// Runs `residuals` in a session of its own: see [`Session::residuals`].
    ///
    /// # Errors
    /// As [`Session::residuals`].
    pub fn residuals(&self, x: &[f32]) -> Result<OwnedResidualsOutputs, Error> {
        Ok(self.session(batch_size("x", x.len(), 288, 0)?).residuals(x)?.into_owned())
    }

    /// Runs `dense_block` in a session of its own: see [`Session::dense_block`].
    ///
    /// # Errors
    /// As [`Session::dense_block`].
    pub fn dense_block(&self, x: &[f32]) -> Result<OwnedDenseBlockOutputs, Error> {
        Ok(self.session(batch_size("x", x.len(), 288, 0)?).dense_block(x)?.into_owned())
    }

    /// Runs `branches` in a session of its own: see [`Session::branches`].
    ///
    /// # Errors
    /// As [`Session::branches`].
    pub fn branches(&self, x: &[f32]) -> Result<OwnedBranchesOutputs, Error> {
        Ok(self.session(batch_size("x", x.len(), 128, 0)?).branches(x)?.into_owned())
    }

    /// Runs `parts` in a session of its own: see [`Session::parts`].
    ///
    /// # Errors
    /// As [`Session::parts`].
    pub fn parts(&self, x: &[f32], y: &[f32]) -> Result<OwnedPartsOutputs, Error> {
        Ok(self.session(batch_size("x", x.len(), 32, 0)?).parts(x, y)?.into_owned())
    }

    /// Runs `parts` for one example, in a session of its own: see [`Session::parts_features`].
    ///
    /// # Errors
    /// As [`Session::parts_features`].
    pub fn parts_features(&self, features: &[f32]) -> Result<OwnedPartsOutputs, Error> {
        Ok(self.session(1).parts_features(features)?.into_owned())
    }

    /// Runs `pools` in a session of its own: see [`Session::pools`].
    ///
    /// # Errors
    /// As [`Session::pools`].
    pub fn pools(&self, x: &[f32]) -> Result<OwnedPoolsOutputs, Error> {
        Ok(self.session(batch_size("x", x.len(), 648, 0)?).pools(x)?.into_owned())
    }
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

/// The memory for one computation at a time.
#[derive(Debug)]
pub struct Session {
    model: Model,
    threads: Threads,
    arena: Arena,
    max_batch: usize,
}

impl Session {
    /// The same session, computing on `threads` threads (at least one). The results have the same bits for any number.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads: Threads::new(threads.max(1)), ..self }
    }

    /// The most examples that it can take at once.
    #[must_use]
    pub fn max_batch(&self) -> usize {
        self.max_batch
    }

    /// Runs `residuals` for the `n` examples that the inputs hold.
    ///
    /// - `x`: `[n, 6, 6, 8]`, float32
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    pub fn residuals(&mut self, x: &[f32]) -> Result<ResidualsOutputs<'_>, Error> {
        let n = batch_size("x", x.len(), 288, 0)?;
        check_batch(n, self.max_batch)?;
        let [out0, out1] = model::residuals(&self.model.weights, &self.threads, &mut self.arena, n, x)?;
        Ok(ResidualsOutputs {
            out0: self.arena.part(out0),
            out0_shape: [n, 6, 6, 8],
            out1: self.arena.part(out1),
            out1_shape: [n, 288],
        })
    }

    /// Runs `dense_block` for the `n` examples that the inputs hold.
    ///
    /// - `x`: `[n, 6, 6, 8]`, float32
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    pub fn dense_block(&mut self, x: &[f32]) -> Result<DenseBlockOutputs<'_>, Error> {
        let n = batch_size("x", x.len(), 288, 0)?;
        check_batch(n, self.max_batch)?;
        let out = model::dense_block(&self.model.weights, &self.threads, &mut self.arena, n, x)?;
        Ok(DenseBlockOutputs { out: self.arena.part(out), out_shape: [n, 32] })
    }

    /// Runs `branches` for the `n` examples that the inputs hold.
    ///
    /// - `x`: `[n, 4, 4, 8]`, float32
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    pub fn branches(&mut self, x: &[f32]) -> Result<BranchesOutputs<'_>, Error> {
        let n = batch_size("x", x.len(), 128, 0)?;
        check_batch(n, self.max_batch)?;
        let out = model::branches(&self.model.weights, &self.threads, &mut self.arena, n, x)?;
        Ok(BranchesOutputs { out: self.arena.part(out), out_shape: [n, 4, 4, 40] })
    }

    /// Runs `parts` for the `n` examples that the inputs hold.
    ///
    /// - `x`: `[n, 8, 4]`, float32
    /// - `y`: `[4, 6]`, float32
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    pub fn parts(&mut self, x: &[f32], y: &[f32]) -> Result<PartsOutputs<'_>, Error> {
        let n = batch_size("x", x.len(), 32, 0)?;
        check_batch(n, self.max_batch)?;
        check_length("y", y.len(), 24)?;
        let [out0, out1] = model::parts(&self.model.weights, &self.threads, &mut self.arena, n, x, y)?;
        Ok(PartsOutputs {
            out0: self.arena.part(out0),
            out0_shape: [n, 10, 3],
            out1: self.arena.part(out1),
            out1_shape: [2, 12],
        })
    }

    /// [`Session::parts`] for one example, whose inputs stand in one vector, one after the other:
    /// `x` (32), `y` (24).
    ///
    /// # Errors
    /// If the vector has another length, if a number is none of its input's, or if an index is out of range.
    pub fn parts_features(&mut self, features: &[f32]) -> Result<PartsOutputs<'_>, Error> {
        check_length("features", features.len(), 56)?;
        self.parts(&features[0..32], &features[32..56])
    }

    /// Runs `pools` for the `n` examples that the inputs hold.
    ///
    /// - `x`: `[n, 9, 9, 8]`, float32
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    pub fn pools(&mut self, x: &[f32]) -> Result<PoolsOutputs<'_>, Error> {
        let n = batch_size("x", x.len(), 648, 0)?;
        check_batch(n, self.max_batch)?;
        let out = model::pools(&self.model.weights, &self.threads, &mut self.arena, n, x)?;
        Ok(PoolsOutputs { out: self.arena.part(out), out_shape: [n, 4, 4, 24] })
    }
}

/// The outputs of [`Session::residuals`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct ResidualsOutputs<'session> {
    /// `out0`: `[n, 6, 6, 8]`, float32
    pub out0: &'session [f32],
    /// The shape of `out0`.
    pub out0_shape: [usize; 4],
    /// `out1`: `[n, 288]`, float32
    pub out1: &'session [f32],
    /// The shape of `out1`.
    pub out1_shape: [usize; 2],
}

impl ResidualsOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedResidualsOutputs {
        OwnedResidualsOutputs {
            out0: self.out0.to_vec(),
            out0_shape: self.out0_shape,
            out1: self.out1.to_vec(),
            out1_shape: self.out1_shape,
        }
    }
}

/// The outputs of [`Model::residuals`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedResidualsOutputs {
    /// `out0`: `[n, 6, 6, 8]`, float32
    pub out0: Vec<f32>,
    /// The shape of `out0`.
    pub out0_shape: [usize; 4],
    /// `out1`: `[n, 288]`, float32
    pub out1: Vec<f32>,
    /// The shape of `out1`.
    pub out1_shape: [usize; 2],
}

/// The outputs of [`Session::dense_block`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct DenseBlockOutputs<'session> {
    /// `out`: `[n, 32]`, float32
    pub out: &'session [f32],
    /// The shape of `out`.
    pub out_shape: [usize; 2],
}

impl DenseBlockOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedDenseBlockOutputs {
        OwnedDenseBlockOutputs { out: self.out.to_vec(), out_shape: self.out_shape }
    }
}

/// The outputs of [`Model::dense_block`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedDenseBlockOutputs {
    /// `out`: `[n, 32]`, float32
    pub out: Vec<f32>,
    /// The shape of `out`.
    pub out_shape: [usize; 2],
}

/// The outputs of [`Session::branches`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct BranchesOutputs<'session> {
    /// `out`: `[n, 4, 4, 40]`, float32
    pub out: &'session [f32],
    /// The shape of `out`.
    pub out_shape: [usize; 4],
}

impl BranchesOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedBranchesOutputs {
        OwnedBranchesOutputs { out: self.out.to_vec(), out_shape: self.out_shape }
    }
}

/// The outputs of [`Model::branches`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedBranchesOutputs {
    /// `out`: `[n, 4, 4, 40]`, float32
    pub out: Vec<f32>,
    /// The shape of `out`.
    pub out_shape: [usize; 4],
}

/// The outputs of [`Session::parts`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct PartsOutputs<'session> {
    /// `out0`: `[n, 10, 3]`, float32
    pub out0: &'session [f32],
    /// The shape of `out0`.
    pub out0_shape: [usize; 3],
    /// `out1`: `[2, 12]`, float32
    pub out1: &'session [f32],
    /// The shape of `out1`.
    pub out1_shape: [usize; 2],
}

impl PartsOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedPartsOutputs {
        OwnedPartsOutputs {
            out0: self.out0.to_vec(),
            out0_shape: self.out0_shape,
            out1: self.out1.to_vec(),
            out1_shape: self.out1_shape,
        }
    }
}

/// The outputs of [`Model::parts`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedPartsOutputs {
    /// `out0`: `[n, 10, 3]`, float32
    pub out0: Vec<f32>,
    /// The shape of `out0`.
    pub out0_shape: [usize; 3],
    /// `out1`: `[2, 12]`, float32
    pub out1: Vec<f32>,
    /// The shape of `out1`.
    pub out1_shape: [usize; 2],
}

/// The outputs of [`Session::pools`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct PoolsOutputs<'session> {
    /// `out`: `[n, 4, 4, 24]`, float32
    pub out: &'session [f32],
    /// The shape of `out`.
    pub out_shape: [usize; 4],
}

impl PoolsOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedPoolsOutputs {
        OwnedPoolsOutputs { out: self.out.to_vec(), out_shape: self.out_shape }
    }
}

/// The outputs of [`Model::pools`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedPoolsOutputs {
    /// `out`: `[n, 4, 4, 24]`, float32
    pub out: Vec<f32>,
    /// The shape of `out`.
    pub out_shape: [usize; 4],
}

/// The number of examples in an input of `got` elements: `example` for each, and `rest` more.
fn batch_size(name: &'static str, got: usize, example: usize, rest: usize) -> Result<usize, Error> {
    match got.checked_sub(rest) {
        Some(0) | None => Err(Error::WrongLength { name, expected: example + rest, got }),
        Some(elements) if elements.is_multiple_of(example) => Ok(elements / example),
        Some(_) => Err(Error::NotWholeExamples { name, example, got }),
    }
}

fn check_batch(got: usize, capacity: usize) -> Result<(), Error> {
    if got <= capacity { Ok(()) } else { Err(Error::BatchTooLarge { got, capacity }) }
}

fn check_length(name: &'static str, got: usize, expected: usize) -> Result<(), Error> {
    if got == expected { Ok(()) } else { Err(Error::WrongLength { name, expected, got }) }
}
