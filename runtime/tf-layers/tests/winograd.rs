//! Winograd's convolution against a naive loop in f64.

mod common;

use common::{ACTIVATIONS, activation, check, packed, random};
use tf_layers::{
    Activation, Conv1d, Conv2d, Threads, WinogradConv1d, WinogradConv2d, conv1d_winograd,
    conv2d_winograd,
};

/// `G` for filters of `taps` taps and tiles of `tile` pixels.
fn points(tile: usize, taps: usize) -> Vec<Vec<f64>> {
    if taps == 1 {
        return vec![vec![1.0]];
    }
    let points: &[f64] = match tile + taps - 1 {
        4 => &[0.0, 1.0, -1.0],
        6 => &[0.0, 0.625, -0.625, 1.5, -1.5],
        _ => &[0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0],
    };
    let mut rows: Vec<Vec<f64>> = points
        .iter()
        .map(|a| {
            let others = points.iter().filter(|b| *b != a);
            let product: f64 = others.map(|b| a - b).product();
            (0..taps)
                .map(|power| a.powi(power as i32) / product)
                .collect()
        })
        .collect();
    let mut last = vec![0.0; taps];
    last[taps - 1] = 1.0;
    rows.push(last);
    rows
}

/// `G g Gᵀ` for each channel and filter of `w` [kernel, channels, filters], packed: a matrix for each point.
fn transformed(
    tile: usize,
    kernel: [usize; 2],
    channels: usize,
    filters: usize,
    w: &[f32],
) -> Vec<f32> {
    let [down, across] = kernel.map(|taps| points(tile, taps));
    let mut weights = Vec::new();
    for y in &down {
        for x in &across {
            let matrix: Vec<f32> = (0..channels * filters)
                .map(|at| {
                    let tap = |i: usize| f64::from(w[i * channels * filters + at]);
                    let taps = 0..kernel[0] * kernel[1];
                    taps.map(|i| y[i / kernel[1]] * tap(i) * x[i % kernel[1]])
                        .sum::<f64>() as f32
                })
                .collect();
            weights.extend(packed(channels, filters, &matrix));
        }
    }
    weights
}

/// A convolution, by its numbers: pads are [top, left, bottom, right].
#[derive(Debug, Clone, Copy)]
struct Case {
    batch: usize,
    size: [usize; 2],
    channels: usize,
    filters: usize,
    kernel: [usize; 2],
    pads: [usize; 4],
    activation: Activation,
    residual: bool,
}

const CASE: Case = Case {
    batch: 2,
    size: [9, 11],
    channels: 5,
    filters: 7,
    kernel: [3, 3],
    pads: [1; 4],
    activation: Activation::None,
    residual: false,
};

impl Case {
    fn layer(&self) -> Conv2d {
        let [height, width] = self.size;
        Conv2d::new([height, width, self.channels], self.filters, self.kernel)
            .pads(self.pads)
            .activation(self.activation)
    }

    fn naive(&self, x: &[f32], w: &[f32], bias: &[f32], residual: Option<&[f32]>) -> Vec<f64> {
        let [height, width, filters] = self.layer().output();
        let mut expected = Vec::new();
        for at in 0..self.batch * height * width * filters {
            let (f, pixel) = (at % filters, at / filters);
            let (column, y, image) = (
                pixel % width,
                pixel / width % height,
                pixel / width / height,
            );
            let mut sum = f64::from(bias[f]);
            for tap in 0..self.kernel[0] * self.kernel[1] {
                let inside = |position: usize, pad: usize, size: usize| {
                    position
                        .checked_sub(pad)
                        .filter(|position| *position < size)
                };
                let line = inside(y + tap / self.kernel[1], self.pads[0], self.size[0]);
                let column = inside(column + tap % self.kernel[1], self.pads[1], self.size[1]);
                let (Some(line), Some(column)) = (line, column) else {
                    continue;
                };
                let pixel = ((image * self.size[0] + line) * self.size[1] + column) * self.channels;
                for c in 0..self.channels {
                    let weight = w[(tap * self.channels + c) * filters + f];
                    sum += f64::from(x[pixel + c]) * f64::from(weight);
                }
            }
            sum += residual.map_or(0.0, |residual| f64::from(residual[at]));
            expected.push(activation(self.activation, sum));
        }
        expected
    }

    /// All sizes of tiles.
    #[track_caller]
    fn check(self) {
        let outputs = self.batch * self.layer().output().iter().product::<usize>();
        let x = random(self.batch * self.size[0] * self.size[1] * self.channels, 1);
        // Sums of the size of the bias, so that activations do not enlarge their errors.
        let taps = self.kernel[0] * self.kernel[1];
        let size = (taps * self.channels) as f32;
        let w = random(taps * self.channels * self.filters, 2);
        let w: Vec<f32> = w.iter().map(|w| w * 3.0 / size.sqrt()).collect();
        let bias = random(self.filters, 3);
        let residual = self.residual.then(|| random(outputs, 4));
        let expected = self.naive(&x, &w, &bias, residual.as_deref());
        for tile in [2, 4] {
            if self.kernel == [1, 5] && tile == 2 {
                continue;
            }
            let layer = WinogradConv2d::new(self.layer(), tile);
            let weights = transformed(tile, self.kernel, self.channels, self.filters, &w);
            assert_eq!(weights.len(), layer.weights_len());
            if let Some(residual) = &residual {
                self.check_in_columns(tile, &x, &weights, &bias, residual, &expected);
            }
            check(&(tile, self), &expected, &|threads, out| {
                let mut scratch = vec![f32::NAN; layer.scratch_len(self.batch)];
                let (bias, residual) = (Some(bias.as_slice()), residual.as_deref());
                conv2d_winograd(
                    threads,
                    &layer,
                    &x,
                    &weights,
                    bias,
                    residual,
                    &mut scratch,
                    out,
                );
            });
        }
    }
}

impl Case {
    /// The residual lies in columns of the output, whose other columns stay as they are.
    fn check_in_columns(
        self,
        tile: usize,
        x: &[f32],
        weights: &[f32],
        bias: &[f32],
        residual: &[f32],
        expected: &[f64],
    ) {
        let (first, of) = (3, self.filters + 8);
        let layer = WinogradConv2d::new(self.layer().accumulate().columns(first, of), tile);
        let what = ("columns", tile, self);
        check(&what, expected, &|threads, out| {
            let mut scratch = vec![f32::NAN; layer.scratch_len(self.batch)];
            let mut wide = vec![7.0; out.len() / self.filters * of];
            let inside = first..first + self.filters;
            for (row, residual) in wide.chunks_mut(of).zip(residual.chunks(self.filters)) {
                row[inside.clone()].copy_from_slice(residual);
            }
            let bias = Some(bias);
            conv2d_winograd(
                threads,
                &layer,
                x,
                weights,
                bias,
                None,
                &mut scratch,
                &mut wide,
            );
            for (row, out) in wide.chunks_mut(of).zip(out.chunks_mut(self.filters)) {
                out.copy_from_slice(&row[inside.clone()]);
                row[inside.clone()].fill(7.0);
                assert!(row.iter().all(|x| *x == 7.0));
            }
        });
    }
}

#[test]
fn around_every_tail_of_tiles() {
    for height in 1..=9 {
        for width in 1..=9 {
            let size = [height, width];
            Case { size, ..CASE }.check();
        }
    }
}

#[test]
fn around_every_tail_of_channels_and_filters() {
    for channels in [1, 3, 4, 8, 15, 16, 17, 32, 33] {
        for filters in [1, 4, 7, 16, 18, 32, 47] {
            let case = Case {
                channels,
                filters,
                ..CASE
            };
            case.check();
        }
    }
}

#[test]
fn filters_of_one_line() {
    for kernel in [[1, 3], [1, 5]] {
        for width in 1..=18 {
            let size = [2, width];
            for pads in [[0, 2, 0, 2], [0, 4, 0, 0], [1, 2, 0, 3]] {
                let (channels, filters) = (17, 33);
                Case {
                    size,
                    kernel,
                    channels,
                    filters,
                    pads,
                    ..CASE
                }
                .check();
            }
        }
        Case {
            size: [1, 250],
            kernel,
            pads: [0, 2, 0, 2],
            activation: Activation::Sigmoid,
            residual: true,
            ..CASE
        }
        .check();
    }
}

/// A sequence is an image of one line.
#[test]
fn sequences() {
    let (length, channels, filters) = (23, 6, 18);
    let (x, w) = (
        random(3 * length * channels, 1),
        random(5 * channels * filters, 2),
    );
    let weights = transformed(4, [1, 5], channels, filters, &w);
    let conv = Conv1d::new([length, channels], filters, 5).pads([4, 0]);
    let layer = WinogradConv1d::new(conv, 4);
    let case = Case {
        batch: 3,
        size: [1, length],
        channels,
        filters,
        kernel: [1, 5],
        pads: [0, 4, 0, 0],
        ..CASE
    };
    let expected = case.naive(&x, &w, &[0.0; 18], None);
    assert_eq!(weights.len(), layer.weights_len());
    check(&"sequences", &expected, &|threads, out| {
        let mut scratch = vec![f32::NAN; layer.scratch_len(3)];
        conv1d_winograd(threads, &layer, &x, &weights, None, None, &mut scratch, out);
    });
}

#[test]
fn every_padding() {
    for pads in [
        [0; 4],
        [0, 0, 1, 1],
        [1, 0, 0, 2],
        [2, 2, 2, 2],
        [0, 4, 5, 0],
        [7, 1, 0, 9],
    ] {
        Case { pads, ..CASE }.check();
    }
}

#[test]
fn bias_residual_and_activation() {
    for activation in ACTIVATIONS {
        for residual in [false, true] {
            let (channels, filters) = (20, 33);
            Case {
                activation,
                residual,
                channels,
                filters,
                ..CASE
            }
            .check();
        }
    }
}

#[test]
fn tiles_of_many_blocks_and_images() {
    for (batch, size) in [
        (1, [56, 28]),
        (3, [14, 14]),
        (7, [7, 7]),
        (40, [4, 4]),
        (0, [5, 5]),
    ] {
        let (channels, filters) = (24, 40);
        Case {
            batch,
            size,
            channels,
            filters,
            ..CASE
        }
        .check();
    }
}

#[test]
#[should_panic(expected = "the scratch memory has 0 elements")]
fn too_little_scratch() {
    let layer = WinogradConv2d::new(CASE.layer(), 2);
    let weights = vec![0.0; layer.weights_len()];
    let (x, mut out) = ([0.0; 9 * 11 * 5], [0.0; 9 * 11 * 7]);
    conv2d_winograd(
        &Threads::single(),
        &layer,
        &x,
        &weights,
        None,
        None,
        &mut [],
        &mut out,
    );
}

#[test]
#[should_panic(expected = "WinogradConv2d: the image is cropped")]
fn cropped() {
    WinogradConv2d::new(CASE.layer().crop([1, 0, 0, 0]), 2);
}

#[test]
#[should_panic(expected = "strides, dilations or groups are not 1")]
fn strided() {
    WinogradConv2d::new(CASE.layer().strides([2, 1]), 4);
}
