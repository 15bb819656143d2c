//! Convolutions against a naive loop in f64.

mod common;

use common::{ACTIVATIONS, activation, check, check_columns, packed, random};
use tf_layers::simd::Isa;
use tf_layers::{Activation, Conv1d, Conv2d, Conv3d, Threads, conv1d, conv2d, conv3d, packed_len};

/// A convolution, by its numbers.
#[derive(Debug, Clone, Copy)]
struct Case {
    batch: usize,
    input: [usize; 4],
    filters: usize,
    kernel: [usize; 3],
    strides: [usize; 3],
    dilations: [usize; 3],
    pads: [usize; 6],
    crop: [usize; 6],
    groups: usize,
    activation: Activation,
    residual: bool,
}

/// A convolution of two images with odd pads.
fn case(size: [usize; 2], channels: usize, filters: usize, kernel: [usize; 2]) -> Case {
    Case {
        batch: 2,
        input: [1, size[0], size[1], channels],
        filters,
        kernel: [1, kernel[0], kernel[1]],
        strides: [1; 3],
        dilations: [1; 3],
        pads: [0; 6],
        crop: [0; 6],
        groups: 1,
        activation: Activation::None,
        residual: false,
    }
}

impl Case {
    fn layer(&self) -> Conv3d {
        Conv3d::new(self.input, self.filters, self.kernel)
            .strides(self.strides)
            .dilations(self.dilations)
            .pads(self.pads)
            .crop(self.crop)
            .groups(self.groups)
            .activation(self.activation)
    }

    fn naive(&self, x: &[f32], w: &[f32], bias: &[f32], residual: Option<&[f32]>) -> Vec<f64> {
        let [depth, height, width, channels] = self.input;
        let output = self.layer().output();
        let (group_in, group_out) = (channels / self.groups, self.filters / self.groups);
        let mut expected = Vec::new();
        for batch in 0..self.batch {
            for z in 0..output[0] {
                for y in 0..output[1] {
                    for column in 0..output[2] {
                        for f in 0..self.filters {
                            let mut sum = f64::from(bias[f]);
                            for h in 0..self.kernel[0] {
                                for i in 0..self.kernel[1] {
                                    for j in 0..self.kernel[2] {
                                        let at = |axis: usize, o: usize, tap: usize| {
                                            let place =
                                                o * self.strides[axis] + tap * self.dilations[axis];
                                            let at = place.checked_sub(self.pads[axis])?
                                                + self.crop[axis];
                                            (at + self.crop[axis + 3] < self.input[axis])
                                                .then_some(at)
                                        };
                                        let (Some(z), Some(y), Some(c)) =
                                            (at(0, z, h), at(1, y, i), at(2, column, j))
                                        else {
                                            continue;
                                        };
                                        let pixel = (((batch * depth + z) * height + y) * width
                                            + c)
                                            * channels
                                            + f / group_out * group_in;
                                        let tap = (h * self.kernel[1] + i) * self.kernel[2] + j;
                                        for c in 0..group_in {
                                            sum += f64::from(x[pixel + c])
                                                * f64::from(
                                                    w[(tap * group_in + c) * self.filters + f],
                                                );
                                        }
                                    }
                                }
                            }
                            if let Some(residual) = residual {
                                sum += f64::from(residual[expected.len()]);
                            }
                            expected.push(activation(self.activation, sum));
                        }
                    }
                }
            }
        }
        expected
    }

    #[track_caller]
    fn check(self) {
        let layer = self.layer();
        let [depth, height, width, channels] = self.input;
        let group_in = channels / self.groups;
        let k = self.kernel.iter().product::<usize>() * group_in;
        let outputs = self.batch * layer.output().iter().product::<usize>();
        let x = random(self.batch * depth * height * width * channels, 1);
        let w = random(k * self.filters, 2);
        let bias = random(self.filters, 3);
        let residual = self.residual.then(|| random(outputs, 4));
        let expected = self.naive(&x, &w, &bias, residual.as_deref());
        assert_eq!(expected.len(), outputs);
        let weights = pack_groups(k, self.filters, self.groups, &w);
        assert_eq!(weights.len(), layer.weights_len());
        let (bias, residual) = (Some(bias.as_slice()), residual.as_deref());
        check(&self, &expected, &|threads, out| {
            let mut scratch = vec![f32::NAN; layer.scratch_len(self.batch)];
            if self.input[0] == 1 && self.kernel[0] == 1 && self.pads[0] == 0 && self.pads[3] == 0 {
                let layer = Conv2d::new(
                    [height, width, channels],
                    self.filters,
                    [self.kernel[1], self.kernel[2]],
                )
                .strides([self.strides[1], self.strides[2]])
                .dilations([self.dilations[1], self.dilations[2]])
                .pads([self.pads[1], self.pads[2], self.pads[4], self.pads[5]])
                .crop([self.crop[1], self.crop[2], self.crop[4], self.crop[5]])
                .groups(self.groups)
                .activation(self.activation);
                conv2d(
                    threads,
                    &layer,
                    &x,
                    &weights,
                    bias,
                    residual,
                    &mut scratch,
                    out,
                );
            } else {
                conv3d(
                    threads,
                    &layer,
                    &x,
                    &weights,
                    bias,
                    residual,
                    &mut scratch,
                    out,
                );
            }
            check_columns(&self, self.filters, out, None, &|first, of, out| {
                let (layer, scratch) = (layer.columns(first, of), &mut scratch.clone());
                conv3d(threads, &layer, &x, &weights, bias, residual, scratch, out);
            });
            if residual.is_some() {
                check_columns(&self, self.filters, out, residual, &|first, of, out| {
                    let layer = layer.columns(first, of).accumulate();
                    let scratch = &mut scratch.clone();
                    conv3d(threads, &layer, &x, &weights, bias, None, scratch, out);
                });
            }
        });
    }
}

/// The matrices of the groups, each packed.
fn pack_groups(k: usize, filters: usize, groups: usize, w: &[f32]) -> Vec<f32> {
    let n = filters / groups;
    let group = |group: usize| -> Vec<f32> {
        let rows = w.chunks_exact(filters);
        rows.flat_map(|row| row[group * n..][..n].to_vec())
            .collect()
    };
    let packed: Vec<f32> = (0..groups).flat_map(|g| packed(k, n, &group(g))).collect();
    assert_eq!(packed.len(), groups * packed_len(k, n));
    packed
}

#[test]
fn pointwise() {
    for (size, channels, filters) in [
        ([7, 7], 5, 33),
        ([1, 1], 64, 10),
        ([13, 9], 3, 16),
        ([3, 50], 17, 70),
    ] {
        case(size, channels, filters, [1, 1]).check();
        Case {
            residual: true,
            activation: Activation::Relu,
            ..case(size, channels, filters, [1, 1])
        }
        .check();
        Case {
            strides: [1, 2, 3],
            ..case(size, channels, filters, [1, 1])
        }
        .check();
    }
}

#[test]
fn filters_of_every_size_with_every_padding() {
    for kernel in [[1, 3], [3, 1], [2, 2], [3, 3], [5, 4], [7, 7]] {
        for pads in [
            [0; 6],
            [0, 1, 1, 0, 1, 1],
            [0, 2, 0, 0, 1, 3],
            [0, 3, 3, 0, 3, 3],
        ] {
            for strides in [[1, 1, 1], [1, 2, 2], [1, 1, 3]] {
                Case {
                    pads,
                    strides,
                    ..case([9, 11], 6, 18, kernel)
                }
                .check();
            }
        }
    }
}

#[test]
fn images_without_their_edges() {
    for kernel in [[1, 1], [1, 3], [3, 1], [3, 2]] {
        for crop in [[0, 1, 1, 0, 0, 0], [0, 0, 2, 0, 1, 3], [0, 3, 0, 0, 2, 1]] {
            for pads in [[0; 6], [0, 0, 0, 0, 1, 1], [0, 2, 1, 0, 0, 3]] {
                for strides in [[1, 1, 1], [1, 2, 2], [1, 1, 3]] {
                    Case {
                        crop,
                        pads,
                        strides,
                        ..case([9, 11], 5, 18, kernel)
                    }
                    .check();
                }
            }
        }
    }
    Case {
        input: [5, 6, 7, 3],
        crop: [1, 0, 2, 1, 3, 0],
        pads: [0, 0, 0, 2, 0, 0],
        strides: [2, 1, 2],
        kernel: [1, 2, 1],
        groups: 3,
        residual: true,
        ..case([6, 7], 3, 18, [1, 1])
    }
    .check();
}

/// Behind one tap, the pixels between windows need no room.
#[test]
fn padded_images_without_pixels_that_no_tap_sees() {
    let layer = Conv2d::new([111, 111, 32], 8, [1, 1])
        .strides([2, 2])
        .crop([1, 1, 0, 0])
        .pads([0, 0, 1, 1]);
    assert_eq!(layer.output(), [56, 56, 8]);
    assert_eq!(layer.scratch_len(1), 56 * 56 * 32);
}

#[test]
#[should_panic = "crop: nothing of the image is left"]
fn cropped_to_nothing() {
    let _ = Conv2d::new([4, 4, 1], 1, [1, 1]).crop([1, 2, 1, 2]);
}

#[test]
fn every_width_of_a_line() {
    for width in 1..=40 {
        Case {
            pads: [0, 1, 1, 0, 1, 1],
            batch: 1,
            ..case([3, width], 4, 33, [3, 3])
        }
        .check();
    }
}

#[test]
fn dilations() {
    for dilations in [[1, 2, 2], [1, 1, 3], [1, 3, 1]] {
        for strides in [[1, 1, 1], [1, 2, 1]] {
            Case {
                dilations,
                strides,
                pads: [0, 2, 2, 0, 2, 2],
                ..case([10, 12], 5, 20, [3, 3])
            }
            .check();
        }
    }
}

#[test]
fn groups() {
    for (channels, filters, groups) in [
        (4, 4, 2),
        (32, 64, 4),
        (6, 12, 6),
        (40, 80, 5),
        (64, 64, 32),
    ] {
        let pads = [0, 1, 1, 0, 1, 1];
        let grouped = Case {
            groups,
            pads,
            ..case([8, 9], channels, filters, [3, 3])
        };
        grouped.check();
        Case {
            dilations: [1, 2, 2],
            residual: true,
            activation: Activation::HardSwish,
            ..grouped
        }
        .check();
    }
}

#[test]
fn every_activation() {
    for activation in ACTIVATIONS {
        let pads = [0, 1, 1, 0, 1, 1];
        Case {
            activation,
            pads,
            residual: true,
            ..case([5, 6], 3, 21, [3, 3])
        }
        .check();
    }
}

#[test]
fn large_layers_in_several_blocks_and_parts() {
    let pads = [0, 1, 1, 0, 1, 1];
    let relu = Activation::Relu;
    Case {
        pads,
        residual: true,
        batch: 1,
        ..case([7, 7], 512, 64, [3, 3])
    }
    .check();
    Case {
        pads,
        dilations: [1, 2, 2],
        ..case([7, 7], 520, 40, [3, 3])
    }
    .check();
    Case {
        batch: 1,
        activation: relu,
        ..case([14, 14], 1024, 48, [1, 1])
    }
    .check();
    Case {
        batch: 1,
        strides: [1, 2, 2],
        ..case([14, 14], 1024, 64, [1, 1])
    }
    .check();
    Case {
        batch: 3,
        pads,
        activation: relu,
        ..case([56, 56], 16, 40, [3, 3])
    }
    .check();
    Case {
        batch: 1,
        pads: [0, 3, 3, 0, 3, 3],
        strides: [1, 2, 2],
        ..case([80, 80], 3, 64, [7, 7])
    }
    .check();
}

#[test]
fn many_images_are_padded_in_rounds() {
    let pads = [0, 1, 1, 0, 1, 1];
    let layer = Case {
        batch: 23,
        pads,
        ..case([18, 18], 16, 8, [3, 3])
    };
    assert!(layer.layer().scratch_len(23) < 23 * 20 * 20 * 16);
    layer.check();
}

#[test]
fn three_dimensions() {
    for (kernel, strides, dilations) in [
        ([3, 3, 3], [1, 1, 1], [1, 1, 1]),
        ([2, 3, 1], [2, 1, 2], [1, 2, 1]),
        ([3, 1, 2], [1, 2, 1], [2, 1, 2]),
    ] {
        for pads in [[0; 6], [1, 1, 1, 1, 1, 1], [2, 0, 1, 0, 1, 2]] {
            let input = [5, 6, 7, 4];
            Case {
                input,
                strides,
                dilations,
                pads,
                kernel,
                ..case([1, 1], 1, 18, [1, 1])
            }
            .check();
        }
    }
}

#[test]
fn one_dimension() {
    for (stride, dilation, pads) in [
        (1, 1, [0, 0]),
        (1, 1, [2, 2]),
        (2, 1, [4, 0]),
        (1, 3, [12, 0]),
    ] {
        let expected_case = Case {
            strides: [1, 1, stride],
            dilations: [1, 1, dilation],
            pads: [0, 0, pads[0], 0, 0, pads[1]],
            activation: Activation::Tanh,
            ..case([1, 30], 8, 20, [1, 5])
        };
        let x = random(2 * 30 * 8, 1);
        let w = random(5 * 8 * 20, 2);
        let bias = random(20, 3);
        let expected = expected_case.naive(&x, &w, &bias, None);
        let layer = Conv1d::new([30, 8], 20, 5)
            .strides(stride)
            .dilations(dilation)
            .pads(pads)
            .activation(Activation::Tanh);
        assert_eq!(expected.len(), 2 * layer.output()[0] * layer.output()[1]);
        let weights = packed(40, 20, &w);
        check(&layer, &expected, &|threads, out| {
            let mut scratch = vec![f32::NAN; layer.scratch_len(2)];
            conv1d(
                threads,
                &layer,
                &x,
                &weights,
                Some(&bias),
                None,
                &mut scratch,
                out,
            );
        });
    }
}

#[test]
fn register_tiles_give_the_same_bits() {
    let cases = [
        Case {
            input: [3, 6, 7, 13],
            kernel: [2, 3, 3],
            pads: [1; 6],
            ..case([6, 7], 13, 83, [3, 3])
        },
        Case {
            strides: [1, 2, 2],
            crop: [0, 1, 1, 0, 0, 0],
            ..case([29, 31], 13, 83, [1, 1])
        },
        Case {
            pads: [0, 0, 4, 0, 0, 0],
            ..case([1, 40], 13, 83, [1, 5])
        },
    ];
    for case in cases {
        let (layer, batch) = (case.layer(), case.batch);
        let k = case.kernel.iter().product::<usize>() * case.input[3];
        let x = random(batch * case.input.iter().product::<usize>(), 1);
        let w = packed(k, case.filters, &random(k * case.filters, 2));
        let bias = random(case.filters, 3);
        let outputs = batch * layer.output().iter().product::<usize>();
        let run = |layer: &Conv3d| {
            let (mut scratch, mut out) =
                (vec![f32::NAN; layer.scratch_len(batch)], vec![0.0; outputs]);
            conv3d(
                &Threads::single(),
                layer,
                &x,
                &w,
                Some(&bias),
                None,
                &mut scratch,
                &mut out,
            );
            out
        };
        for isa in Isa::available() {
            isa.force(|| {
                let tiles = layer.register_tiles(batch);
                assert!(!tiles.is_empty());
                for tile in tiles {
                    let with = run(&layer.register_tile(tile));
                    assert_eq!(with, run(&layer), "{case:?} with {tile:?} on {isa:?}");
                }
            });
        }
    }
}

#[test]
fn scratch_follows_the_documented_formula() {
    let layer = Conv2d::new([56, 56, 64], 64, [3, 3]).pads([1, 1, 1, 1]);
    assert_eq!(layer.scratch_len(4), 58 * 58 * 64);
    let layer = Conv2d::new([7, 7, 64], 64, [3, 3]).pads([1, 1, 1, 1]);
    assert_eq!(layer.scratch_len(4), 4 * 81 * 64);
    assert_eq!(layer.scratch_len(100), 65536 / (81 * 64) * (81 * 64));
    assert_eq!(Conv2d::new([7, 7, 64], 64, [1, 1]).scratch_len(100), 0);
}

#[test]
#[should_panic(expected = "conv2d: the scratch memory has 0 elements, fewer than 75")]
fn missing_scratch_is_refused() {
    let layer = Conv2d::new([3, 3, 3], 2, [3, 3]).pads([1, 1, 1, 1]);
    let weights = vec![0.0; layer.weights_len()];
    let mut out = [0.0; 18];
    conv2d(
        &Threads::single(),
        &layer,
        &[0.0; 27],
        &weights,
        None,
        None,
        &mut [],
        &mut out,
    );
}
