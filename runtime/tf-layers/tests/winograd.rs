//! Winograd's convolution against a naive loop in f64.

mod common;

use common::{ACTIVATIONS, activation, check, packed, random};
use tf_layers::{Activation, Conv2d, Threads, WinogradConv2d, conv2d_winograd};

/// `G g Gᵀ` for each channel and filter of `w` [3, 3, channels, filters], packed: a matrix for each point.
fn transformed(tile: usize, channels: usize, filters: usize, w: &[f32]) -> Vec<f32> {
    let points: &[f64] = match tile {
        2 => &[0.0, 1.0, -1.0],
        _ => &[0.0, 0.625, -0.625, 1.5, -1.5],
    };
    let mut rows: Vec<[f64; 3]> = points
        .iter()
        .map(|a| {
            let others = points.iter().filter(|b| *b != a);
            let product: f64 = others.map(|b| a - b).product();
            [1.0, *a, a * a].map(|x| x / product)
        })
        .collect();
    rows.push([0.0, 0.0, 1.0]);
    let mut weights = Vec::new();
    for y in &rows {
        for x in &rows {
            let matrix: Vec<f32> = (0..channels * filters)
                .map(|at| {
                    let tap = |i: usize| f64::from(w[i * channels * filters + at]);
                    (0..9).map(|i| y[i / 3] * tap(i) * x[i % 3]).sum::<f64>() as f32
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
    pads: [usize; 4],
    activation: Activation,
    residual: bool,
}

const CASE: Case = Case {
    batch: 2,
    size: [9, 11],
    channels: 5,
    filters: 7,
    pads: [1; 4],
    activation: Activation::None,
    residual: false,
};

impl Case {
    fn layer(&self) -> Conv2d {
        let [height, width] = self.size;
        Conv2d::new([height, width, self.channels], self.filters, [3, 3])
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
            for tap in 0..9 {
                let inside = |position: usize, pad: usize, size: usize| {
                    position
                        .checked_sub(pad)
                        .filter(|position| *position < size)
                };
                let line = inside(y + tap / 3, self.pads[0], self.size[0]);
                let column = inside(column + tap % 3, self.pads[1], self.size[1]);
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

    /// Both sizes of tiles.
    #[track_caller]
    fn check(self) {
        let outputs = self.batch * self.layer().output().iter().product::<usize>();
        let x = random(self.batch * self.size[0] * self.size[1] * self.channels, 1);
        // Sums of the size of the bias, so that activations do not enlarge their errors.
        let size = (9 * self.channels) as f32;
        let w = random(9 * self.channels * self.filters, 2);
        let w: Vec<f32> = w.iter().map(|w| w * 3.0 / size.sqrt()).collect();
        let bias = random(self.filters, 3);
        let residual = self.residual.then(|| random(outputs, 4));
        let expected = self.naive(&x, &w, &bias, residual.as_deref());
        for tile in [2, 4] {
            let layer = WinogradConv2d::new(self.layer(), tile);
            let weights = transformed(tile, self.channels, self.filters, &w);
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
#[should_panic(expected = "the filters are not 3×3")]
fn strided() {
    WinogradConv2d::new(CASE.layer().strides([2, 1]), 4);
}
