//! The rate at which each of some threads multiplies matrices in its second-level cache while all of them do: the lowest of
//! their medians, in 10⁹ operations per second.
//!
//!     processors SECONDS THREADS
//!
//! A loop of multiply-adds alone would not do: beside somebody else's thread on the same core it keeps its rate, and what
//! needs the caches, and many instructions in flight, takes 1.4 times as long.

use std::time::{Duration, Instant};

use tf_layers::{Matmul, Threads, matmul, packed_len};

const M: usize = 128;
const K: usize = 256;
const N: usize = 256;

/// The median of a thread's rates.
fn median(duration: Duration) -> f64 {
    let (threads, layer) = (Threads::single(), Matmul::new(K, N));
    let (x, weights) = (vec![0.5; M * K], vec![0.5; packed_len(K, N)]);
    let mut out = vec![0.0; M * N];
    let begin = Instant::now();
    let mut rates = Vec::new();
    while rates.is_empty() || begin.elapsed() < duration {
        let start = Instant::now();
        matmul(&threads, &layer, &x, &weights, None, None, &mut out);
        rates.push(2.0 * (M * K * N) as f64 / start.elapsed().as_nanos() as f64);
    }
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || {
        let number = arguments.next().and_then(|number| number.parse().ok());
        number.expect("usage: processors SECONDS THREADS")
    };
    let (seconds, threads): (f64, f64) = (next(), next());
    let lowest = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads as usize)
            .map(|_| scope.spawn(|| median(Duration::from_secs_f64(seconds))))
            .collect();
        let medians = all
            .into_iter()
            .map(|thread| thread.join().expect("no thread panics"));
        medians.fold(f64::INFINITY, f64::min)
    });
    println!("{lowest:.1}");
}
