//! Layers that own their weights, beside their equations.

mod common;

use common::{activation, assert_close, random};
use tf_layers::layers::{
    Add, Average, AveragePooling1d, AveragePooling2d, BatchNormalization, Concatenate, Conv1d,
    Conv1dOptions, Conv2d, Conv2dOptions, Dense, DepthwiseConv2d, Embedding,
    GlobalAveragePooling1d, GlobalAveragePooling2d, GlobalMaxPooling1d, GlobalMaxPooling2d,
    MaxPooling1d, MaxPooling2d, Maximum, Minimum, Multiply, Padding, Softmax, Subtract,
    ThresholdedRelu,
};
use tf_layers::{Activation, Error};

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| x.into()).collect()
}

#[test]
fn dense() {
    for (batch, inputs, units) in [(1, 1, 1), (3, 5, 7), (2, 40, 33)] {
        let (x, w, b) = (
            random(batch * inputs, 1),
            random(inputs * units, 2),
            random(units, 3),
        );
        for bias in [None, Some(&b[..])] {
            let layer = Dense::new(&w, [inputs, units], bias, Activation::Tanh).unwrap();
            let expected: Vec<f64> = (0..batch * units)
                .map(|i| {
                    let (row, unit) = (i / units, i % units);
                    let products = (0..inputs)
                        .map(|k| f64::from(x[row * inputs + k]) * f64::from(w[k * units + unit]));
                    let sum = products.sum::<f64>() + bias.map_or(0.0, |b| b[unit].into());
                    activation(Activation::Tanh, sum)
                })
                .collect();
            assert_close(&layer.apply(&x).unwrap(), &expected, &"dense");
        }
    }
}

/// The taps of a window around each result of a sequence, where they lie inside.
fn windows(
    steps: usize,
    taps: usize,
    dilation: usize,
    stride: usize,
    padding: Padding,
) -> Vec<Vec<(usize, usize)>> {
    let window = (taps - 1) * dilation + 1;
    let (before, results) = match padding {
        Padding::Valid => (0, (steps + stride).saturating_sub(window) / stride),
        Padding::Causal => (window - 1, steps.div_ceil(stride)),
        Padding::Same => {
            let results = steps.div_ceil(stride);
            (
                ((results - 1) * stride + window).saturating_sub(steps) / 2,
                results,
            )
        }
    };
    let inside = |result: usize| {
        (0..taps)
            .filter_map(|tap| {
                let at = (result * stride + tap * dilation).checked_sub(before)?;
                (at < steps).then_some((tap, at))
            })
            .collect()
    };
    (0..results).map(inside).collect()
}

#[test]
fn conv1d() {
    let (batch, steps, filters) = (2, 11, 6);
    for padding in [Padding::Valid, Padding::Same, Padding::Causal] {
        for (taps, strides, dilation_rate, groups) in [
            (1, 1, 1, 1),
            (3, 1, 1, 2),
            (3, 2, 1, 1),
            (4, 3, 1, 3),
            (3, 1, 2, 1),
            (2, 2, 3, 2),
        ] {
            let options = Conv1dOptions {
                strides,
                dilation_rate,
                groups,
                padding,
            };
            let (part, columns) = (2, filters / groups);
            let channels = part * groups;
            let (x, w) = (
                random(batch * steps * channels, 1),
                random(taps * part * filters, 2),
            );
            let bias = random(filters, 3);
            let layer = Conv1d::new(
                &w,
                [taps, part, filters],
                Some(&bias),
                Activation::Relu,
                options,
            )
            .unwrap();
            let mut expected = Vec::new();
            for example in 0..batch {
                for window in windows(steps, taps, dilation_rate, strides, padding) {
                    for f in 0..filters {
                        let mut sum = f64::from(bias[f]);
                        for &(tap, at) in &window {
                            for c in 0..part {
                                let channel = f / columns * part + c;
                                let element = x[(example * steps + at) * channels + channel];
                                sum += f64::from(element)
                                    * f64::from(w[(tap * part + c) * filters + f]);
                            }
                        }
                        expected.push(sum.max(0.0));
                    }
                }
            }
            assert_close(&layer.apply(&x, steps).unwrap(), &expected, &options);
        }
    }
}

/// The taps of a window around each pixel of an image: [tap, position] of each axis.
fn windows_2d(
    size: [usize; 2],
    taps: [usize; 2],
    options: &Conv2dOptions,
) -> Vec<Vec<[(usize, usize); 2]>> {
    let along = |axis: usize| {
        let (stride, dilation) = (options.strides[axis], options.dilation_rate[axis]);
        windows(size[axis], taps[axis], dilation, stride, options.padding)
    };
    let (rows, columns) = (along(0), along(1));
    let window = |row: &Vec<(usize, usize)>, column: &Vec<(usize, usize)>| {
        row.iter()
            .flat_map(|&y| column.iter().map(move |&x| [y, x]))
            .collect()
    };
    rows.iter()
        .flat_map(|row| columns.iter().map(move |column| window(row, column)))
        .collect()
}

/// Strides, dilations and groups, with both kinds of padding.
fn options_2d() -> impl Iterator<Item = Conv2dOptions> {
    let kinds = [
        ([1, 1], [1, 1], 1),
        ([2, 1], [1, 1], 2),
        ([2, 3], [1, 1], 1),
        ([1, 1], [2, 1], 3),
    ];
    [Padding::Valid, Padding::Same]
        .into_iter()
        .flat_map(move |padding| {
            kinds.map(|(strides, dilation_rate, groups)| Conv2dOptions {
                strides,
                dilation_rate,
                groups,
                padding,
            })
        })
}

#[test]
fn conv2d() {
    let (batch, size, taps, filters) = (2, [7, 6], [3, 2], 6);
    for options in options_2d() {
        let (part, columns) = (2, filters / options.groups);
        let channels = part * options.groups;
        let x = random(batch * size[0] * size[1] * channels, 1);
        let w = random(taps[0] * taps[1] * part * filters, 2);
        let bias = random(filters, 3);
        let mut expected = Vec::new();
        for example in 0..batch {
            for window in windows_2d(size, taps, &options) {
                for f in 0..filters {
                    let mut sum = f64::from(bias[f]);
                    for &[(i, y), (j, z)] in &window {
                        for c in 0..part {
                            let pixel = (example * size[0] + y) * size[1] + z;
                            let element = x[pixel * channels + f / columns * part + c];
                            let weight = w[((i * taps[1] + j) * part + c) * filters + f];
                            sum += f64::from(element) * f64::from(weight);
                        }
                    }
                    expected.push(sum.max(0.0));
                }
            }
        }
        let (shape, relu) = ([taps[0], taps[1], part, filters], Activation::Relu);
        let layer = Conv2d::new(&w, shape, Some(&bias), relu, options).unwrap();
        assert_close(&layer.apply(&x, size).unwrap(), &expected, &options);
    }
}

#[test]
fn depthwise_conv2d() {
    let (batch, size, taps, channels, multiplier) = (2, [7, 6], [3, 2], 3, 2);
    let x = random(batch * size[0] * size[1] * channels, 1);
    let w = random(taps[0] * taps[1] * channels * multiplier, 2);
    for options in options_2d() {
        let options = Conv2dOptions {
            groups: 1,
            ..options
        };
        let mut expected = Vec::new();
        for example in 0..batch {
            for window in windows_2d(size, taps, &options) {
                for f in 0..channels * multiplier {
                    let products = window.iter().map(|&[(i, y), (j, z)]| {
                        let pixel = (example * size[0] + y) * size[1] + z;
                        let tap = (i * taps[1] + j) * channels * multiplier;
                        f64::from(x[pixel * channels + f / multiplier]) * f64::from(w[tap + f])
                    });
                    expected.push(products.sum());
                }
            }
        }
        let shape = [taps[0], taps[1], channels, multiplier];
        let layer = DepthwiseConv2d::new(&w, shape, None, Activation::None, options).unwrap();
        assert_close(&layer.apply(&x, size).unwrap(), &expected, &options);
    }
}

#[test]
fn pools_of_images() {
    let (batch, size, window, channels) = (2, [7, 6], [3, 2], 3);
    let x = random(batch * size[0] * size[1] * channels, 1);
    let elements = |example: usize, window: &[[(usize, usize); 2]], c: usize| -> Vec<f64> {
        let at = |y, z| ((example * size[0] + y) * size[1] + z) * channels + c;
        window
            .iter()
            .map(|&[(_, y), (_, z)]| x[at(y, z)].into())
            .collect()
    };
    let expected = |windows: &[Vec<[(usize, usize); 2]>]| -> [Vec<f64>; 2] {
        let (mut largest, mut means) = (Vec::new(), Vec::new());
        for example in 0..batch {
            for window in windows {
                for c in 0..channels {
                    let elements = elements(example, window, c);
                    largest.push(elements.iter().copied().fold(f64::MIN, f64::max));
                    means.push(elements.iter().sum::<f64>() / elements.len() as f64);
                }
            }
        }
        [largest, means]
    };
    for options in options_2d().filter(|options| options.dilation_rate == [1, 1]) {
        let (strides, padding) = (options.strides, options.padding);
        let [largest, means] = expected(&windows_2d(size, window, &options));
        let max = MaxPooling2d::new(channels, window, strides, padding).unwrap();
        assert_close(&max.apply(&x, size).unwrap(), &largest, &options);
        let average = AveragePooling2d::new(channels, window, strides, padding).unwrap();
        assert_close(&average.apply(&x, size).unwrap(), &means, &options);
    }
    let [largest, means] = expected(&windows_2d(size, size, &Conv2dOptions::default()));
    let max = GlobalMaxPooling2d::new(channels).unwrap();
    assert_close(&max.apply(&x, size).unwrap(), &largest, &"global max");
    let average = GlobalAveragePooling2d::new(channels).unwrap();
    assert_close(&average.apply(&x, size).unwrap(), &means, &"global average");
}

#[test]
fn merging() {
    let (a, b) = (random(37, 1), random(37, 2));
    macro_rules! check {
        ($($layer:ident: $function:expr;)+) => { $({
            let function: fn(f64, f64) -> f64 = $function;
            let expected: Vec<f64> =
                a.iter().zip(&b).map(|(&a, &b)| function(a.into(), b.into())).collect();
            let out = $layer.apply(&a, &b).unwrap();
            assert_close(&out, &expected, &stringify!($layer));
            let mut in_place = a.clone();
            $layer.apply_mut(&mut in_place, &b).unwrap();
            assert_eq!(in_place, out);
            let short = Error::WrongLength { name: "b", expected: 37, got: 36 };
            assert_eq!($layer.apply(&a, &b[1..]).unwrap_err(), short);
            assert_eq!($layer.apply_mut(&mut in_place, &b[1..]).unwrap_err(), short);
        })+ };
    }
    check! {
        Add: |a, b| a + b;
        Subtract: |a, b| a - b;
        Multiply: |a, b| a * b;
        Average: |a, b| (a + b) / 2.0;
        Maximum: f64::max;
        Minimum: f64::min;
    }
    assert!(
        Maximum.apply(&[f32::NAN, 1.0], &[1.0, f32::NAN]).unwrap()[..]
            .iter()
            .all(|x| x.is_nan())
    );
    let concatenate = Concatenate::new([2, 1]).unwrap();
    let out = concatenate
        .apply([&[1.0, 2.0, 4.0, 5.0], &[3.0, 6.0]])
        .unwrap();
    assert_eq!(out, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert!(concatenate.apply([&[1.0, 2.0], &[3.0, 6.0]]).is_err());
    assert!(concatenate.apply([&[1.0], &[3.0]]).is_err());
    assert!(Concatenate::new([2, 0]).is_err());
    assert!(Concatenate::new([]).is_err());
}

#[test]
fn thresholded_relu() {
    let mut x = [0.5, 0.7, 0.8, -1.0, f32::NAN];
    ThresholdedRelu::new(0.7).apply_mut(&mut x);
    assert_eq!(x[..4], [0.0, 0.0, 0.8, -0.0]);
    assert!(x[4].is_nan());
    assert_eq!(ThresholdedRelu::new(0.0).apply(&[-2.0, 2.0]), [-0.0, 2.0]);
}

/// A layer gives the same again in memory that it had before, whatever that holds.
#[test]
fn results_are_put_into_memory_that_is_reused() {
    fn check(apply: &dyn Fn(&mut Vec<f32>) -> Result<(), Error>, expected: &[f32]) {
        let mut out = vec![f32::NAN; 5];
        apply(&mut out).unwrap();
        assert_eq!(out, expected);
        let (memory, capacity) = (out.as_ptr(), out.capacity());
        out.fill(f32::NAN);
        apply(&mut out).unwrap();
        assert_eq!(out, expected);
        assert_eq!((out.as_ptr(), out.capacity()), (memory, capacity));
    }
    let x = random(48, 1);
    let w = random(24, 2);
    let none = Activation::None;
    let dense = Dense::new(&w, [4, 6], None, none).unwrap();
    check(&|out| dense.apply_into(&x, out), &dense.apply(&x).unwrap());
    let embedding = Embedding::new(&w, [6, 4]).unwrap();
    let rows = embedding.apply(&[5, 0]).unwrap();
    check(&|out| embedding.apply_into(&[5, 0], out), &rows);
    let options = Conv1dOptions {
        padding: Padding::Same,
        ..Conv1dOptions::default()
    };
    let conv = Conv1d::new(&w, [3, 2, 4], None, none, options).unwrap();
    let results = conv.apply(&x, 12).unwrap();
    check(&|out| conv.apply_into(&x, 12, out), &results);
    let options = Conv2dOptions {
        padding: Padding::Same,
        ..Conv2dOptions::default()
    };
    let conv = Conv2d::new(&w, [3, 2, 1, 4], None, none, options).unwrap();
    let results = conv.apply(&x, [4, 6]).unwrap();
    check(&|out| conv.apply_into(&x, [4, 6], out), &results);
    let pool = MaxPooling2d::new(2, [2, 2], [1, 1], Padding::Same).unwrap();
    let results = pool.apply(&x, [4, 6]).unwrap();
    check(&|out| pool.apply_into(&x, [4, 6], out), &results);
    check(
        &|out| Add.apply_into(&x, &x, out),
        &Add.apply(&x, &x).unwrap(),
    );
}

#[test]
fn pools() {
    let (batch, steps, channels) = (2, 10, 3);
    let x = random(batch * steps * channels, 1);
    for padding in [Padding::Valid, Padding::Same] {
        for (window, strides) in [(1, 1), (2, 2), (3, 1), (3, 2), (4, 5)] {
            let (mut largest, mut means) = (Vec::new(), Vec::new());
            for example in 0..batch {
                for taps in windows(steps, window, 1, strides, padding) {
                    for c in 0..channels {
                        let elements = taps
                            .iter()
                            .map(|&(_, at)| f64::from(x[(example * steps + at) * channels + c]));
                        largest.push(elements.clone().fold(f64::NEG_INFINITY, f64::max));
                        means.push(elements.sum::<f64>() / taps.len() as f64);
                    }
                }
            }
            let max = MaxPooling1d::new(channels, window, strides, padding).unwrap();
            assert_close(
                &max.apply(&x, steps).unwrap(),
                &largest,
                &("max", window, strides, padding),
            );
            let average = AveragePooling1d::new(channels, window, strides, padding).unwrap();
            assert_close(
                &average.apply(&x, steps).unwrap(),
                &means,
                &("average", window, strides, padding),
            );
        }
    }
    let of_example =
        |example: usize, c: usize| (0..steps).map(move |at| (example * steps + at) * channels + c);
    let all = (0..batch).flat_map(|example| (0..channels).map(move |c| (example, c)));
    let largest: Vec<f64> = all
        .clone()
        .map(|(e, c)| {
            of_example(e, c)
                .map(|i| f64::from(x[i]))
                .fold(f64::MIN, f64::max)
        })
        .collect();
    let means: Vec<f64> = all
        .map(|(e, c)| of_example(e, c).map(|i| f64::from(x[i])).sum::<f64>() / steps as f64)
        .collect();
    let max = GlobalMaxPooling1d::new(channels).unwrap();
    assert_close(&max.apply(&x, steps).unwrap(), &largest, &"global max");
    let average = GlobalAveragePooling1d::new(channels).unwrap();
    assert_close(
        &average.apply(&x, steps).unwrap(),
        &means,
        &"global average",
    );
}

#[test]
fn batch_normalization_and_softmax() {
    let (rows, channels) = (4, 19);
    let x = random(rows * channels, 1);
    let [gamma, beta, mean] = [2, 3, 4].map(|seed| random(channels, seed));
    let variance: Vec<f32> = random(channels, 5).iter().map(|x| x.abs() + 0.5).collect();
    for (g, b) in [(None, None), (Some(&gamma[..]), Some(&beta[..]))] {
        let layer = BatchNormalization::new(g, b, &mean, &variance, 1e-3).unwrap();
        let expected: Vec<f64> = (0..x.len())
            .map(|i| {
                let c = i % channels;
                let normal = f64::from(x[i] - mean[c]) / f64::from(variance[c] + 1e-3).sqrt();
                normal * g.map_or(1.0, |g| g[c].into()) + b.map_or(0.0, |b| b[c].into())
            })
            .collect();
        let out = layer.apply(&x).unwrap();
        assert_close(&out, &expected, &"batch normalization");
        let mut in_place = x.clone();
        layer.apply_mut(&mut in_place).unwrap();
        assert_eq!(in_place, out);
    }
    let softmax = Softmax::new(channels).unwrap();
    let expected: Vec<f64> = wide(&x)
        .chunks(channels)
        .flat_map(|row| {
            let sum: f64 = row.iter().map(|x| x.exp()).sum();
            row.iter().map(move |x| x.exp() / sum).collect::<Vec<_>>()
        })
        .collect();
    assert_close(&softmax.apply(&x).unwrap(), &expected, &"softmax");
}

#[test]
fn embedding() {
    let table = random(5 * 3, 1);
    let layer = Embedding::new(&table, [5, 3]).unwrap();
    assert_eq!(
        layer.apply(&[4, 0, 4]).unwrap(),
        [&table[12..], &table[..3], &table[12..]].concat()
    );
    let outside = Error::IndexOutOfRange {
        position: 1,
        index: -1,
        length: 5,
    };
    assert_eq!(layer.apply(&[0_i64, -1]).unwrap_err(), outside);
}

#[test]
fn wrong_shapes_are_errors() {
    let length = |name, expected, got| Error::WrongLength {
        name,
        expected,
        got,
    };
    let none = Activation::None;
    let dense = |kernel: &[f32], shape, bias| Dense::new(kernel, shape, bias, none).map(drop);
    assert_eq!(dense(&[0.0; 5], [2, 3], None), Err(length("kernel", 6, 5)));
    assert_eq!(
        dense(&[0.0; 6], [2, 3], Some(&[0.0; 2])),
        Err(length("bias", 3, 2))
    );
    assert_eq!(dense(&[], [0, 3], None), Err(length("kernel", 1, 0)));
    assert!(dense(&[], [usize::MAX, 3], None).is_err());
    let conv = |shape, options| Conv1d::new(&[0.0; 6], shape, None, none, options).map(drop);
    let usual = Conv1dOptions::default();
    assert_eq!(conv([2, 1, 3], usual), Ok(()));
    assert_eq!(conv([2, 2, 3], usual), Err(length("filter", 12, 6)));
    assert_eq!(
        conv(
            [2, 1, 3],
            Conv1dOptions {
                strides: 0,
                ..usual
            }
        ),
        Err(length("strides", 1, 0))
    );
    for groups in [0, 2] {
        let uneven = Error::NotWholeExamples {
            name: "filters",
            example: groups,
            got: 3,
        };
        assert_eq!(
            conv([2, 1, 3], Conv1dOptions { groups, ..usual }),
            Err(uneven)
        );
    }
    assert!(BatchNormalization::new(None, Some(&[0.0; 2]), &[0.0; 3], &[1.0; 3], 0.1).is_err());
    assert!(Softmax::new(0).is_err());
    assert!(MaxPooling1d::new(2, 3, 1, Padding::Causal).is_err());
    assert!(AveragePooling2d::new(2, [3, 0], [1, 1], Padding::Same).is_err());
    assert!(GlobalMaxPooling2d::new(0).is_err());
    let conv = |shape, options| Conv2d::new(&[0.0; 6], shape, None, none, options).map(drop);
    let usual = Conv2dOptions::default();
    assert_eq!(conv([1, 2, 1, 3], usual), Ok(()));
    assert_eq!(conv([1, 2, 2, 3], usual), Err(length("filter", 12, 6)));
    let still = Conv2dOptions {
        strides: [1, 0],
        ..usual
    };
    assert_eq!(conv([1, 2, 1, 3], still), Err(length("strides", 1, 0)));
    for wrong in [
        Conv2dOptions { groups: 2, ..usual },
        Conv2dOptions {
            padding: Padding::Causal,
            ..usual
        },
    ] {
        assert!(conv([1, 2, 1, 3], wrong).is_err());
        let depthwise = DepthwiseConv2d::new(&[0.0; 6], [1, 2, 3, 1], None, none, wrong);
        assert!(depthwise.is_err());
    }
}

#[test]
fn wrong_inputs_are_errors() {
    let part = |example, got| Error::NotWholeExamples {
        name: "input",
        example,
        got,
    };
    let layer = Dense::new(&[0.0; 6], [2, 3], None, Activation::None).unwrap();
    assert_eq!(layer.apply(&[0.0; 3]).unwrap_err(), part(2, 3));
    assert_eq!(layer.apply(&[]).unwrap(), []);
    let usual = Conv1dOptions::default();
    let conv = Conv1d::new(&[0.0; 6], [2, 1, 3], None, Activation::None, usual).unwrap();
    assert_eq!(conv.apply(&[0.0; 5], 2).unwrap_err(), part(2, 5));
    assert_eq!(conv.apply(&[0.0; 5], 0).unwrap_err(), part(0, 5));
    let pool = MaxPooling1d::new(1, 3, 1, Padding::Valid).unwrap();
    let short = Error::WrongLength {
        name: "steps",
        expected: 3,
        got: 2,
    };
    assert_eq!(pool.apply(&[0.0; 4], 2).unwrap_err(), short);
    let wide = Conv1d::new(&[0.0; 9], [3, 1, 3], None, Activation::None, usual).unwrap();
    assert_eq!(wide.apply(&[0.0; 4], 2).unwrap_err(), short);
    let small = Error::WrongLength {
        name: "width",
        expected: 3,
        got: 2,
    };
    let usual = Conv2dOptions::default();
    let conv = Conv2d::new(&[0.0; 9], [1, 3, 1, 3], None, Activation::None, usual).unwrap();
    assert_eq!(conv.apply(&[0.0; 4], [2, 2]).unwrap_err(), small);
    assert_eq!(conv.apply(&[0.0; 5], [2, 2]).unwrap_err(), part(4, 5));
    let pool = MaxPooling2d::new(1, [2, 3], [1, 1], Padding::Valid).unwrap();
    assert_eq!(pool.apply(&[0.0; 4], [2, 2]).unwrap_err(), small);
    assert_eq!(
        Softmax::new(3)
            .unwrap()
            .apply_mut(&mut [0.0; 4])
            .unwrap_err(),
        part(3, 4)
    );
}
