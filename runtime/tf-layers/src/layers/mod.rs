//! Layers that own their weights: a network written by hand.
//!
//! Each covers the kernel of its name. A constructor takes arrays as Keras has them, row-major and with their shape, and
//! returns an error for lengths that do not fit; `apply` takes a batch of examples, one after the other, and returns what
//! the layer makes of them. Layers that keep the shape have `apply_mut` as well, which writes over its input. All run on
//! the calling thread; the kernels themselves, which allocate nothing, are there for more.
//!
//! A classifier of tokens, [batch, 6], into probabilities of two classes:
//!
//! ```
//! use tf_layers::Activation;
//! use tf_layers::layers::{Conv1d, Conv1dOptions, Dense, Embedding, GlobalMaxPooling1d, Padding, Softmax};
//!
//! let embedding = Embedding::new(&[0.1; 100 * 8], [100, 8])?;
//! let options = Conv1dOptions { padding: Padding::Same, ..Conv1dOptions::default() };
//! let conv = Conv1d::new(&[0.01; 3 * 8 * 16], [3, 8, 16], Some(&[0.5; 16]), Activation::Relu, options)?;
//! let pool = GlobalMaxPooling1d::new(16)?;
//! let dense = Dense::new(&[0.1; 16 * 2], [16, 2], Some(&[0.0, 1.0]), Activation::None)?;
//!
//! let tokens = [3, 14, 15, 92, 65, 35];
//! let x = embedding.apply(&tokens)?;
//! let x = conv.apply(&x, 6)?;
//! let x = pool.apply(&x, 6)?;
//! let mut x = dense.apply(&x)?;
//! Softmax::new(2)?.apply_mut(&mut x)?;
//! assert!((x[0] + x[1] - 1.0).abs() < 1e-6 && x[0] < x[1]);
//! # Ok::<(), tf_layers::Error>(())
//! ```

mod batch_normalization;
mod conv1d;
mod dense;
mod embedding;
mod pooling;
mod softmax;

pub use batch_normalization::BatchNormalization;
pub use conv1d::{Conv1d, Conv1dOptions};
pub use dense::Dense;
pub use embedding::Embedding;
pub use pooling::{AveragePooling1d, GlobalAveragePooling1d, GlobalMaxPooling1d, MaxPooling1d};
pub use softmax::Softmax;

use crate::error::Error;

/// What lies around a sequence when a window of `window` elements moves over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Padding {
    /// Nothing: windows lie inside.
    #[default]
    Valid,
    /// As much on both sides as makes `ceil(steps / stride)` results; the odd one behind.
    Same,
    /// `window - 1` in front, so that no result depends on later elements.
    Causal,
}

impl Padding {
    /// How many elements are added in front and behind, for a window that reaches over `window` of `steps` elements.
    fn around(self, steps: usize, window: usize, stride: usize) -> [usize; 2] {
        match self {
            Self::Valid => [0, 0],
            Self::Causal => [window - 1, 0],
            Self::Same => {
                let needed = steps.saturating_sub(1) / stride * stride + window;
                let total = needed.saturating_sub(steps);
                [total / 2, total - total / 2]
            }
        }
    }
}

/// That an array has as many elements as its shape, of which none is 0.
fn check_shape(name: &'static str, got: usize, shape: &[usize]) -> Result<(), Error> {
    let expected = shape
        .iter()
        .try_fold(1_usize, |product, &size| product.checked_mul(size));
    match expected {
        Some(expected) if expected > 0 && got == expected => Ok(()),
        expected => Err(Error::WrongLength {
            name,
            expected: expected.unwrap_or(usize::MAX).max(1),
            got,
        }),
    }
}

/// The number of examples of `example` elements in an input of `got`.
fn examples(got: usize, example: usize) -> Result<usize, Error> {
    if example > 0 && got.is_multiple_of(example) {
        Ok(got / example)
    } else {
        Err(Error::NotWholeExamples {
            name: "input",
            example,
            got,
        })
    }
}
