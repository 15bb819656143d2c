//! A neural network, compiled from a TensorFlow graph.
//!
//! ```
//! let model = tokens::Model::new();
//! let mut session = model.session(1);
//! let tokens = vec![0; 5]; // [n, 5]
//! let type_ = vec![0; 5]; // [n, 5]
//! let outputs = session.predict(&tokens, &type_)?;
//! println!("{:?} has the shape {:?}", outputs.embedded_tokens, outputs.embedded_tokens_shape);
//! # Ok::<(), tokens::Error>(())
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
            arena: Arena::new(model::predict_arena(max_batch.max(1)).max(model::match_arena(max_batch.max(1)))),
            max_batch,
        }
    }

    /// Runs `serving_default` in a session of its own: see [`Session::predict`].
    ///
    /// # Errors
    /// As [`Session::predict`].
    pub fn predict(&self, tokens: &[i32], type_: &[u8]) -> Result<OwnedPredictOutputs, Error> {
        Ok(self.session(batch_size("tokens", tokens.len(), 5, 0)?).predict(tokens, type_)?.into_owned())
    }

    /// Runs `serving_default` for one example, in a session of its own: see [`Session::predict_features`].
    ///
    /// # Errors
    /// As [`Session::predict_features`].
    pub fn predict_features(&self, features: &[f64]) -> Result<OwnedPredictOutputs, Error> {
        Ok(self.session(1).predict_features(features)?.into_owned())
    }

    /// Runs `match` in a session of its own: see [`Session::match_`].
    ///
    /// # Errors
    /// As [`Session::match_`].
    pub fn match_(&self, x: &[f32], y: &[f32]) -> Result<OwnedMatchOutputs, Error> {
        Ok(self.session(1).match_(x, y)?.into_owned())
    }

    /// Runs `match` for one example, in a session of its own: see [`Session::match_features`].
    ///
    /// # Errors
    /// As [`Session::match_features`].
    pub fn match_features(&self, features: &[f32]) -> Result<OwnedMatchOutputs, Error> {
        Ok(self.session(1).match_features(features)?.into_owned())
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

    /// Runs `serving_default` for the `n` examples that the inputs hold.
    ///
    /// - `tokens`: `[n, 5]`, int32
    /// - `type_` (`type`): `[n, 5]`, bool: bytes that are 0 or 1
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    pub fn predict(&mut self, tokens: &[i32], type_: &[u8]) -> Result<PredictOutputs<'_>, Error> {
        let n = batch_size("tokens", tokens.len(), 5, 0)?;
        check_batch(n, self.max_batch)?;
        check_length("type_", type_.len(), 5 * n)?;
        let (embedded_tokens, do_) =
            model::predict(&self.model.weights, &self.threads, &mut self.arena, n, tokens, type_)?;
        Ok(PredictOutputs {
            embedded_tokens: self.arena.part(embedded_tokens),
            embedded_tokens_shape: [n, 20],
            do_: self.arena.part(do_),
            do_shape: [n, 5],
        })
    }

    /// [`Session::predict`] for one example, whose inputs stand in one vector, one after the other:
    /// `tokens` (5), `type_` (5).
    ///
    /// # Errors
    /// If the vector has another length, if a number is none of its input's, or if an index is out of range.
    pub fn predict_features(&mut self, features: &[f64]) -> Result<PredictOutputs<'_>, Error> {
        check_length("features", features.len(), 10)?;
        let mut tokens = [0_i32; 5];
        fill_integers("tokens", &features[0..5], &mut tokens)?;
        let mut type_ = [0_u8; 5];
        fill_integers("type_", &features[5..10], &mut type_)?;
        self.predict(&tokens, &type_)
    }

    /// Runs `match`.
    ///
    /// - `x`: `[3, 2]`, float32
    /// - `y`: `[2]`, float32
    ///
    /// # Errors
    /// If an input's length does not fit its shape, or if an index is out of range.
    pub fn match_(&mut self, x: &[f32], y: &[f32]) -> Result<MatchOutputs<'_>, Error> {
        let n = 1;
        check_batch(n, self.max_batch)?;
        check_length("x", x.len(), 6)?;
        check_length("y", y.len(), 2)?;
        let scaled = model::match_(&self.model.weights, &self.threads, &mut self.arena, n, x, y)?;
        Ok(MatchOutputs { scaled: self.arena.part(scaled), scaled_shape: [2, 3] })
    }

    /// [`Session::match_`] for one example, whose inputs stand in one vector, one after the other:
    /// `x` (6), `y` (2).
    ///
    /// # Errors
    /// If the vector has another length, if a number is none of its input's, or if an index is out of range.
    pub fn match_features(&mut self, features: &[f32]) -> Result<MatchOutputs<'_>, Error> {
        check_length("features", features.len(), 8)?;
        self.match_(&features[0..6], &features[6..8])
    }
}

/// The outputs of [`Session::predict`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct PredictOutputs<'session> {
    /// `embedded-tokens`: `[n, 20]`, float32
    pub embedded_tokens: &'session [f32],
    /// The shape of `embedded_tokens`.
    pub embedded_tokens_shape: [usize; 2],
    /// `do`: `[n, 5]`, bool: bytes that are 0 or 1
    pub do_: &'session [u8],
    /// The shape of `do_`.
    pub do_shape: [usize; 2],
}

impl PredictOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedPredictOutputs {
        OwnedPredictOutputs {
            embedded_tokens: self.embedded_tokens.to_vec(),
            embedded_tokens_shape: self.embedded_tokens_shape,
            do_: self.do_.to_vec(),
            do_shape: self.do_shape,
        }
    }
}

/// The outputs of [`Model::predict`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedPredictOutputs {
    /// `embedded-tokens`: `[n, 20]`, float32
    pub embedded_tokens: Vec<f32>,
    /// The shape of `embedded_tokens`.
    pub embedded_tokens_shape: [usize; 2],
    /// `do`: `[n, 5]`, bool: bytes that are 0 or 1
    pub do_: Vec<u8>,
    /// The shape of `do_`.
    pub do_shape: [usize; 2],
}

/// The outputs of [`Session::match_`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct MatchOutputs<'session> {
    /// `scaled`: `[2, 3]`, float32
    pub scaled: &'session [f32],
    /// The shape of `scaled`.
    pub scaled_shape: [usize; 2],
}

impl MatchOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedMatchOutputs {
        OwnedMatchOutputs { scaled: self.scaled.to_vec(), scaled_shape: self.scaled_shape }
    }
}

/// The outputs of [`Model::match_`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedMatchOutputs {
    /// `scaled`: `[2, 3]`, float32
    pub scaled: Vec<f32>,
    /// The shape of `scaled`.
    pub scaled_shape: [usize; 2],
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

/// Integers up to this are all numbers of float64.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Features as the elements of the integer input `name`.
fn fill_integers<T: TryFrom<i64>>(name: &'static str, features: &[f64], elements: &mut [T]) -> Result<(), Error> {
    for (position, (element, &value)) in elements.iter_mut().zip(features).enumerate() {
        let is_whole = value.fract() == 0.0 && value.abs() <= EXACT;
        let fits = if is_whole { T::try_from(value as i64).ok() } else { None };
        *element = fits.ok_or(Error::NotAnInteger { name, position })?;
    }
    Ok(())
}
