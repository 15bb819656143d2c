//! Times layers of ResNet-50 and MobileNetV3-Large one by one.
//!
//! `cargo run --release --example layers [THREADS] [NAME]` prints, for each layer whose name contains NAME, the shortest
//! of many runs, the multiply-adds (counted twice) per second, and their share of the peak that independent vector
//! multiply-adds reach on one thread, times THREADS. `TF_LAYERS_ISA` chooses the instruction set.

use std::hint::black_box;
use std::time::{Duration, Instant};

use tf_layers::roofline::peak_gflops;
use tf_layers::simd::Isa;
use tf_layers::{
    Activation, Conv2d, DepthwiseConv2d, Matmul, Threads, WinogradConv2d, conv2d, conv2d_winograd,
    depthwise_conv2d, matmul,
};

/// Model, and how often the layer occurs in it.
struct Use(&'static str, usize);

/// A convolution: [height = width, channels], filters, kernel size, stride.
type Conv = ([usize; 2], usize, usize, usize);

/// Convolutions.
const CONVOLUTIONS: &[(Use, Conv)] = &[
    (Use("resnet50", 1), ([224, 3], 64, 7, 2)),
    (Use("resnet50", 1), ([56, 64], 64, 1, 1)),
    (Use("resnet50", 3), ([56, 64], 64, 3, 1)),
    (Use("resnet50", 4), ([56, 64], 256, 1, 1)),
    (Use("resnet50", 2), ([56, 256], 64, 1, 1)),
    (Use("resnet50", 1), ([56, 256], 128, 1, 2)),
    (Use("resnet50", 1), ([56, 256], 512, 1, 2)),
    (Use("resnet50", 4), ([28, 128], 128, 3, 1)),
    (Use("resnet50", 4), ([28, 128], 512, 1, 1)),
    (Use("resnet50", 3), ([28, 512], 128, 1, 1)),
    (Use("resnet50", 1), ([28, 512], 256, 1, 2)),
    (Use("resnet50", 1), ([28, 512], 1024, 1, 2)),
    (Use("resnet50", 6), ([14, 256], 256, 3, 1)),
    (Use("resnet50", 6), ([14, 256], 1024, 1, 1)),
    (Use("resnet50", 5), ([14, 1024], 256, 1, 1)),
    (Use("resnet50", 1), ([14, 1024], 512, 1, 2)),
    (Use("resnet50", 1), ([14, 1024], 2048, 1, 2)),
    (Use("resnet50", 3), ([7, 512], 512, 3, 1)),
    (Use("resnet50", 3), ([7, 512], 2048, 1, 1)),
    (Use("resnet50", 2), ([7, 2048], 512, 1, 1)),
    (Use("mobilenetv3", 1), ([224, 3], 16, 3, 2)),
    (Use("mobilenetv3", 1), ([112, 16], 16, 1, 1)),
    (Use("mobilenetv3", 1), ([112, 16], 64, 1, 1)),
    (Use("mobilenetv3", 1), ([56, 64], 24, 1, 1)),
    (Use("mobilenetv3", 2), ([56, 24], 72, 1, 1)),
    (Use("mobilenetv3", 1), ([56, 72], 24, 1, 1)),
    (Use("mobilenetv3", 1), ([28, 72], 40, 1, 1)),
    (Use("mobilenetv3", 2), ([28, 40], 120, 1, 1)),
    (Use("mobilenetv3", 2), ([28, 120], 40, 1, 1)),
    (Use("mobilenetv3", 1), ([28, 40], 240, 1, 1)),
    (Use("mobilenetv3", 1), ([14, 240], 80, 1, 1)),
    (Use("mobilenetv3", 1), ([14, 80], 200, 1, 1)),
    (Use("mobilenetv3", 1), ([14, 200], 80, 1, 1)),
    (Use("mobilenetv3", 2), ([14, 80], 184, 1, 1)),
    (Use("mobilenetv3", 2), ([14, 184], 80, 1, 1)),
    (Use("mobilenetv3", 1), ([14, 80], 480, 1, 1)),
    (Use("mobilenetv3", 1), ([14, 480], 112, 1, 1)),
    (Use("mobilenetv3", 2), ([14, 112], 672, 1, 1)),
    (Use("mobilenetv3", 1), ([14, 672], 112, 1, 1)),
    (Use("mobilenetv3", 1), ([7, 672], 160, 1, 1)),
    (Use("mobilenetv3", 3), ([7, 160], 960, 1, 1)),
    (Use("mobilenetv3", 2), ([7, 960], 160, 1, 1)),
];

/// A depthwise convolution: [height = width, channels], kernel size, stride.
type Depthwise = ([usize; 2], usize, usize);

/// Depthwise convolutions of MobileNetV3-Large.
const DEPTHWISE: &[(Use, Depthwise)] = &[
    (Use("depthwise", 1), ([112, 16], 3, 1)),
    (Use("depthwise", 1), ([112, 64], 3, 2)),
    (Use("depthwise", 1), ([56, 72], 3, 1)),
    (Use("depthwise", 1), ([56, 72], 5, 2)),
    (Use("depthwise", 2), ([28, 120], 5, 1)),
    (Use("depthwise", 1), ([28, 240], 3, 2)),
    (Use("depthwise", 1), ([14, 200], 3, 1)),
    (Use("depthwise", 2), ([14, 184], 3, 1)),
    (Use("depthwise", 1), ([14, 480], 3, 1)),
    (Use("depthwise", 1), ([14, 672], 3, 1)),
    (Use("depthwise", 1), ([14, 672], 5, 2)),
    (Use("depthwise", 2), ([7, 960], 5, 1)),
];

/// Dense layers: rows, k, n.
const DENSE: &[(Use, [usize; 3])] = &[
    (Use("mobilenetv3", 1), [1, 960, 1280]),
    (Use("mobilenetv3", 1), [1, 1280, 1000]),
    (Use("resnet50", 1), [1, 2048, 1000]),
    (Use("dense", 1), [4, 2048, 1000]),
    (Use("dense", 1), [32, 2048, 1000]),
    (Use("dense", 1), [128, 768, 3072]),
];

/// The shortest time of `body` in samples that take at least some 0.1 s together.
fn shortest(mut body: impl FnMut()) -> Duration {
    let begin = Instant::now();
    let mut shortest = Duration::MAX;
    let mut samples = 0;
    while begin.elapsed() < Duration::from_millis(120) || samples < 5 {
        let start = Instant::now();
        body();
        shortest = shortest.min(start.elapsed());
        samples += 1;
    }
    shortest
}

/// Numbers on the heap that start at a cache line, as in an arena.
struct Tensor(Vec<f32>);

impl Tensor {
    const LINE: usize = 16;

    /// Arbitrary small numbers.
    fn new(length: usize) -> Self {
        let number = |i| (i * 7919 % 1013) as f32 / 1013.0 - 0.4;
        let mut tensor = Self(vec![0.0; length + Self::LINE]);
        tensor
            .iter_mut()
            .enumerate()
            .for_each(|(i, x)| *x = number(i));
        tensor
    }

    fn range(&self) -> std::ops::Range<usize> {
        let start = self.0.as_ptr().align_offset(64);
        start..start + self.0.len() - Self::LINE
    }
}

impl std::ops::Deref for Tensor {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.0[self.range()]
    }
}

impl std::ops::DerefMut for Tensor {
    fn deref_mut(&mut self) -> &mut [f32] {
        let range = self.range();
        &mut self.0[range]
    }
}

struct Report {
    /// Multiply-adds per second.
    peak: f64,
    filter: String,
    totals: Vec<(&'static str, f64, f64)>,
}

impl Report {
    fn line(&mut self, used: &Use, name: &str, work: usize, body: &mut dyn FnMut()) {
        let Use(model, count) = used;
        if !format!("{model} {name}").contains(&self.filter) {
            return;
        }
        let time = shortest(body).as_secs_f64();
        let (work, count) = (work as f64, *count as f64);
        println!(
            "{model:<12} {name:<28} x{count} {:9.1} us {:7.1} GFLOP/s {:5.1} %",
            time * 1e6,
            2e-9 * work / time,
            100.0 * work / time / self.peak
        );
        match self.totals.iter_mut().find(|total| total.0 == *model) {
            Some(total) => {
                total.1 += count * time;
                total.2 += count * work;
            }
            None => self.totals.push((model, count * time, count * work)),
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let threads = arguments
        .next()
        .map_or(1, |n| n.parse().expect("a number of threads"));
    let filter = arguments.next().unwrap_or_default();
    let threads = Threads::new(threads);
    // Multiply-adds per second, as the layers' work is counted.
    let peak = peak_gflops() / 2e-9 * threads.count() as f64;
    println!(
        "{} with {} threads, peak {:.1} GFLOP/s",
        Isa::active().name(),
        threads.count(),
        2e-9 * peak
    );
    let mut report = Report {
        peak,
        filter,
        totals: Vec::new(),
    };
    for (used, ([size, channels], filters, kernel, stride)) in CONVOLUTIONS {
        let before = (kernel - 1) / 2;
        let p = Conv2d::new([*size, *size, *channels], *filters, [*kernel, *kernel])
            .strides([*stride, *stride])
            .pads([before; 4])
            .activation(Activation::Relu);
        let [height, width, _] = p.output();
        let x = Tensor::new(size * size * channels);
        let weights = Tensor::new(p.weights_len());
        let bias = Tensor::new(*filters);
        let mut scratch = Tensor::new(p.scratch_len(1));
        let mut out = Tensor::new(height * width * filters);
        let name = format!("{kernel}x{kernel}/{stride} {size} {channels}->{filters}");
        let work = out.len() * kernel * kernel * channels;
        report.line(used, &name, work, &mut || {
            conv2d(
                &threads,
                &p,
                &x,
                &weights,
                Some(&bias),
                None,
                &mut scratch,
                black_box(&mut out),
            );
        });
    }
    for (used, ([size, channels], filters, kernel, stride)) in CONVOLUTIONS {
        if (*kernel, *stride) != (3, 1) {
            continue;
        }
        for tile in [2, 4] {
            let conv = Conv2d::new([*size, *size, *channels], *filters, [3, 3])
                .pads([1; 4])
                .activation(Activation::Relu);
            let p = WinogradConv2d::new(conv, tile);
            let x = Tensor::new(size * size * channels);
            let weights = Tensor::new(p.weights_len());
            let bias = Tensor::new(*filters);
            let mut scratch = Tensor::new(p.scratch_len(1));
            let mut out = Tensor::new(size * size * filters);
            let name = format!("winograd{tile} {size} {channels}->{filters}");
            let work = out.len() * 9 * channels;
            report.line(&Use("winograd", used.1), &name, work, &mut || {
                conv2d_winograd(
                    &threads,
                    &p,
                    &x,
                    &weights,
                    Some(&bias),
                    None,
                    &mut scratch,
                    black_box(&mut out),
                );
            });
        }
    }
    for (used, ([size, channels], kernel, stride)) in DEPTHWISE {
        // TensorFlow's SAME padding.
        let total = (size.div_ceil(*stride) - 1) * stride + kernel - size;
        let (before, after) = (total / 2, total.div_ceil(2));
        let p = DepthwiseConv2d::new([*size, *size, *channels], [*kernel, *kernel])
            .strides([*stride, *stride])
            .pads([before, before, after, after])
            .activation(Activation::HardSwish);
        let x = Tensor::new(size * size * channels);
        let weights = Tensor::new(kernel * kernel * channels);
        let bias = Tensor::new(*channels);
        let mut out = Tensor::new(p.output().iter().product());
        let name = format!("{kernel}x{kernel}/{stride} {size} {channels}");
        let work = out.len() * kernel * kernel;
        report.line(used, &name, work, &mut || {
            depthwise_conv2d(&threads, &p, &x, &weights, Some(&bias), black_box(&mut out));
        });
    }
    for (used, [m, k, n]) in DENSE {
        let p = Matmul::new(*k, *n);
        let x = Tensor::new(m * k);
        let weights = Tensor::new(tf_layers::packed_len(*k, *n));
        let mut out = Tensor::new(m * n);
        report.line(used, &format!("dense {m}x{k}x{n}"), m * k * n, &mut || {
            matmul(&threads, &p, &x, &weights, None, None, black_box(&mut out));
        });
    }
    for (model, time, work) in &report.totals {
        println!(
            "{model:<12} sum {:.3} ms, {:.1} % of the peak",
            time * 1e3,
            100.0 * work / time / peak
        );
    }
}
