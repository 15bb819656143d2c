//! Times the ways to compute a layer, for a compiler that chooses between them.
//!
//! A line of standard input names a layer, and a line of standard output has the microseconds of each way as JSON:
//!
//! ```text
//! conv2d HEIGHT WIDTH CHANNELS FILTERS KH KW SY SX DY DX TOP LEFT BOTTOM RIGHT GROUPS
//! matmul ROWS K N
//! ```
//!
//! `cargo run --release --example tune -- BYTES`, where so many bytes of other weights pass through the caches between
//! two runs, as in a model that has them.

use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use tf_layers::{Conv2d, Matmul, Threads, WinogradConv2d, conv2d, conv2d_winograd, matmul};

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
            .collect::<Result<Vec<usize>, _>>()?;
        let times = match (kind, numbers.as_slice()) {
            ("conv2d", numbers) => time_conv2d(numbers.try_into()?, &others),
            ("matmul", &[rows, k, n]) => time_matmul(rows, k, n, &others),
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

fn time_conv2d(numbers_of: [usize; 15], others: &[u64]) -> Vec<(String, f64)> {
    let [
        height,
        width,
        channels,
        filters,
        kh,
        kw,
        sy,
        sx,
        dy,
        dx,
        pads @ ..,
        groups,
    ] = numbers_of;
    let conv = Conv2d::new([height, width, channels], filters, [kh, kw])
        .strides([sy, sx])
        .dilations([dy, dx])
        .pads(pads)
        .groups(groups);
    let threads = &Threads::single();
    let x = &numbers(height * width * channels);
    let weights = &numbers(conv.weights_len());
    let mut ways: Vec<Way> = Vec::new();
    for tile in conv.register_tiles(1) {
        let conv = conv.register_tile(tile);
        ways.push(Way {
            name: format!("direct {}x{}", tile[0], tile[1]),
            scratch_len: conv.scratch_len(1),
            run: Box::new(move |scratch, out| {
                conv2d(threads, &conv, x, weights, None, None, scratch, out);
            }),
        });
    }
    if [sy, sx, dy, dx, groups] == [1; 5] {
        let tiles: &[usize] = match [kh, kw] {
            [1 | 3, 3] => &[2, 4],
            [1, 5] => &[4],
            _ => &[],
        };
        for &tile in tiles {
            let conv = WinogradConv2d::new(conv, tile);
            let weights = numbers(conv.weights_len());
            ways.push(Way {
                name: format!("winograd {tile}"),
                scratch_len: conv.scratch_len(1),
                run: Box::new(move |scratch, out| {
                    conv2d_winograd(threads, &conv, x, &weights, None, None, scratch, out);
                }),
            });
        }
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
