//! Depthwise convolutions against a naive loop in f64.

mod common;

use common::{ACTIVATIONS, activation, check, random};
use tf_layers::{Activation, DepthwiseConv2d, Threads, depthwise_conv2d};

/// A depthwise convolution, by its numbers.
#[derive(Debug, Clone, Copy)]
struct Case {
    batch: usize,
    size: [usize; 2],
    channels: usize,
    kernel: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    pads: [usize; 4],
    multiplier: usize,
    activation: Activation,
}

fn case(size: [usize; 2], channels: usize, kernel: [usize; 2]) -> Case {
    Case {
        batch: 2,
        size,
        channels,
        kernel,
        strides: [1, 1],
        dilations: [1, 1],
        pads: [kernel[0] / 2, kernel[1] / 2, kernel[0] / 2, kernel[1] / 2],
        multiplier: 1,
        activation: Activation::None,
    }
}

impl Case {
    fn naive(&self, output: [usize; 3], x: &[f32], w: &[f32], bias: &[f32]) -> Vec<f64> {
        let [height, width] = self.size;
        let mut expected = Vec::new();
        for index in 0..self.batch * output.iter().product::<usize>() {
            let (pixel, channel) = (index / output[2], index % output[2]);
            let (line, column) = (pixel / output[1], pixel % output[1]);
            let (image, line) = (line / output[0], line % output[0]);
            let mut sum = f64::from(bias[channel]);
            for tap in 0..self.kernel[0] * self.kernel[1] {
                let (i, j) = (tap / self.kernel[1], tap % self.kernel[1]);
                let y = (line * self.strides[0] + i * self.dilations[0]).checked_sub(self.pads[0]);
                let x_ =
                    (column * self.strides[1] + j * self.dilations[1]).checked_sub(self.pads[1]);
                if let (Some(y), Some(column)) = (y, x_)
                    && y < height
                    && column < width
                {
                    let pixel = (image * height + y) * width + column;
                    let x = x[pixel * self.channels + channel / self.multiplier];
                    sum += f64::from(x) * f64::from(w[tap * output[2] + channel]);
                }
            }
            expected.push(activation(self.activation, sum));
        }
        expected
    }

    #[track_caller]
    fn check(self) {
        let p = DepthwiseConv2d::new([self.size[0], self.size[1], self.channels], self.kernel)
            .strides(self.strides)
            .dilations(self.dilations)
            .pads(self.pads)
            .multiplier(self.multiplier)
            .activation(self.activation);
        let channels = self.channels * self.multiplier;
        let x = random(self.batch * self.size[0] * self.size[1] * self.channels, 1);
        let w = random(self.kernel[0] * self.kernel[1] * channels, 2);
        let bias = random(channels, 3);
        let expected = self.naive(p.output(), &x, &w, &bias);
        check(&self, &expected, &|threads, out| {
            depthwise_conv2d(threads, &p, &x, &w, Some(&bias), out);
        });
    }
}

#[test]
fn every_kernel_stride_and_width() {
    for kernel in [
        [3, 3],
        [5, 5],
        [7, 7],
        [1, 3],
        [3, 5],
        [2, 4],
        [1, 1],
        [4, 9],
    ] {
        for strides in [[1, 1], [2, 2], [1, 2], [2, 3]] {
            for width in (1..=16).chain([27, 28, 29]) {
                Case {
                    strides,
                    batch: 1,
                    ..case([6, width], 19, kernel)
                }
                .check();
            }
        }
    }
}

#[test]
fn every_channel_tail() {
    for channels in (1..=35).chain([63, 64, 65, 130]) {
        case([4, 9], channels, [3, 3]).check();
        Case {
            strides: [2, 2],
            ..case([5, 8], channels, [5, 5])
        }
        .check();
    }
}

#[test]
fn every_padding() {
    for kernel in [[3, 3], [5, 5], [3, 2]] {
        for pads in [[0, 0, 0, 0], [0, 0, 1, 1], [1, 2, 0, 3], [5, 4, 6, 7]] {
            for strides in [[1, 1], [2, 2]] {
                Case {
                    pads,
                    strides,
                    ..case([8, 11], 20, kernel)
                }
                .check();
            }
        }
    }
}

/// Lines are computed in pairs, of which any may be outside of the image.
#[test]
fn every_height() {
    for height in 1..=9 {
        for (top, bottom) in [(0, 2), (1, 1), (2, 0), (3, 4)] {
            for width in [7, 8] {
                Case {
                    pads: [top, 1, bottom, 1],
                    ..case([height, width], 24, [3, 3])
                }
                .check();
            }
        }
    }
}

#[test]
fn dilations() {
    for dilations in [[2, 2], [1, 3], [3, 1]] {
        for strides in [[1, 1], [2, 1]] {
            Case {
                dilations,
                strides,
                pads: [2, 2, 2, 2],
                ..case([9, 10], 18, [3, 3])
            }
            .check();
        }
    }
}

#[test]
fn channel_multipliers() {
    for multiplier in 2..=5 {
        for channels in [1, 3, 16, 21] {
            Case {
                multiplier,
                ..case([5, 6], channels, [3, 3])
            }
            .check();
        }
    }
}

#[test]
fn every_activation() {
    for activation in ACTIVATIONS {
        Case {
            activation,
            ..case([5, 9], 70, [3, 3])
        }
        .check();
    }
}

#[test]
fn large_layers_in_several_parts() {
    Case {
        batch: 1,
        ..case([56, 56], 72, [5, 5])
    }
    .check();
    Case {
        batch: 3,
        activation: Activation::HardSwish,
        ..case([14, 14], 200, [3, 3])
    }
    .check();
    Case {
        strides: [2, 2],
        ..case([112, 112], 16, [3, 3])
    }
    .check();
}

#[test]
#[should_panic(expected = "the weights are not [9, 4]")]
fn wrong_weights_are_refused() {
    let p = DepthwiseConv2d::new([3, 3, 4], [3, 3]);
    depthwise_conv2d(
        &Threads::single(),
        &p,
        &[0.0; 36],
        &[0.0; 35],
        None,
        &mut [0.0; 4],
    );
}
