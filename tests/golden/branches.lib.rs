//! A neural network, compiled from a TensorFlow graph.
//!
//! ```
//! let model = branches::Model::new();
//! let mut session = model.session(1);
//! let x = vec![0.5; 4]; // [n, 4]
//! let outputs = session.train(&x)?;
//! println!("{:?} has the shape {:?}", outputs.sum, outputs.sum_shape);
//! # Ok::<(), branches::Error>(())
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
mod state;
mod weights;

use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "ndarray")]
pub use ndarray;
pub use tf_layers::Error;
use tf_layers::{Arena, Threads, Weights};

/// The weights, and the variables that the model learns. Clones share the weights; a clone's variables are its own.
#[derive(Debug, Clone)]
pub struct Model {
    weights: Arc<Weights>,
    variables: Arc<Arena>,
    spare: Spare,
}

impl Model {
    /// The model with the weights that are part of the program.
    #[must_use]
    pub fn new() -> Self {
        let weights = Weights::embedded(&weights::EMBEDDED);
        Self { variables: Arc::new(state::initial(&weights)), weights: Arc::new(weights), spare: Spare(None) }
    }

    /// Gives every variable its initial value again.
    pub fn reset(&mut self) {
        self.variables = Arc::new(state::initial(&self.weights));
    }

    /// Writes all variables to a safetensors file, under their paths in the TensorFlow model.
    ///
    /// # Errors
    /// If the file cannot be written; an older one of that name stays as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        state::save(&self.variables, path.as_ref())
    }

    /// Reads variables from a file that [`Model::save`] wrote, and says which the file lacks: these keep their values.
    ///
    /// # Errors
    /// If the file cannot be read, or is of another model: it has none of the variables, one that the model has not, or
    /// one of another shape or type. The variables then stay as they were.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<Vec<&'static str>, Error> {
        state::load(&mut self.variables, path.as_ref())
    }

    /// A session that has the variables until they are given back: the last one, if it has room for the batch.
    fn lend(&mut self, max_batch: usize) -> Box<Session> {
        let mut session = match self.spare.0.take() {
            Some(session) if session.max_batch >= max_batch => session,
            _ => Box::new(self.session(max_batch)),
        };
        session.model.variables = std::mem::take(&mut self.variables);
        session
    }

    /// Takes the variables back, and keeps the session's memory for the next call.
    fn take_back(&mut self, mut session: Box<Session>) {
        self.variables = std::mem::take(&mut session.model.variables);
        self.spare = Spare(Some(session));
    }

    /// A session with room for `max_batch` examples at once, which computes on the calling thread. It starts with the
    /// model's variables, and what it learns is its own: see [`Session::into_model`].
    #[must_use]
    pub fn session(&self, max_batch: usize) -> Session {
        Session {
            model: self.clone(),
            threads: Threads::single(),
            arena: Arena::new(model::train_arena(max_batch.max(1))),
            max_batch,
        }
    }

    /// Runs `train` in memory that it keeps for the next call: see [`Session::train`].
    ///
    /// # Errors
    /// As [`Session::train`].
    pub fn train(&mut self, x: &[f32]) -> Result<OwnedTrainOutputs, Error> {
        let mut session = self.lend(batch_size("x", x.len(), 4, 0)?);
        let outputs = session.train(x).map(TrainOutputs::into_owned);
        self.take_back(session);
        outputs
    }
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

/// The memory in which the model learns; a clone has none of it.
#[derive(Debug)]
struct Spare(Option<Box<Session>>);

impl Clone for Spare {
    fn clone(&self) -> Self {
        Self(None)
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

    /// The model with the variables that the session has by now.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The model with the variables that the session has in the end.
    #[must_use]
    pub fn into_model(self) -> Model {
        self.model
    }

    /// Runs `train` for the `n` examples that the inputs hold, which changes variables.
    ///
    /// - `x`: `[n, 4]`, float32
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range. The variables then stay as they were.
    pub fn train(&mut self, x: &[f32]) -> Result<TrainOutputs<'_>, Error> {
        let n = batch_size("x", x.len(), 4, 0)?;
        check_batch(n, self.max_batch)?;
        let sum = model::train(
            &self.model.weights,
            Arc::make_mut(&mut self.model.variables),
            &self.threads,
            &mut self.arena,
            n,
            x,
        )?;
        Ok(TrainOutputs { sum: self.arena.part(sum), sum_shape: [4] })
    }
}

/// The outputs of [`Session::train`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct TrainOutputs<'session> {
    /// `sum`: `[4]`, float32
    pub sum: &'session [f32],
    /// The shape of `sum`.
    pub sum_shape: [usize; 1],
}

impl TrainOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedTrainOutputs {
        OwnedTrainOutputs { sum: self.sum.to_vec(), sum_shape: self.sum_shape }
    }
}

/// The outputs of [`Model::train`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedTrainOutputs {
    /// `sum`: `[4]`, float32
    pub sum: Vec<f32>,
    /// The shape of `sum`.
    pub sum_shape: [usize; 1],
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
