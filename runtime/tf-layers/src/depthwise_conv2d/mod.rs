//! Depthwise convolution: TensorFlow's `DepthwiseConv2dNative`.

mod backprop_filter;

pub use backprop_filter::depthwise_conv2d_backprop_filter;

use crate::activation::Activation;
use crate::kernels::depthwise::Depthwise;
use crate::kernels::threads::Threads;
use crate::row_bands::Lines;

/// A depthwise convolution on NHWC tensors, with explicit padding: TensorFlow's `DepthwiseConv2dNative`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DepthwiseConv2d {
    input: [usize; 2],
    channels: usize,
    kernel: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    before: [usize; 2],
    after: [usize; 2],
    multiplier: usize,
    activation: Activation,
}

impl DepthwiseConv2d {
    /// For images of [height, width, channels]; strides, dilations and the channel multiplier are 1, there is no padding
    /// and no activation.
    pub const fn new(input: [usize; 3], kernel: [usize; 2]) -> Self {
        let [height, width, channels] = input;
        Self {
            input: [height, width],
            channels,
            kernel,
            strides: [1; 2],
            dilations: [1; 2],
            before: [0; 2],
            after: [0; 2],
            multiplier: 1,
            activation: Activation::None,
        }
    }

    /// With strides for [height, width].
    pub const fn strides(self, strides: [usize; 2]) -> Self {
        Self { strides, ..self }
    }

    /// With distances of the filter's taps in [height, width].
    pub const fn dilations(self, dilations: [usize; 2]) -> Self {
        Self { dilations, ..self }
    }

    /// With zeros around the image: [top, left, bottom, right].
    pub const fn pads(self, pads: [usize; 4]) -> Self {
        let [top, left, bottom, right] = pads;
        Self {
            before: [top, left],
            after: [bottom, right],
            ..self
        }
    }

    /// With `multiplier` filters for each channel: input channel `c` makes output channels `c * multiplier` to
    /// `c * multiplier + multiplier - 1`.
    pub const fn multiplier(self, multiplier: usize) -> Self {
        Self { multiplier, ..self }
    }

    /// With an activation function.
    pub const fn activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    const fn output_axis(&self, axis: usize) -> usize {
        let extent = (self.kernel[axis] - 1) * self.dilations[axis] + 1;
        let padded = self.before[axis] + self.input[axis] + self.after[axis];
        if padded < extent {
            0
        } else {
            (padded - extent) / self.strides[axis] + 1
        }
    }

    /// [height, width, channels] of the result.
    pub const fn output(&self) -> [usize; 3] {
        [
            self.output_axis(0),
            self.output_axis(1),
            self.channels * self.multiplier,
        ]
    }

    /// How the lines of the result follow from those of the input.
    pub(crate) const fn lines(&self) -> Lines {
        let [height, width, channels] = self.output();
        Lines {
            input: [self.input[0], self.input[1] * self.channels],
            output: [height, width * channels],
            extent: (self.kernel[0] - 1) * self.dilations[0] + 1,
            stride: self.strides[0],
            top: self.before[0],
            padded: 0,
        }
    }

    /// The same layer on `height` lines of its input, with other lines of zeros above and below.
    pub(crate) const fn band(mut self, height: usize, top: usize, bottom: usize) -> Self {
        self.input[0] = height;
        self.before[0] = top;
        self.after[0] = bottom;
        self
    }
}

/// `out[b, y, x, c * m + q] = activation(bias[c * m + q]
/// + Σ_{i, j} in[b, y * sy + i * dy - top, x * sx + j * dx - left, c] · w[i, j, c, q])`, with `m` the channel multiplier.
///
/// `weights` are [kernel height, kernel width, channels, multiplier], as in TensorFlow; `bias` has an element for each
/// output channel. The batch size follows from the length of `out`.
///
/// # Panics
/// If a length does not fit, or the channel multiplier is zero.
pub fn depthwise_conv2d(
    threads: &Threads,
    p: &DepthwiseConv2d,
    x: &[f32],
    weights: &[f32],
    bias: Option<&[f32]>,
    out: &mut [f32],
) {
    assert!(
        p.multiplier > 0,
        "depthwise_conv2d: the channel multiplier is zero"
    );
    let [height, width, channels] = p.output();
    Depthwise {
        x,
        weights,
        bias,
        activation: p.activation,
        batch: out
            .len()
            .checked_div(height * width * channels)
            .unwrap_or(0),
        input: p.input,
        output: [height, width],
        kernel: p.kernel,
        strides: p.strides,
        dilations: p.dilations,
        pads: p.before,
        channels: p.channels,
        multiplier: p.multiplier,
    }
    .run(threads, out);
}
