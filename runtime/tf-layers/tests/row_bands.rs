//! Layers in bands of lines against the same layers one by one: the bits are the same. The mean of the last result is
//! compared with that in f64, and has the same bits for all bands and threads.

mod common;

use common::{assert_close, check_columns, packed, random};
use tf_layers::simd::Isa;
use tf_layers::{
    Activation, Conv2d, DepthwiseConv2d, RowBands, Stage, Threads, conv2d, depthwise_conv2d,
    row_bands,
};

/// A layer with the elements of its input, its result and a line of that, its weights and its bias.
struct Layer {
    stage: Stage,
    input: usize,
    output: [usize; 3],
    weights: Vec<f32>,
    bias: Option<Vec<f32>>,
}

fn conv(input: [usize; 3], filters: usize, kernel: [usize; 2], layer: Conv2d) -> Layer {
    let k = kernel[0] * kernel[1] * input[2];
    Layer {
        stage: Stage::Conv2d(layer),
        input: input.iter().product(),
        output: layer.output(),
        weights: packed(k, filters, &random(k * filters, 2)),
        bias: (filters != 7).then(|| random(filters, 3)),
    }
}

fn depthwise(input: [usize; 3], kernel: [usize; 2], layer: DepthwiseConv2d) -> Layer {
    let output = layer.output();
    Layer {
        stage: Stage::DepthwiseConv2d(layer),
        input: input.iter().product(),
        output,
        weights: random(kernel[0] * kernel[1] * output[2], 4),
        bias: Some(random(output[2], 5)),
    }
}

impl Layer {
    fn run(
        &self,
        threads: &Threads,
        x: &[f32],
        batch: usize,
        residual: Option<&[f32]>,
    ) -> Vec<f32> {
        let mut out = vec![f32::NAN; batch * self.output.iter().product::<usize>()];
        let bias = self.bias.as_deref();
        match &self.stage {
            Stage::Conv2d(layer) => {
                let mut scratch = vec![f32::NAN; layer.scratch_len(batch)];
                let weights = &self.weights;
                conv2d(
                    threads,
                    layer,
                    x,
                    weights,
                    bias,
                    residual,
                    &mut scratch,
                    &mut out,
                );
            }
            Stage::DepthwiseConv2d(layer) => {
                depthwise_conv2d(threads, layer, x, &self.weights, bias, &mut out);
            }
        }
        out
    }
}

/// The layers in bands of every height, with one and two threads, on every instruction set.
#[track_caller]
fn check<const N: usize>(batch: usize, layers: [Layer; N]) {
    let x = random(batch * layers[0].input, 1);
    let outputs = batch * layers[N - 1].output.iter().product::<usize>();
    let takes_residual = matches!(layers[N - 1].stage, Stage::Conv2d(_));
    let residuals = [None, takes_residual.then(|| random(outputs, 6))];
    let stages = layers.each_ref().map(|layer| layer.stage);
    let longest = RowBands::new(stages, layers[N - 1].output[0]).scratch_len();
    // The workers have no scratch memory, or enough for bands of their own.
    let enough = [2, 3].map(|count| Threads::new(count).with_scratch(longest));
    let threads = [1, 2, 3].map(Threads::new).into_iter().chain(enough);
    let threads: Vec<_> = threads.collect();
    for residual in residuals.iter().map(Option::as_deref) {
        for isa in Isa::available() {
            isa.force(|| {
                let mut expected = x.clone();
                for (i, layer) in layers.iter().enumerate() {
                    let residual = residual.filter(|_| i == N - 1);
                    expected = layer.run(&threads[0], &expected, batch, residual);
                }
                let mut mean_of_one_line: Option<Vec<f32>> = None;
                for rows in 1..=layers[N - 1].output[0] + 1 {
                    let p = RowBands::new(stages, rows);
                    let cases = threads.iter().flat_map(|t| [(t, p), (t, p.mean())]);
                    for (threads, p) in cases {
                        let mut scratch = vec![f32::NAN; p.scratch_len()];
                        let mut out = vec![f32::NAN; outputs];
                        let operands = layers
                            .each_ref()
                            .map(|layer| (&layer.weights[..], layer.bias.as_deref()));
                        let means = batch * layers[N - 1].output[2];
                        let mut mean = (p == p.mean()).then(|| vec![f32::NAN; means]);
                        row_bands(
                            threads,
                            &p,
                            &x,
                            operands,
                            residual,
                            &mut scratch,
                            &mut out,
                            mean.as_deref_mut(),
                        );
                        assert!(
                            out == expected,
                            "bands of {rows} lines give other bits on {isa:?}: {stages:?}"
                        );
                        if let Some(mean) = mean {
                            let first = mean_of_one_line.get_or_insert_with(|| mean.clone());
                            assert_eq!(
                                mean, *first,
                                "bands of {rows} lines give another mean on {isa:?}: {stages:?}"
                            );
                        }
                    }
                }
                let exact = exact_mean(&expected, layers[N - 1].output);
                let mean = mean_of_one_line.unwrap_or_default();
                assert_close(&mean, &exact, &(isa, stages));
            });
        }
    }
}

/// The mean over height and width of images of [height, width, channels].
fn exact_mean(images: &[f32], [height, width, channels]: [usize; 3]) -> Vec<f64> {
    let pixels = height * width;
    images
        .chunks_exact(pixels * channels)
        .flat_map(|image| {
            (0..channels).map(move |channel| {
                let values = image.iter().skip(channel).step_by(channels);
                values.map(|&x| f64::from(x)).sum::<f64>() / pixels as f64
            })
        })
        .collect()
}

/// 1×1, depthwise, 1×1: an inverted residual block.
#[track_caller]
fn check_block(
    size: [usize; 2],
    kernel: [usize; 2],
    layer: impl Fn(DepthwiseConv2d) -> DepthwiseConv2d,
) {
    let input = [size[0], size[1], 5];
    let expand = conv(
        input,
        21,
        [1, 1],
        Conv2d::new(input, 21, [1, 1]).activation(Activation::Relu6),
    );
    let between = depthwise(
        expand.output,
        kernel,
        layer(DepthwiseConv2d::new(expand.output, kernel)).activation(Activation::Swish),
    );
    let project = conv(
        between.output,
        7,
        [1, 1],
        Conv2d::new(between.output, 7, [1, 1]),
    );
    check(2, [expand, between, project]);
}

#[test]
fn inverted_residual_blocks() {
    check_block([9, 6], [3, 3], |p| p.pads([1, 1, 1, 1]));
    check_block([9, 6], [3, 3], |p| p.strides([2, 2]).pads([0, 0, 1, 1]));
    check_block([12, 7], [5, 5], |p| p.strides([2, 2]).pads([2, 2, 2, 2]));
    check_block([10, 5], [3, 3], |p| p.dilations([2, 2]).pads([2, 2, 2, 2]));
    check_block([8, 4], [2, 3], |p| p.strides([1, 2]));
    check_block([7, 3], [7, 3], |p| p.pads([6, 1, 6, 1]));
}

/// Strides larger than the window leave lines out.
#[test]
fn lines_that_nobody_reads() {
    check_block([11, 4], [1, 1], |p| p.strides([3, 1]));
    check_block([11, 4], [2, 2], |p| p.strides([4, 1]).pads([1, 0, 0, 1]));
}

#[test]
fn convolutions_with_padding() {
    let image = [15, 12, 3];
    let stem = conv(
        image,
        8,
        [3, 3],
        Conv2d::new(image, 8, [3, 3])
            .strides([2, 2])
            .pads([0, 0, 1, 1])
            .activation(Activation::HardSwish),
    );
    let second = conv(
        stem.output,
        18,
        [3, 2],
        Conv2d::new(stem.output, 18, [3, 2]).pads([1, 0, 1, 1]),
    );
    let third = depthwise(
        second.output,
        [3, 3],
        DepthwiseConv2d::new(second.output, [3, 3])
            .multiplier(2)
            .pads([1, 1, 1, 1]),
    );
    check(3, [stem, second, third]);
}

/// The last layer writes columns of a wider output, and nothing else of it.
#[test]
fn columns_of_the_output() {
    let image = [9, 6, 5];
    let wide = DepthwiseConv2d::new(image, [3, 3]).pads([1, 1, 1, 1]);
    let layers = |project: Conv2d| {
        [
            depthwise(image, [3, 3], wide),
            conv(image, 7, [1, 1], project),
        ]
    };
    let (x, residual) = (random(2 * 9 * 6 * 5, 1), random(2 * 9 * 6 * 7, 2));
    let run = |project: Conv2d, wide: &mut [f32]| {
        let layers = layers(project);
        let p = RowBands::new(layers.each_ref().map(|layer| layer.stage), 4);
        let mut scratch = vec![f32::NAN; p.scratch_len()];
        let operands = layers
            .each_ref()
            .map(|layer| (&layer.weights[..], layer.bias.as_deref()));
        let threads = Threads::single();
        row_bands(
            &threads,
            &p,
            &x,
            operands,
            Some(&residual),
            &mut scratch,
            wide,
            None,
        );
    };
    for isa in Isa::available() {
        isa.force(|| {
            let project = Conv2d::new(image, 7, [1, 1]);
            let mut expected = vec![f32::NAN; 2 * 9 * 6 * 7];
            run(project, &mut expected);
            check_columns(&isa, 7, &expected, None, &|first, of, out| {
                run(project.columns(first, of), out);
            });
        });
    }
}

#[test]
fn one_layer_and_no_images() {
    let image = [6, 5, 4];
    let layer = Conv2d::new(image, 7, [3, 3]).pads([1, 1, 1, 1]);
    check(2, [conv(image, 7, [3, 3], layer)]);
    check(0, [conv(image, 7, [3, 3], layer)]);
}

#[test]
#[should_panic(expected = "another size")]
fn layers_that_do_not_fit() {
    let stages = [[6, 5, 4], [6, 5, 5]].map(|x| Stage::Conv2d(Conv2d::new(x, 4, [1, 1])));
    let _ = RowBands::new(stages, 1);
}

#[test]
#[should_panic(expected = "scratch memory has")]
fn too_little_scratch() {
    let stages = [[6, 5, 4]; 2].map(|x| Stage::Conv2d(Conv2d::new(x, 4, [1, 1])));
    let p = RowBands::new(stages, 2);
    let (mut scratch, mut out) = (vec![0.0; p.scratch_len() - 1], [0.0; 120]);
    let (w, x) = (packed(4, 4, &random(16, 1)), [0.0; 120]);
    row_bands(
        &Threads::single(),
        &p,
        &x,
        [(&w, None), (&w, None)],
        None,
        &mut scratch,
        &mut out,
        None,
    );
}

#[test]
#[should_panic(expected = "the mean is not 4 elements for each image")]
fn a_mean_of_another_length() {
    let image = [6, 5, 4];
    let p = RowBands::new([Stage::Conv2d(Conv2d::new(image, 4, [1, 1]))], 2).mean();
    let (mut scratch, mut out) = (vec![0.0; p.scratch_len()], [0.0; 120]);
    let (w, x, mut mean) = (packed(4, 4, &random(16, 1)), [0.0; 120], [0.0; 3]);
    row_bands(
        &Threads::single(),
        &p,
        &x,
        [(&w, None)],
        None,
        &mut scratch,
        &mut out,
        Some(&mut mean),
    );
}

#[test]
#[should_panic(expected = "the mean of columns of a wider output")]
fn a_mean_of_columns() {
    let layer = Conv2d::new([6, 5, 4], 4, [1, 1]).columns(2, 8);
    let _ = RowBands::new([Stage::Conv2d(layer)], 2).mean();
}
