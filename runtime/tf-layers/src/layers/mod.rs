//! Layers that own their weights: a network written by hand.
//!
//! Each covers the kernel of its name. A constructor takes arrays as Keras has them, row-major and with their shape, and
//! returns an error for lengths that do not fit; `apply` takes a batch of examples, one after the other, and returns what
//! the layer makes of them. `apply_into` puts it into a vector that is used again and again, and so allocates nothing once
//! that is large enough; layers that keep the shape have `apply_mut`, which writes over its input. Activations by
//! themselves are [`Activation::apply`](crate::Activation::apply); `Flatten` and `Reshape` have nothing to do, and
//! `Dropout` vanishes. All run on the calling thread; the kernels themselves are there for more.
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
mod conv2d;
mod dense;
mod embedding;
mod merging;
mod pooling;
mod softmax;
mod thresholded_relu;

pub use batch_normalization::BatchNormalization;
pub use conv1d::{Conv1d, Conv1dOptions};
pub use conv2d::{Conv2d, Conv2dOptions, DepthwiseConv2d};
pub use dense::Dense;
pub use embedding::Embedding;
pub use merging::{Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract};
pub use pooling::{
    AveragePooling1d, AveragePooling2d, GlobalAveragePooling1d, GlobalAveragePooling2d,
    GlobalMaxPooling1d, GlobalMaxPooling2d, MaxPooling1d, MaxPooling2d,
};
pub use softmax::Softmax;
pub use thresholded_relu::ThresholdedRelu;

use crate::error::Error;

/// What lies around a sequence or an image when a window moves over it.
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

/// That a bias, if there is one, has an element for each output channel.
fn check_bias(bias: Option<&[f32]>, channels: usize) -> Result<(), Error> {
    bias.map_or(Ok(()), |bias| check_shape("bias", bias.len(), &[channels]))
}

/// That a filter moves, and that its taps are apart.
fn check_strides(strides: usize, dilation_rate: usize) -> Result<(), Error> {
    for (name, size) in [("strides", strides), ("dilation_rate", dilation_rate)] {
        check_shape(name, size.min(1), &[1])?;
    }
    Ok(())
}

/// That each group has as many filters.
fn check_groups(filters: usize, groups: usize) -> Result<(), Error> {
    if groups > 0 && filters.is_multiple_of(groups) {
        return Ok(());
    }
    Err(Error::NotWholeExamples {
        name: "filters",
        example: groups,
        got: filters,
    })
}

/// `out` with `length` elements, which the caller writes all.
fn room(out: &mut Vec<f32>, length: usize) -> &mut [f32] {
    out.resize(length, 0.0);
    out
}

/// What `apply_into` puts into a vector, as one of its own.
fn owned(apply_into: impl FnOnce(&mut Vec<f32>) -> Result<(), Error>) -> Result<Vec<f32>, Error> {
    let mut out = Vec::new();
    apply_into(&mut out)?;
    Ok(out)
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
