//! Keras's `Softmax` over the last axis.

use super::{check_shape, examples};
use crate::{Error, Threads, softmax_in_place};

/// `e^x / Σ e^x` of each row.
#[derive(Debug, Clone, Copy)]
pub struct Softmax {
    classes: usize,
}

impl Softmax {
    /// Of rows of that many classes.
    ///
    /// # Errors
    /// If there is no class.
    pub fn new(classes: usize) -> Result<Self, Error> {
        check_shape("classes", classes, &[classes])?;
        Ok(Self { classes })
    }

    /// Makes probabilities of `x`, [batch, …, classes], in its place.
    ///
    /// # Errors
    /// If `x` has no whole number of rows.
    pub fn apply_mut(&self, x: &mut [f32]) -> Result<(), Error> {
        examples(x.len(), self.classes)?;
        softmax_in_place(&Threads::single(), &crate::Softmax::new(self.classes, 1), x);
        Ok(())
    }

    /// The same, as a new array.
    ///
    /// # Errors
    /// As [`Softmax::apply_mut`].
    pub fn apply(&self, x: &[f32]) -> Result<Vec<f32>, Error> {
        let mut out = x.to_vec();
        self.apply_mut(&mut out)?;
        Ok(out)
    }
}
