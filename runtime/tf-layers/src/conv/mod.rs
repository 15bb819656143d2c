//! Convolutions: TensorFlow's `Conv2D` and `Conv3D`, and Keras's `Conv1D`.

mod backprop_filter;
mod dynamic;
mod padding;
mod register_tiles;
mod winograd;

pub use backprop_filter::{conv2d_backprop_filter, conv3d_backprop_filter};
pub use dynamic::{dynamic_conv1d, dynamic_conv2d, dynamic_conv3d};
pub use winograd::{WinogradConv1d, WinogradConv2d, conv1d_winograd, conv2d_winograd};

use crate::activation::Activation;
use crate::kernels::gemm::{Axis, Groups, Product, Rows};
use crate::kernels::pack::packed_len;
use crate::kernels::threads::Threads;
use crate::row_bands::Lines;

/// A convolution over depth, height and width: TensorFlow's `Conv3D` on NDHWC tensors, with explicit padding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv3d {
    input: [usize; 3],
    channels: usize,
    filters: usize,
    kernel: [usize; 3],
    strides: [usize; 3],
    dilations: [usize; 3],
    before: [usize; 3],
    after: [usize; 3],
    /// What is left out of the image, at the sides `before` and `after`.
    crop: [[usize; 3]; 2],
    groups: usize,
    activation: Activation,
    out: Rows,
    register_tile: Option<[usize; 2]>,
}

/// A convolution over height and width: TensorFlow's `Conv2D` on NHWC tensors, with explicit padding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv2d(Conv3d);

/// A convolution over one axis: Keras's `Conv1D` on [batch, length, channels] tensors, with explicit padding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv1d(Conv3d);

impl Conv3d {
    /// From images of [depth, height, width, channels] to `filters` channels; strides, dilations and groups are 1, there
    /// is no padding and no activation.
    pub const fn new(input: [usize; 4], filters: usize, kernel: [usize; 3]) -> Self {
        let [depth, height, width, channels] = input;
        Self {
            input: [depth, height, width],
            channels,
            filters,
            kernel,
            strides: [1; 3],
            dilations: [1; 3],
            before: [0; 3],
            after: [0; 3],
            crop: [[0; 3]; 2],
            groups: 1,
            activation: Activation::None,
            out: Rows::PLAIN,
            register_tile: None,
        }
    }

    /// With strides for [depth, height, width].
    pub const fn strides(self, strides: [usize; 3]) -> Self {
        Self { strides, ..self }
    }

    /// With distances of the filter's taps in [depth, height, width].
    pub const fn dilations(self, dilations: [usize; 3]) -> Self {
        Self { dilations, ..self }
    }

    /// With zeros around the image: [front, top, left, back, bottom, right].
    pub const fn pads(self, pads: [usize; 6]) -> Self {
        let [front, top, left, back, bottom, right] = pads;
        let before = [front, top, left];
        let after = [back, bottom, right];
        Self {
            before,
            after,
            ..self
        }
    }

    /// Of the image without its edges, [front, top, left, back, bottom, right]: Keras's `Cropping3D` in front. Zeros of
    /// [`pads`](Self::pads) are around what is left.
    ///
    /// # Panics
    /// If nothing is left.
    pub const fn crop(self, crop: [usize; 6]) -> Self {
        let [front, top, left, back, bottom, right] = crop;
        let [depth, height, width] = self.input;
        assert!(
            front + back < depth && top + bottom < height && left + right < width,
            "crop: nothing of the image is left"
        );
        Self {
            crop: [[front, top, left], [back, bottom, right]],
            ..self
        }
    }

    /// With groups: filter `f` sees the channels of group `f / (filters / groups)` only.
    pub const fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// With an activation function.
    pub const fn activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// Added to what `out` holds: the residual lies there, and none is given.
    pub const fn accumulate(self) -> Self {
        Self {
            out: self.out.accumulate(),
            ..self
        }
    }

    /// With the filters as the channels `first..` of an output that has `of` of them; the others stay as they are.
    pub const fn columns(self, first: usize, of: usize) -> Self {
        Self {
            out: self.out.columns(first, of),
            ..self
        }
    }

    const fn output_axis(&self, axis: usize) -> usize {
        let extent = (self.kernel[axis] - 1) * self.dilations[axis] + 1;
        let padded = self.padded(axis);
        if padded < extent {
            0
        } else {
            (padded - extent) / self.strides[axis] + 1
        }
    }

    /// [depth, height, width, channels] of the result.
    pub const fn output(&self) -> [usize; 4] {
        [
            self.output_axis(0),
            self.output_axis(1),
            self.output_axis(2),
            self.filters,
        ]
    }

    /// The rows of the weights of a group.
    const fn k(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.kernel[2] * (self.channels / self.groups)
    }

    /// Length of the packed weights: for each group a matrix [kernel * channels / groups, filters / groups].
    pub const fn weights_len(&self) -> usize {
        self.groups * packed_len(self.k(), self.filters / self.groups)
    }

    /// Elements of an image, of its result, and of what the result lies in.
    fn image_lens(&self) -> [usize; 3] {
        let image_in = self.input.iter().product::<usize>() * self.channels;
        let [depth, height, width, filters] = self.output();
        let pixels = depth * height * width;
        [
            image_in,
            pixels * filters,
            pixels * self.out.stride(filters),
        ]
    }

    /// The number of images; panics if the lengths do not fit.
    fn batch(&self, name: &str, x: &[f32], residual: Option<&[f32]>, out: &[f32]) -> usize {
        let [image_in, image, image_out] = self.image_lens();
        let batch = out.len().checked_div(image_out).unwrap_or(0);
        assert_eq!(
            out.len(),
            batch * image_out,
            "{name}: the output is no whole number of images of {image_out} elements"
        );
        assert_eq!(
            x.len(),
            batch * image_in,
            "{name}: the input is not {batch} images of {image_in} elements"
        );
        if let Some(residual) = residual {
            assert_eq!(
                residual.len(),
                batch * image,
                "{name}: the residual is not {batch} images of {} channels",
                self.filters
            );
        }
        batch
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the operands of the public functions"
    )]
    fn run(
        &self,
        name: &str,
        threads: &Threads,
        x: &[f32],
        weights: &[f32],
        bias: Option<&[f32]>,
        residual: Option<&[f32]>,
        scratch: &mut [f32],
        out: &mut [f32],
    ) {
        assert!(
            self.groups > 0
                && self.channels.is_multiple_of(self.groups)
                && self.filters.is_multiple_of(self.groups),
            "{name}: {} channels and {} filters are not multiples of {} groups",
            self.channels,
            self.filters,
            self.groups
        );
        let batch = self.batch(name, x, residual, out);
        let [image_in, image, image_out] = self.image_lens();
        if !self.is_padded() {
            let x = x.get(self.first()..).unwrap_or(&[]);
            return self.convolve(threads, x, batch, weights, bias, residual, out);
        }
        let needed = self.scratch_len(batch);
        assert!(
            scratch.len() >= needed,
            "{name}: the scratch memory has {} elements, fewer than {needed}",
            scratch.len()
        );
        if batch == 0 {
            return;
        }
        let together = (needed / self.image_len().max(1)).max(1);
        for first in (0..batch).step_by(together) {
            let count = together.min(batch - first);
            let padded = &mut scratch[..count * self.image_len()];
            self.pad(threads, &x[first * image_in..][..count * image_in], padded);
            let images = first * image_out..(first + count) * image_out;
            let residual = residual.map(|x| &x[first * image..][..count * image]);
            self.convolve(
                threads,
                padded,
                count,
                weights,
                bias,
                residual,
                &mut out[images],
            );
        }
    }

    /// Convolves images that are padded already, or need no padding.
    #[expect(
        clippy::too_many_arguments,
        reason = "the operands of the public functions"
    )]
    fn convolve(
        &self,
        threads: &Threads,
        x: &[f32],
        batch: usize,
        weights: &[f32],
        bias: Option<&[f32]>,
        residual: Option<&[f32]>,
        out: &mut [f32],
    ) {
        let distances = self.distances();
        let tap =
            |index: usize| Axis::new(self.kernel[index], self.dilations[index] * distances[index]);
        Product {
            x,
            rows: self.rows(batch),
            taps: [tap(0), tap(1), tap(2)],
            segment: self.channels / self.groups,
            groups: Groups::Adjacent(self.groups),
            packed: weights,
            columns: self.filters / self.groups,
            bias,
            residual,
            activation: self.activation,
            out: self.out,
            register_tile: self.register_tile,
        }
        .run(threads, out);
    }
}

impl Conv2d {
    /// From images of [height, width, channels] to `filters` channels; strides, dilations and groups are 1, there is no
    /// padding and no activation.
    pub const fn new(input: [usize; 3], filters: usize, kernel: [usize; 2]) -> Self {
        let [height, width, channels] = input;
        Self(Conv3d::new(
            [1, height, width, channels],
            filters,
            [1, kernel[0], kernel[1]],
        ))
    }

    /// With strides for [height, width].
    pub const fn strides(self, strides: [usize; 2]) -> Self {
        Self(self.0.strides([1, strides[0], strides[1]]))
    }

    /// With distances of the filter's taps in [height, width].
    pub const fn dilations(self, dilations: [usize; 2]) -> Self {
        Self(self.0.dilations([1, dilations[0], dilations[1]]))
    }

    /// With zeros around the image: [top, left, bottom, right].
    pub const fn pads(self, pads: [usize; 4]) -> Self {
        let [top, left, bottom, right] = pads;
        Self(self.0.pads([0, top, left, 0, bottom, right]))
    }

    /// Of the image without its edges, [top, left, bottom, right]: Keras's `Cropping2D` in front. Zeros of
    /// [`pads`](Self::pads) are around what is left.
    ///
    /// # Panics
    /// If nothing is left.
    pub const fn crop(self, crop: [usize; 4]) -> Self {
        let [top, left, bottom, right] = crop;
        Self(self.0.crop([0, top, left, 0, bottom, right]))
    }

    /// With groups: filter `f` sees the channels of group `f / (filters / groups)` only.
    pub const fn groups(self, groups: usize) -> Self {
        Self(self.0.groups(groups))
    }

    /// With an activation function.
    pub const fn activation(self, activation: Activation) -> Self {
        Self(self.0.activation(activation))
    }

    /// Added to what `out` holds: the residual lies there, and none is given.
    pub const fn accumulate(self) -> Self {
        Self(self.0.accumulate())
    }

    /// With the filters as the channels `first..` of an output that has `of` of them; the others stay as they are.
    pub const fn columns(self, first: usize, of: usize) -> Self {
        Self(self.0.columns(first, of))
    }

    /// [height, width, channels] of the result.
    pub const fn output(&self) -> [usize; 3] {
        let [_, height, width, channels] = self.0.output();
        [height, width, channels]
    }

    /// How the lines of the result follow from those of the input.
    pub(crate) const fn lines(&self) -> Lines {
        let inner = &self.0;
        assert!(
            !inner.is_cropped(),
            "RowBands: a convolution of a cropped image"
        );
        let [height, width, filters] = self.output();
        Lines {
            input: [inner.input[1], inner.input[2] * inner.channels],
            output: [height, width * filters],
            extent: (inner.kernel[1] - 1) * inner.dilations[1] + 1,
            stride: inner.strides[1],
            top: inner.before[1],
            padded: if inner.is_padded() {
                inner.padded(2) * inner.channels
            } else {
                0
            },
        }
    }

    /// Elements of a line of what the result lies in.
    pub(crate) const fn wide_line(&self) -> usize {
        let [_, width, filters] = self.output();
        width * self.0.out.stride(filters)
    }

    /// The same layer on `height` lines of its input, with other lines of zeros above and below.
    pub(crate) const fn band(self, height: usize, top: usize, bottom: usize) -> Self {
        let Self(mut inner) = self;
        inner.input[1] = height;
        inner.before[1] = top;
        inner.after[1] = bottom;
        Self(inner)
    }

    /// Length of the packed weights: for each group a matrix [kernel * channels / groups, filters / groups].
    pub const fn weights_len(&self) -> usize {
        self.0.weights_len()
    }

    /// Length of the scratch memory: see [`Conv3d::scratch_len`], with a depth of 1.
    pub const fn scratch_len(&self, batch: usize) -> usize {
        self.0.scratch_len(batch)
    }
}

impl Conv1d {
    /// From sequences of [length, channels] to `filters` channels; stride, dilation and groups are 1, there is no padding
    /// and no activation.
    pub const fn new(input: [usize; 2], filters: usize, kernel: usize) -> Self {
        let [length, channels] = input;
        Self(Conv3d::new(
            [1, 1, length, channels],
            filters,
            [1, 1, kernel],
        ))
    }

    /// With a stride.
    pub const fn strides(self, stride: usize) -> Self {
        Self(self.0.strides([1, 1, stride]))
    }

    /// With a distance of the filter's taps.
    pub const fn dilations(self, dilation: usize) -> Self {
        Self(self.0.dilations([1, 1, dilation]))
    }

    /// With zeros around the sequence: [left, right]; Keras's causal padding is all on the left.
    pub const fn pads(self, pads: [usize; 2]) -> Self {
        Self(self.0.pads([0, 0, pads[0], 0, 0, pads[1]]))
    }

    /// Of the sequence without its ends, [left, right]: Keras's `Cropping1D` in front. Zeros of [`pads`](Self::pads) are
    /// around what is left.
    ///
    /// # Panics
    /// If nothing is left.
    pub const fn crop(self, crop: [usize; 2]) -> Self {
        Self(self.0.crop([0, 0, crop[0], 0, 0, crop[1]]))
    }

    /// With groups: filter `f` sees the channels of group `f / (filters / groups)` only.
    pub const fn groups(self, groups: usize) -> Self {
        Self(self.0.groups(groups))
    }

    /// With an activation function.
    pub const fn activation(self, activation: Activation) -> Self {
        Self(self.0.activation(activation))
    }

    /// Added to what `out` holds: the residual lies there, and none is given.
    pub const fn accumulate(self) -> Self {
        Self(self.0.accumulate())
    }

    /// With the filters as the channels `first..` of an output that has `of` of them; the others stay as they are.
    pub const fn columns(self, first: usize, of: usize) -> Self {
        Self(self.0.columns(first, of))
    }

    /// [length, channels] of the result.
    pub const fn output(&self) -> [usize; 2] {
        let [_, _, length, channels] = self.0.output();
        [length, channels]
    }

    /// Length of the packed weights: for each group a matrix [kernel * channels / groups, filters / groups].
    pub const fn weights_len(&self) -> usize {
        self.0.weights_len()
    }

    /// Length of the scratch memory: see [`Conv3d::scratch_len`], with a depth and height of 1.
    pub const fn scratch_len(&self, batch: usize) -> usize {
        self.0.scratch_len(batch)
    }
}

macro_rules! convolution {
    ($(#[$doc:meta])+ $name:ident($params:ident) |$p:ident| $inner:expr) => {
        $(#[$doc])+
        ///
        /// `weights` are the [packed](crate::pack) matrices of the groups, their rows in the order of the filter's axes
        /// and then the channels, as in TensorFlow's filters; `bias` is `[filters]`; `residual` has the shape of the result;
        /// `scratch` has at least `p.scratch_len(batch)` elements. The batch size follows from the length of `out`.
        ///
        /// # Panics
        /// If a length does not fit.
        #[expect(clippy::too_many_arguments, reason = "operands, as in the equation")]
        pub fn $name(
            threads: &Threads,
            $p: &$params,
            x: &[f32],
            weights: &[f32],
            bias: Option<&[f32]>,
            residual: Option<&[f32]>,
            scratch: &mut [f32],
            out: &mut [f32],
        ) {
            $inner.run(stringify!($name), threads, x, weights, bias, residual, scratch, out);
        }
    };
}

convolution! {
    /// `out[b, z, y, x, f] = activation(bias[f] + residual[b, z, y, x, f] +
    /// Σ_{h, i, j, c} in[b, z * sz + h * dz - front, y * sy + i * dy - top, x * sx + j * dx - left, c] · w[h, i, j, c, f])`.
    conv3d(Conv3d) |p| p
}

convolution! {
    /// `out[b, y, x, f] = activation(bias[f] + residual[b, y, x, f] +
    /// Σ_{i, j, c} in[b, y * sy + i * dy - top, x * sx + j * dx - left, c] · w[i, j, c, f])`.
    conv2d(Conv2d) |p| p.0
}

convolution! {
    /// `out[b, x, f] = activation(bias[f] + residual[b, x, f] + Σ_{j, c} in[b, x * s + j * d - left, c] · w[j, c, f])`.
    conv1d(Conv1d) |p| p.0
}
