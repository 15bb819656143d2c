//! Gradients of filters against a naive loop in f64, and convolutions with filters known at run time.

mod common;

use common::{check, packed, random};
use tf_layers::simd::Isa;
use tf_layers::{
    Activation, Conv2d, Conv3d, DepthwiseConv2d, conv2d, conv2d_backprop_filter,
    conv3d_backprop_filter, depthwise_conv2d_backprop_filter, dynamic_conv2d,
};

/// A convolution, by its numbers; `depthwise` takes `filters` as the channel multiplier.
#[derive(Debug, Clone, Copy)]
struct Case {
    batch: usize,
    input: [usize; 4],
    filters: usize,
    kernel: [usize; 3],
    strides: [usize; 3],
    dilations: [usize; 3],
    pads: [usize; 6],
}

/// A convolution of two images.
fn case(size: [usize; 2], channels: usize, filters: usize, kernel: [usize; 2]) -> Case {
    Case {
        batch: 2,
        input: [1, size[0], size[1], channels],
        filters,
        kernel: [1, kernel[0], kernel[1]],
        strides: [1; 3],
        dilations: [1; 3],
        pads: [
            0,
            kernel[0] / 2,
            kernel[1] / 2,
            0,
            kernel[0] / 2,
            kernel[1] / 2,
        ],
    }
}

impl Case {
    fn layer(&self) -> Conv3d {
        Conv3d::new(self.input, self.filters, self.kernel)
            .strides(self.strides)
            .dilations(self.dilations)
            .pads(self.pads)
    }

    /// Calls `term` with the number of a pixel of the output, of a tap, and of the input's pixel that it sees there.
    fn for_each_term(&self, mut term: impl FnMut(usize, usize, usize)) {
        let [depth, height, width, _] = self.input;
        let output = self.layer().output();
        let [kernel_depth, kernel_height, kernel_width] = self.kernel;
        for pixel in 0..self.batch * output[..3].iter().product::<usize>() {
            let (line, x) = (pixel / output[2], pixel % output[2]);
            let (plane, y) = (line / output[1], line % output[1]);
            let (image, z) = (plane / output[0], plane % output[0]);
            for tap in 0..kernel_depth * kernel_height * kernel_width {
                let taps = [
                    tap / kernel_width / kernel_height,
                    tap / kernel_width % kernel_height,
                    tap % kernel_width,
                ];
                let at = |axis: usize, position: usize| {
                    let padded = position * self.strides[axis] + taps[axis] * self.dilations[axis];
                    padded
                        .checked_sub(self.pads[axis])
                        .filter(|&at| at < self.input[axis])
                };
                if let (Some(z), Some(y), Some(x)) = (at(0, z), at(1, y), at(2, x)) {
                    let seen = ((image * depth + z) * height + y) * width + x;
                    term(pixel, tap, seen);
                }
            }
        }
    }

    /// The input, and a gradient of `outputs` channels.
    fn operands(&self, outputs: usize) -> (Vec<f32>, Vec<f32>) {
        let pixels = self.layer().output()[..3].iter().product::<usize>();
        let input = self.batch * self.input.iter().product::<usize>();
        (random(input, 1), random(self.batch * pixels * outputs, 2))
    }

    #[track_caller]
    fn check(self) {
        let (channels, filters) = (self.input[3], self.filters);
        let (x, gradient) = self.operands(filters);
        let taps = self.kernel.iter().product::<usize>();
        let mut expected = vec![0.0; taps * channels * filters];
        self.for_each_term(|pixel, tap, seen| {
            for c in 0..channels {
                for f in 0..filters {
                    expected[(tap * channels + c) * filters + f] +=
                        f64::from(x[seen * channels + c])
                            * f64::from(gradient[pixel * filters + f]);
                }
            }
        });
        let layer = self.layer();
        check(&self, &expected, &|threads, out| {
            let mut scratch = vec![f32::NAN; layer.gradient_scratch_len()];
            conv3d_backprop_filter(threads, &layer, &x, &gradient, &mut scratch, out);
        });
    }

    #[track_caller]
    fn check_depthwise(self) {
        let (channels, multiplier) = (self.input[3], self.filters);
        let outputs = channels * multiplier;
        let (x, gradient) = self.operands(outputs);
        let taps = self.kernel.iter().product::<usize>();
        let mut expected = vec![0.0; taps * outputs];
        self.for_each_term(|pixel, tap, seen| {
            for o in 0..outputs {
                expected[tap * outputs + o] += f64::from(x[seen * channels + o / multiplier])
                    * f64::from(gradient[pixel * outputs + o]);
            }
        });
        let [_, height, width, _] = self.input;
        let [_, top, left, _, bottom, right] = self.pads;
        let layer =
            DepthwiseConv2d::new([height, width, channels], [self.kernel[1], self.kernel[2]])
                .strides([self.strides[1], self.strides[2]])
                .dilations([self.dilations[1], self.dilations[2]])
                .pads([top, left, bottom, right])
                .multiplier(multiplier);
        check(&self, &expected, &|threads, out| {
            depthwise_conv2d_backprop_filter(threads, &layer, &x, &gradient, out);
        });
    }
}

fn with_strides_and_dilations(case: Case) -> [Case; 4] {
    [
        case,
        Case {
            strides: [1, 2, 3],
            ..case
        },
        Case {
            dilations: [1, 2, 1],
            pads: [0, 1, 2, 0, 3, 0],
            ..case
        },
        Case {
            strides: [1, 3, 2],
            dilations: [1, 1, 2],
            pads: [0, 0, 3, 0, 1, 4],
            ..case
        },
    ]
}

#[test]
fn filters() {
    for (channels, filters) in [(1, 1), (3, 8), (5, 17), (16, 33), (24, 16), (40, 3)] {
        for kernel in [[1, 1], [3, 3], [2, 5]] {
            for case in with_strides_and_dilations(case([9, 11], channels, filters, kernel)) {
                case.check();
            }
        }
    }
}

#[test]
fn filters_of_volumes() {
    Case {
        batch: 3,
        input: [4, 5, 6, 3],
        filters: 7,
        kernel: [2, 3, 2],
        strides: [1, 2, 1],
        dilations: [2, 1, 1],
        pads: [1, 1, 0, 0, 2, 1],
    }
    .check();
}

#[test]
fn sums_over_many_blocks() {
    case([40, 41], 3, 5, [3, 3]).check();
    Case {
        batch: 3,
        ..case([12, 13], 150, 20, [3, 3])
    }
    .check();
}

#[test]
fn an_empty_batch_gives_zeros() {
    let layer = Conv2d::new([4, 4, 2], 3, [2, 2]);
    let mut scratch = vec![f32::NAN; layer.gradient_scratch_len()];
    let mut out = [1.0; 24];
    let threads = tf_layers::Threads::single();
    conv2d_backprop_filter(&threads, &layer, &[], &[], &mut scratch, &mut out);
    assert_eq!(out, [0.0; 24]);
}

#[test]
fn depthwise_filters() {
    for (channels, multiplier) in [(1, 1), (5, 1), (16, 1), (70, 1), (131, 1), (4, 2), (3, 5)] {
        for kernel in [[1, 1], [3, 3], [2, 5]] {
            for case in with_strides_and_dilations(case([9, 11], channels, multiplier, kernel)) {
                case.check_depthwise();
            }
        }
    }
}

#[test]
fn filters_known_at_run_time_are_packed() {
    for (groups, filters) in [(1, 5), (1, 32), (2, 6), (3, 51)] {
        for pads in [[0; 4], [1, 1, 1, 1]] {
            let k = 9 * 6 / groups;
            let layer = Conv2d::new([7, 8, 6], filters, [3, 3])
                .pads(pads)
                .groups(groups)
                .activation(Activation::Relu);
            let n = filters / groups;
            let (x, w, bias) = (
                random(2 * 7 * 8 * 6, 1),
                random(k * filters, 2),
                random(filters, 3),
            );
            let matrices: Vec<f32> = (0..groups)
                .flat_map(|group| {
                    let rows = w.chunks_exact(filters);
                    let part: Vec<f32> = rows
                        .flat_map(|row| row[group * n..][..n].to_vec())
                        .collect();
                    packed(k, n, &part)
                })
                .collect();
            let outputs = 2 * layer.output().iter().product::<usize>();
            let threads = tf_layers::Threads::single();
            let mut scratch = vec![f32::NAN; layer.dynamic_scratch_len(2)];
            let bias = Some(bias.as_slice());
            for isa in Isa::available() {
                // The bits are those of one instruction set: no other test may change it between the two calls.
                isa.force(|| {
                    let [mut expected, mut out] = [(); 2].map(|()| vec![f32::NAN; outputs]);
                    conv2d(
                        &threads,
                        &layer,
                        &x,
                        &matrices,
                        bias,
                        None,
                        &mut scratch,
                        &mut expected,
                    );
                    dynamic_conv2d(&threads, &layer, &x, &w, bias, None, &mut scratch, &mut out);
                    assert_eq!(
                        out, expected,
                        "{groups} groups, {filters} filters on {isa:?}"
                    );
                });
            }
        }
    }
}
