//! Times the ways to compute a layer, for a compiler that chooses between them.
//!
//! A line of standard input names a layer, and a line of standard output has the microseconds of each way as JSON:
//!
//! ```text
//! conv1d LENGTH CHANNELS FILTERS TAPS S D LEFT RIGHT GROUPS
//! conv2d HEIGHT WIDTH CHANNELS FILTERS KH KW SY SX DY DX TOP LEFT BOTTOM RIGHT GROUPS
//! conv3d DEPTH HEIGHT WIDTH CHANNELS FILTERS KD KH KW SZ SY SX DZ DY DX FRONT TOP LEFT BACK BOTTOM RIGHT GROUPS
//! matmul ROWS K N
//! ```
//!
//! S is a stride, D a dilation; a negative pad leaves out so many elements at that side of the image.
//!
//! `cargo run --release --example tune -- BYTES`, where so many bytes of other weights pass through the caches between
//! two runs, as in a model that has them.

use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use tf_layers::{Conv2d, Conv3d, Matmul, Threads, WinogradConv2d, conv2d_winograd, conv3d, matmul};

/// For how long the ways of a layer are run in turns.
const BUDGET: Duration = Duration::from_millis(400);

/// Each way is run that often at least.
const LEAST: usize = 3;

type Run<'a> = Box<dyn Fn(&mut [f32], &mut [f32]) + 'a>;

/// A way to compute a layer with scratch memory of some length, into an output.
struct Way<'a> {
    name: String,
    scratch_len: usize,
    run: Run<'a>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let bytes: usize = std::env::args().nth(1).ok_or("BYTES is missing")?.parse()?;
    let others = vec![1_u64; bytes / size_of::<u64>()];
    for line in std::io::stdin().lines() {
        let line = line?;
        let (kind, numbers) = line.split_once(' ').ok_or("a layer has numbers")?;
        let numbers = numbers
            .split(' ')
            .map(str::parse)
            .collect::<Result<Vec<isize>, _>>()?;
        let times = match (kind, numbers.as_slice()) {
            ("conv1d", numbers) if numbers.len() == 9 => time_conv::<1>(numbers, &others),
            ("conv2d", numbers) if numbers.len() == 15 => time_conv::<2>(numbers, &others),
            ("conv3d", numbers) if numbers.len() == 21 => time_conv::<3>(numbers, &others),
            ("matmul", &[rows, k, n]) => {
                let [rows, k, n] = [rows, k, n].map(isize::unsigned_abs);
                time_matmul(rows, k, n, &others)
            }
            _ => return Err(format!("{line}: there is no such layer").into()),
        };
        let times: Vec<String> = times
            .into_iter()
            .map(|(way, time)| format!("\"{way}\": {time:.2}"))
            .collect();
        println!("{{{}}}", times.join(", "));
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// Numbers of no meaning between -0.5 and 0.5.
fn numbers(count: usize) -> Vec<f32> {
    (0..count)
        .map(|i| (i * 7919 % 1009) as f32 / 1009.0 - 0.5)
        .collect()
}

/// The ways of a convolution over the last `AXES` of depth, height and width, which the kernels compute as one over three.
fn time_conv<const AXES: usize>(numbers_of: &[isize], others: &[u64]) -> Vec<(String, f64)> {
    // An axis that the layer lacks has one element and one tap.
    let axes = |first: usize, absent: isize| {
        let mut values = [absent; 3];
        values[3 - AXES..].copy_from_slice(&numbers_of[first..first + AXES]);
        values
    };
    let whole = |first: usize| axes(first, 1).map(isize::unsigned_abs);
    let number = |index: usize| numbers_of[index].unsigned_abs();
    let ([depth, height, width], channels, filters) = (whole(0), number(AXES), number(AXES + 1));
    let [kernel, strides, dilations] = [1, 2, 3].map(|i| whole(i * AXES + 2));
    let [[front, top, left], [back, bottom, right]] = [4, 5].map(|i| axes(i * AXES + 2, 0));
    let sides = [front, top, left, back, bottom, right];
    let groups = number(6 * AXES + 2);
    let [pads, crop] = [1, -1].map(|sign| sides.map(|side| (side * sign).max(0).unsigned_abs()));
    let conv = Conv3d::new([depth, height, width, channels], filters, kernel)
        .strides(strides)
        .dilations(dilations)
        .pads(pads)
        .crop(crop)
        .groups(groups);
    let threads = &Threads::single();
    let x = &numbers(depth * height * width * channels);
    let weights = &numbers(conv.weights_len());
    let mut ways: Vec<Way> = Vec::new();
    for tile in conv.register_tiles(1) {
        let conv = conv.register_tile(tile);
        ways.push(Way {
            name: format!("direct {}x{}", tile[0], tile[1]),
            scratch_len: conv.scratch_len(1),
            run: Box::new(move |scratch, out| {
                conv3d(threads, &conv, x, weights, None, None, scratch, out);
            }),
        });
    }
    let [_, kh, kw] = kernel;
    let is_plain = strides == [1; 3] && dilations == [1; 3] && groups == 1 && crop == [0; 6];
    let tiles: &[usize] = match [kh, kw] {
        [1 | 3, 3] if is_plain && AXES < 3 => &[2, 4],
        [1, 5] if is_plain && AXES < 3 => &[4],
        _ => &[],
    };
    for &tile in tiles {
        let [_, top, left, _, bottom, right] = pads;
        let conv = Conv2d::new([height, width, channels], filters, [kh, kw]);
        let conv = WinogradConv2d::new(conv.pads([top, left, bottom, right]), tile);
        let weights = numbers(conv.weights_len());
        ways.push(Way {
            name: format!("winograd {tile}"),
            scratch_len: conv.scratch_len(1),
            run: Box::new(move |scratch, out| {
                conv2d_winograd(threads, &conv, x, &weights, None, None, scratch, out);
            }),
        });
    }
    time(&ways, x, conv.output().iter().product(), others)
}

fn time_matmul(rows: usize, k: usize, n: usize, others: &[u64]) -> Vec<(String, f64)> {
    let layer = Matmul::new(k, n);
    let threads = &Threads::single();
    let x = &numbers(rows * k);
    let weights = &numbers(tf_layers::packed_len(k, n));
    let ways = layer.register_tiles(rows).into_iter().map(|tile| {
        let layer = layer.register_tile(tile);
        Way {
            name: format!("direct {}x{}", tile[0], tile[1]),
            scratch_len: 0,
            run: Box::new(move |_, out| matmul(threads, &layer, x, weights, None, None, out)),
        }
    });
    time(&ways.collect::<Vec<_>>(), x, rows * n, others)
}

/// Microseconds of each way: the least, as what else the machine does only adds to it.
fn time(ways: &[Way], x: &[f32], outputs: usize, others: &[u64]) -> Vec<(String, f64)> {
    let scratch_len = ways.iter().map(|way| way.scratch_len).max().unwrap_or(0);
    let (mut scratch, mut out) = (vec![0.0; scratch_len], vec![0.0; outputs]);
    let mut least = vec![Duration::MAX; ways.len()];
    let start = Instant::now();
    let mut round = 0;
    while round < LEAST || start.elapsed() < BUDGET {
        for (way, least) in ways.iter().zip(&mut least) {
            black_box(others.iter().fold(0, |sum, &x| sum ^ x));
            // In an arena the layers before have just used the memory of this one's result, and written its input.
            for tensor in [&out, x] {
                black_box(tensor.iter().fold(0.0, |sum, &x| sum + x));
            }
            let start = Instant::now();
            (way.run)(&mut scratch, &mut out);
            *least = start.elapsed().min(*least);
            black_box(&mut out);
        }
        round += 1;
    }
    let microseconds = |time: Duration| time.as_nanos() as f64 / 1000.0;
    ways.iter()
        .zip(least)
        .map(|(way, time)| (way.name.clone(), microseconds(time)))
        .collect()
}
