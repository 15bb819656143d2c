//! How fast the machine can multiply, add and read: the roofline that a kernel's speed is a share of (Williams, Waterman
//! and Patterson, 2009).

use std::hint::black_box;
use std::time::Instant;

use crate::kernels::threads::Threads;
use crate::parallel::part;
use crate::simd::{Simd, WithSimd, dispatch};

const ROUNDS: usize = 100_000;

/// Multiply-adds on independent accumulators, more than the latency hides.
struct MultiplyAdds;

impl WithSimd for MultiplyAdds {
    /// How many there were.
    type Output = usize;

    #[inline(always)]
    fn call<S: Simd>(self, s: S) -> usize {
        let (factor, term) = (s.splat(black_box(0.999)), s.splat(black_box(0.001)));
        let [mut a, mut b, mut c, mut d] = [s.splat(1.0); 4];
        let [mut e, mut f, mut g, mut h] = [s.splat(2.0); 4];
        let [mut i, mut j, mut k, mut l] = [s.splat(3.0); 4];
        for _ in 0..ROUNDS {
            macro_rules! step {
                ($($x:ident)+) => { $($x = s.mul_add($x, factor, term);)+ };
            }
            step!(a b c d e f g h i j k l);
        }
        black_box(s.reduce_sum(a + b + c + d + e + f + g + h + i + j + k + l));
        ROUNDS * 12 * S::LANES
    }
}

/// The multiply-adds on f32 of one thread during some 0.2 ms, each counted twice, in 10⁹ per second: what the clock allows now.
#[must_use]
pub fn gflops() -> f64 {
    let start = Instant::now();
    let count = dispatch(MultiplyAdds);
    2.0 * count as f64 / start.elapsed().as_nanos() as f64
}

/// The most of [`gflops`] within some 40 ms.
#[must_use]
pub fn peak_gflops() -> f64 {
    (0..200).map(|_| gflops()).fold(0.0, f64::max)
}

/// Elements from a load to the prefetch beside it: a page, where the processor's own prefetching ends.
const AHEAD: usize = 1024;

/// The sum of the elements, but for those behind the last 128: what reading them takes, and little more.
struct Sum<'a>(&'a [f32]);

impl WithSimd for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    fn call<S: Simd>(self, s: S) -> f32 {
        let [mut a, mut b, mut c, mut d] = [s.zero(); 4];
        let [mut e, mut f, mut g, mut h] = [s.zero(); 4];
        for elements in self.0.chunks_exact(128) {
            for x in elements.chunks_exact(8 * S::LANES) {
                macro_rules! step {
                    ($($sum:ident $i:literal)+) => {$(
                        s.prefetch(x.as_ptr().wrapping_add(AHEAD + $i * S::LANES));
                        $sum = $sum + s.load(&x[$i * S::LANES..]);
                    )+};
                }
                step!(a 0 b 1 c 2 d 3 e 4 f 5 g 6 h 7);
            }
        }
        s.reduce_sum(a + b + c + d + e + f + g + h)
    }
}

/// The bytes that the threads read of `elements` together, once from begin to end and again until it is 16 MiB at least, in
/// 10⁹ per second: what the memory that holds them allows now.
#[must_use]
pub fn read_gbps(threads: &Threads, elements: &[f32]) -> f64 {
    let length = part(threads, elements.len().max(1), 128, 4096);
    let times = (1 << 24) / size_of_val(elements).max(1) + 1;
    let read = || {
        threads.run(elements.len().div_ceil(length), |index| {
            let begin = index * length;
            let end = elements.len().min(begin + length);
            black_box(dispatch(Sum(&elements[begin..end])));
        });
    };
    // What fits into the threads' caches is there from now on.
    read();
    let start = Instant::now();
    (0..times).for_each(|_| read());
    (times * size_of_val(elements)) as f64 / start.elapsed().as_nanos() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_reads_every_whole_block() {
        let x: Vec<f32> = (0..400u16).map(|i| f32::from(i % 7)).collect();
        let expected: f32 = x[..384].iter().sum();
        // Whole numbers: the order does not matter.
        assert_eq!(dispatch(Sum(&x)), expected);
    }

    #[test]
    #[cfg_attr(target_family = "wasm", ignore = "the machine has no threads")]
    fn any_length_is_read() {
        for length in [1, 100, 5000, 100_000] {
            let x = vec![1.0; length];
            for threads in [Threads::single(), Threads::new(2)] {
                assert!(read_gbps(&threads, &x) > 0.0);
            }
        }
        assert_eq!(read_gbps(&Threads::single(), &[]), 0.0);
    }
}
