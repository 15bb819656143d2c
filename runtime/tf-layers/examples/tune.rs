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

type Way<'a> = (String, Box<dyn FnMut() + 'a>);

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
    let threads = Threads::single();
    let x = numbers(height * width * channels);
    let outputs = conv.output().iter().product();
    let weights = numbers(conv.weights_len());
    let mut ways: Vec<Way> = Vec::new();
    for tile in conv.register_tiles(1) {
        let conv = conv.register_tile(tile);
        let (x, weights, threads) = (&x, &weights, &threads);
        let mut scratch = vec![0.0; conv.scratch_len(1)];
        let mut out = vec![0.0; outputs];
        ways.push((
            format!("direct {}x{}", tile[0], tile[1]),
            Box::new(move || {
                conv2d(
                    threads,
                    &conv,
                    x,
                    weights,
                    None,
                    None,
                    &mut scratch,
                    &mut out,
                );
                black_box(&mut out);
            }),
        ));
    }
    if ([kh, kw], [sy, sx, dy, dx, groups]) == ([3, 3], [1; 5]) {
        for tile in [2, 4] {
            let conv = WinogradConv2d::new(conv, tile);
            let (x, threads) = (&x, &threads);
            let weights = numbers(conv.weights_len());
            let mut scratch = vec![0.0; conv.scratch_len(1)];
            let mut out = vec![0.0; outputs];
            ways.push((
                format!("winograd {tile}"),
                Box::new(move || {
                    conv2d_winograd(
                        threads,
                        &conv,
                        x,
                        &weights,
                        None,
                        None,
                        &mut scratch,
                        &mut out,
                    );
                    black_box(&mut out);
                }),
            ));
        }
    }
    time(ways, &x, others)
}

fn time_matmul(rows: usize, k: usize, n: usize, others: &[u64]) -> Vec<(String, f64)> {
    let layer = Matmul::new(k, n);
    let threads = Threads::single();
    let x = numbers(rows * k);
    let weights = numbers(tf_layers::packed_len(k, n));
    let ways = layer.register_tiles(rows).into_iter().map(|tile| -> Way {
        let layer = layer.register_tile(tile);
        let (x, weights, threads) = (&x, &weights, &threads);
        let mut out = vec![0.0; rows * n];
        let run = move || {
            matmul(threads, &layer, x, weights, None, None, &mut out);
            black_box(&mut out);
        };
        (format!("direct {}x{}", tile[0], tile[1]), Box::new(run))
    });
    time(ways.collect(), &x, others)
}

/// Microseconds of each way: the least, as what else the machine does only adds to it.
fn time(mut ways: Vec<Way>, x: &[f32], others: &[u64]) -> Vec<(String, f64)> {
    let mut least = vec![Duration::MAX; ways.len()];
    let start = Instant::now();
    let mut round = 0;
    while round < LEAST || start.elapsed() < BUDGET {
        for ((_, run), least) in ways.iter_mut().zip(&mut least) {
            black_box(others.iter().fold(0, |sum, &x| sum ^ x));
            // The layer before has just written the input.
            black_box(x.iter().fold(0.0, |sum, &x| sum + x));
            let start = Instant::now();
            run();
            *least = start.elapsed().min(*least);
        }
        round += 1;
    }
    let microseconds = |time: Duration| time.as_nanos() as f64 / 1000.0;
    ways.into_iter()
        .zip(least)
        .map(|((way, _), time)| (way, microseconds(time)))
        .collect()
}
