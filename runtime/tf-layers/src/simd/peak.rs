//! How fast the machine can multiply and add, which a kernel's speed is a share of.

use std::hint::black_box;
use std::time::Instant;

use super::{Simd, WithSimd, dispatch};

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
