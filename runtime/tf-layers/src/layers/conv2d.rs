//! Keras's `Conv2D` and `DepthwiseConv2D`.

use super::{Padding, check_bias, check_groups, check_shape, check_strides, examples, owned, room};
use crate::{Activation, Error, Threads, conv2d, depthwise_conv2d};

/// How a filter moves over an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2dOptions {
    /// Pixels from one result to the next, of [height, width].
    pub strides: [usize; 2],
    /// Pixels from one tap of the filter to the next.
    pub dilation_rate: [usize; 2],
    /// Parts of the channels that are convolved by themselves. A depthwise convolution has its own.
    pub groups: usize,
    /// What lies around the image. Causal padding is only for sequences.
    pub padding: Padding,
}

impl Default for Conv2dOptions {
    /// Strides, dilation and groups are 1, and there is no padding.
    fn default() -> Self {
        Self {
            strides: [1; 2],
            dilation_rate: [1; 2],
            groups: 1,
            padding: Padding::Valid,
        }
    }
}

impl Conv2dOptions {
    fn check(&self) -> Result<(), Error> {
        check_strides(
            self.strides[0].min(self.strides[1]),
            self.dilation_rate[0].min(self.dilation_rate[1]),
        )?;
        let is_causal = self.padding == Padding::Causal;
        check_shape("padding", usize::from(!is_causal), &[1])
    }

    /// The pixels around an image, [top, left, bottom, right], for filters of `kernel` taps.
    fn pads(&self, size: [usize; 2], kernel: [usize; 2]) -> Result<[usize; 4], Error> {
        let around = |axis: usize, name: &'static str| {
            let window = (kernel[axis] - 1) * self.dilation_rate[axis] + 1;
            let [before, after] = self.padding.around(size[axis], window, self.strides[axis]);
            if size[axis] + before + after < window {
                return Err(Error::WrongLength {
                    name,
                    expected: window,
                    got: size[axis],
                });
            }
            Ok([before, after])
        };
        let ([top, bottom], [left, right]) = (around(0, "height")?, around(1, "width")?);
        Ok([top, left, bottom, right])
    }
}

/// A convolution of images [height, width, channels] with `filters` filters.
#[derive(Debug, Clone)]
pub struct Conv2d {
    shape: [usize; 4],
    filter: Vec<f32>,
    bias: Option<Vec<f32>>,
    activation: Activation,
    options: Conv2dOptions,
}

impl Conv2d {
    /// From the filter [height, width, channels / groups, filters] and a bias `[filters]`.
    ///
    /// # Errors
    /// If the filter or the bias has another length than `shape` says, if a size is 0, if the filters are no whole
    /// number for each group, or the padding is causal.
    pub fn new(
        filter: &[f32],
        shape: [usize; 4],
        bias: Option<&[f32]>,
        activation: Activation,
        options: Conv2dOptions,
    ) -> Result<Self, Error> {
        check_shape("filter", filter.len(), &shape)?;
        check_bias(bias, shape[3])?;
        options.check()?;
        check_groups(shape[3], options.groups)?;
        let mut layer = Self {
            shape,
            filter: Vec::new(),
            bias: bias.map(<[f32]>::to_vec),
            activation,
            options,
        };
        let params = layer.params([1, 1], [0; 4]);
        layer.filter = vec![0.0; params.weights_len()];
        params.pack("Conv2d", filter, &mut layer.filter);
        Ok(layer)
    }

    /// Channels of the input.
    fn channels(&self) -> usize {
        self.shape[2] * self.options.groups
    }

    /// The facts of the kernel for images of that size.
    fn params(&self, [height, width]: [usize; 2], pads: [usize; 4]) -> crate::Conv2d {
        let [taps_y, taps_x, _, filters] = self.shape;
        crate::Conv2d::new([height, width, self.channels()], filters, [taps_y, taps_x])
            .strides(self.options.strides)
            .dilations(self.options.dilation_rate)
            .groups(self.options.groups)
            .pads(pads)
            .activation(self.activation)
    }

    /// The results [batch, height, width, filters] for images of [height, width] pixels.
    ///
    /// # Errors
    /// If `x` has no whole number of images, or an image is smaller than the filter.
    pub fn apply(&self, x: &[f32], size: [usize; 2]) -> Result<Vec<f32>, Error> {
        owned(|out| self.apply_into(x, size, out))
    }

    /// The same, in the place of what `out` has.
    ///
    /// # Errors
    /// As [`Conv2d::apply`].
    pub fn apply_into(&self, x: &[f32], size: [usize; 2], out: &mut Vec<f32>) -> Result<(), Error> {
        let image = size[0].saturating_mul(size[1]);
        let batch = examples(x.len(), image.saturating_mul(self.channels()))?;
        let pads = self.options.pads(size, [self.shape[0], self.shape[1]])?;
        let params = self.params(size, pads);
        let results = batch * params.output().iter().product::<usize>();
        let (result, scratch) =
            room(out, results + params.scratch_len(batch)).split_at_mut(results);
        let (threads, bias) = (Threads::single(), self.bias.as_deref());
        conv2d(
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

/// A convolution of images [height, width, channels] in which each channel has filters of its own.
#[derive(Debug, Clone)]
pub struct DepthwiseConv2d {
    shape: [usize; 4],
    filter: Vec<f32>,
    bias: Option<Vec<f32>>,
    activation: Activation,
    options: Conv2dOptions,
}

impl DepthwiseConv2d {
    /// From the filter [height, width, channels, multiplier] and a bias `[channels · multiplier]`.
    ///
    /// # Errors
    /// If the filter or the bias has another length than `shape` says, if a size is 0, if there are groups, or the
    /// padding is causal.
    pub fn new(
        filter: &[f32],
        shape: [usize; 4],
        bias: Option<&[f32]>,
        activation: Activation,
        options: Conv2dOptions,
    ) -> Result<Self, Error> {
        check_shape("filter", filter.len(), &shape)?;
        check_bias(bias, shape[2] * shape[3])?;
        options.check()?;
        check_shape("groups", options.groups, &[1])?;
        Ok(Self {
            shape,
            filter: filter.to_vec(),
            bias: bias.map(<[f32]>::to_vec),
            activation,
            options,
        })
    }

    /// The results [batch, height, width, channels · multiplier] for images of [height, width] pixels.
    ///
    /// # Errors
    /// If `x` has no whole number of images, or an image is smaller than the filter.
    pub fn apply(&self, x: &[f32], size: [usize; 2]) -> Result<Vec<f32>, Error> {
        owned(|out| self.apply_into(x, size, out))
    }

    /// The same, in the place of what `out` has.
    ///
    /// # Errors
    /// As [`DepthwiseConv2d::apply`].
    pub fn apply_into(&self, x: &[f32], size: [usize; 2], out: &mut Vec<f32>) -> Result<(), Error> {
        let [taps_y, taps_x, channels, multiplier] = self.shape;
        let image = size[0].saturating_mul(size[1]);
        let batch = examples(x.len(), image.saturating_mul(channels))?;
        let pads = self.options.pads(size, [taps_y, taps_x])?;
        let params = crate::DepthwiseConv2d::new([size[0], size[1], channels], [taps_y, taps_x])
            .strides(self.options.strides)
            .dilations(self.options.dilation_rate)
            .multiplier(multiplier)
            .pads(pads)
            .activation(self.activation);
        let results = batch * params.output().iter().product::<usize>();
        let (threads, bias) = (Threads::single(), self.bias.as_deref());
        depthwise_conv2d(&threads, &params, x, &self.filter, bias, room(out, results));
        Ok(())
    }
}
