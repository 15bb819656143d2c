//! Keras's `Conv1D`.

use super::{Padding, check_bias, check_groups, check_shape, check_strides, examples, owned, room};
use crate::{Activation, Error, Threads, conv1d};

/// How a filter moves over a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv1dOptions {
    /// Elements from one result to the next.
    pub strides: usize,
    /// Elements from one tap of the filter to the next.
    pub dilation_rate: usize,
    /// Parts of the channels that are convolved by themselves.
    pub groups: usize,
    /// What lies around the sequence.
    pub padding: Padding,
}

impl Default for Conv1dOptions {
    /// Strides, dilation and groups are 1, and there is no padding.
    fn default() -> Self {
        Self {
            strides: 1,
            dilation_rate: 1,
            groups: 1,
            padding: Padding::Valid,
        }
    }
}

/// A convolution of sequences [steps, channels] with `filters` filters.
#[derive(Debug, Clone)]
pub struct Conv1d {
    shape: [usize; 3],
    filter: Vec<f32>,
    bias: Option<Vec<f32>>,
    activation: Activation,
    options: Conv1dOptions,
}

impl Conv1d {
    /// From the filter [taps, channels / groups, filters] and a bias `[filters]`.
    ///
    /// # Errors
    /// If the filter or the bias has another length than `shape` says, if a size is 0, or if the filters are no whole
    /// number for each group.
    pub fn new(
        filter: &[f32],
        shape: [usize; 3],
        bias: Option<&[f32]>,
        activation: Activation,
        options: Conv1dOptions,
    ) -> Result<Self, Error> {
        check_shape("filter", filter.len(), &shape)?;
        check_bias(bias, shape[2])?;
        check_strides(options.strides, options.dilation_rate)?;
        check_groups(shape[2], options.groups)?;
        let mut layer = Self {
            shape,
            filter: Vec::new(),
            bias: bias.map(<[f32]>::to_vec),
            activation,
            options,
        };
        let params = layer.params(1);
        layer.filter = vec![0.0; params.weights_len()];
        params.pack("Conv1d", filter, &mut layer.filter);
        Ok(layer)
    }

    /// Channels of the input.
    fn channels(&self) -> usize {
        self.shape[1] * self.options.groups
    }

    /// The facts of the kernel for sequences of that many steps.
    fn params(&self, steps: usize) -> crate::Conv1d {
        let [taps, _, filters] = self.shape;
        let Conv1dOptions {
            strides,
            dilation_rate,
            groups,
            padding,
        } = self.options;
        let window = (taps - 1) * dilation_rate + 1;
        crate::Conv1d::new([steps, self.channels()], filters, taps)
            .strides(strides)
            .dilations(dilation_rate)
            .groups(groups)
            .pads(padding.around(steps, window, strides))
            .activation(self.activation)
    }

    /// The results [batch, results, filters] for sequences [batch, steps, channels].
    ///
    /// # Errors
    /// If `x` has no whole number of sequences, or a sequence is shorter than the filter.
    pub fn apply(&self, x: &[f32], steps: usize) -> Result<Vec<f32>, Error> {
        owned(|out| self.apply_into(x, steps, out))
    }

    /// The same, in the place of what `out` has.
    ///
    /// # Errors
    /// As [`Conv1d::apply`].
    pub fn apply_into(&self, x: &[f32], steps: usize, out: &mut Vec<f32>) -> Result<(), Error> {
        let batch = examples(x.len(), steps.saturating_mul(self.channels()))?;
        let params = self.params(steps);
        let [results, filters] = params.output();
        if results == 0 {
            let window = (self.shape[0] - 1) * self.options.dilation_rate + 1;
            return Err(Error::WrongLength {
                name: "steps",
                expected: window,
                got: steps,
            });
        }
        let results = batch * results * filters;
        let (result, scratch) =
            room(out, results + params.scratch_len(batch)).split_at_mut(results);
        let (threads, bias) = (Threads::single(), self.bias.as_deref());
        conv1d(
            &threads,
            &params,
            x,
            &self.filter,
            bias,
            None,
            scratch,
            result,
        );
        out.truncate(results);
        Ok(())
    }
}
