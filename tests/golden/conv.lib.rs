//! A neural network, compiled from a TensorFlow graph.
//!
//! ```
//! let model = conv::Model::from_file("model/weights.bin")?;
//! let mut session = model.session(1);
//! let input = vec![0.5; 192]; // [n, 8, 8, 3]
//! let outputs = session.predict(&input)?;
//! println!("{:?} has the shape {:?}", outputs.pool, outputs.pool_shape);
//! # Ok::<(), conv::Error>(())
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

use std::path::Path;
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
    /// The model with the weights of a file: `model/weights.bin`.
    ///
    /// # Errors
    /// If the file cannot be read, has another length, or holds the weights of another model.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let weights = Weights::read(path, weights::SIZE)?;
        if !weights.bytes().starts_with(&weights::HEADER) {
            let reason = "these are not the weights of this model: the digest at its start differs".to_owned();
            return Err(Error::File { path: path.to_owned(), reason });
        }
        Ok(Self { weights: Arc::new(weights) })
    }

    /// A session with room for `max_batch` examples at once, which computes on the calling thread.
    #[must_use]
    pub fn session(&self, max_batch: usize) -> Session {
        Session {
            model: self.clone(),
            threads: Threads::single(),
            arena: Arena::new(model::predict_arena(max_batch.max(1))),
            max_batch,
        }
    }

    /// Runs `serving_default` in a session of its own: see [`Session::predict`].
    ///
    /// # Errors
    /// As [`Session::predict`].
    pub fn predict(&self, input: &[f32]) -> Result<OwnedPredictOutputs, Error> {
        Ok(self.session(batch_size("input", input.len(), 192, 0)?).predict(input)?.into_owned())
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

    /// Runs `serving_default` for the `n` examples that the inputs hold.
    ///
    /// - `input`: `[n, 8, 8, 3]`, float32
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    pub fn predict(&mut self, input: &[f32]) -> Result<PredictOutputs<'_>, Error> {
        let n = batch_size("input", input.len(), 192, 0)?;
        check_batch(n, self.max_batch)?;
        let [pool, input] = model::predict(&self.model.weights, &self.threads, &mut self.arena, n, input)?;
        Ok(PredictOutputs {
            pool: self.arena.part(pool),
            pool_shape: [n, 8],
            input: self.arena.part(input),
            input_shape: [n, 4, 4, 8],
        })
    }
}

/// The outputs of [`Session::predict`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct PredictOutputs<'session> {
    /// `pool`: `[n, 8]`, float32
    pub pool: &'session [f32],
    /// The shape of `pool`.
    pub pool_shape: [usize; 2],
    /// `input`: `[n, 4, 4, 8]`, float32
    pub input: &'session [f32],
    /// The shape of `input`.
    pub input_shape: [usize; 4],
}

impl PredictOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedPredictOutputs {
        OwnedPredictOutputs {
            pool: self.pool.to_vec(),
            pool_shape: self.pool_shape,
            input: self.input.to_vec(),
            input_shape: self.input_shape,
        }
    }
}

/// The outputs of [`Model::predict`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedPredictOutputs {
    /// `pool`: `[n, 8]`, float32
    pub pool: Vec<f32>,
    /// The shape of `pool`.
    pub pool_shape: [usize; 2],
    /// `input`: `[n, 4, 4, 8]`, float32
    pub input: Vec<f32>,
    /// The shape of `input`.
    pub input_shape: [usize; 4],
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
