//! Random numbers as a function of a key and a counter: TensorFlow's stateless random ops on CPU, number for number.
//!
//! The generator is Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): a block of four
//! words for each counter, so that any part of a tensor can be drawn by itself.

use crate::gather::Index;
use crate::kernels::threads::Threads;
use crate::parallel::part;

const ROUNDS: usize = 10;
const MULTIPLIERS: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
/// What is added to the key in each round: the golden ratio and √3 - 1, as fractions of 2³².
const WEYL: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];
/// TensorFlow's key for turning a seed into a key and a counter.
const SCRAMBLE: [u32; 2] = [0x3ec8_f720, 0x0246_1e29];

/// A generator: a key and the counter of the next block.
#[derive(Debug, Clone, Copy)]
struct Philox {
    key: [u32; 2],
    counter: u128,
}

/// The words of a number, the lowest first.
const fn words(x: u128) -> [u32; 4] {
    [
        x as u32,
        (x >> 32) as u32,
        (x >> 64) as u32,
        (x >> 96) as u32,
    ]
}

const fn joined(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}

impl Philox {
    fn new(key: &[u64], counter: &[u64]) -> Self {
        let &[key] = key else {
            panic!("random: the key has {} elements, not 1", key.len());
        };
        let &[low, high] = counter else {
            panic!("random: the counter has {} elements, not 2", counter.len());
        };
        Self {
            key: [key as u32, (key >> 32) as u32],
            counter: u128::from(low) | u128::from(high) << 64,
        }
    }

    /// The generator `blocks` further on.
    const fn skip(self, blocks: usize) -> Self {
        Self {
            counter: self.counter.wrapping_add(blocks as u128),
            ..self
        }
    }

    /// The words of the counter.
    #[inline]
    fn block(self) -> [u32; 4] {
        let mut key = self.key;
        let mut c = words(self.counter);
        for _ in 0..ROUNDS {
            let [a, b] = [0, 1].map(|i| u64::from(c[2 * i]) * u64::from(MULTIPLIERS[i]));
            c = [
                (b >> 32) as u32 ^ c[1] ^ key[0],
                b as u32,
                (a >> 32) as u32 ^ c[3] ^ key[1],
                a as u32,
            ];
            key = [0, 1].map(|i| key[i].wrapping_add(WEYL[i]));
        }
        c
    }
}

/// Writes the key and the counter (two words) that TensorFlow makes of a seed: its `StatelessRandomGetKeyCounter` on CPU.
///
/// # Panics
/// If `seed` has not 2 elements or `out` not 3.
pub fn random_key<I: Index>(seed: &[I], out: &mut [u64]) {
    let &[low, high] = seed else {
        panic!("random_key: the seed has {} elements, not 2", seed.len());
    };
    let [low, high] = [low, high].map(|x| x.into().cast_unsigned());
    let counter = u128::from(low) | u128::from(high) << 64;
    let [a, b, c, d] = Philox {
        key: SCRAMBLE,
        counter,
    }
    .block();
    out.copy_from_slice(&[joined(a, b), 0, joined(c, d)]);
}

/// Unsigned integers that are drawn as they come.
pub trait Bits: Copy + Send + sealed::Sealed {
    #[doc(hidden)]
    fn bits(block: [u32; 4], out: &mut [Self]);
}

/// Floating-point numbers that are drawn from distributions.
pub trait Real: Copy + Send + sealed::Sealed {
    /// Numbers of a block; a normal pair takes as many words as two uniform ones.
    #[doc(hidden)]
    const PER_BLOCK: usize;
    /// From 0 up to 1.
    #[doc(hidden)]
    fn uniform(block: [u32; 4], out: &mut [Self]);
    /// Of mean 0 and deviation 1.
    #[doc(hidden)]
    fn normal(block: [u32; 4], out: &mut [Self]);
    #[doc(hidden)]
    fn is_within(self, limit: f32) -> bool;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u32 {}
    impl Sealed for u64 {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

impl Bits for u32 {
    #[inline]
    fn bits(block: [u32; 4], out: &mut [Self]) {
        out.copy_from_slice(&block[..out.len()]);
    }
}

impl Bits for u64 {
    #[inline]
    fn bits(block: [u32; 4], out: &mut [Self]) {
        for (out, pair) in out.iter_mut().zip(block.chunks_exact(2)) {
            *out = joined(pair[0], pair[1]);
        }
    }
}

/// The least uniform number of which a logarithm is taken.
const LEAST: f32 = 1e-7;

impl Real for f32 {
    const PER_BLOCK: usize = 4;

    #[inline]
    fn uniform(block: [u32; 4], out: &mut [Self]) {
        for (out, word) in out.iter_mut().zip(block) {
            // The mantissa of a number from 1 to 2.
            *out = Self::from_bits(word & 0x7f_ffff | 127 << 23) - 1.0;
        }
    }

    #[inline]
    fn normal(block: [u32; 4], out: &mut [Self]) {
        let mut uniform = [0.0; 4];
        Self::uniform(block, &mut uniform);
        for (out, pair) in out.chunks_mut(2).zip(uniform.chunks_exact(2)) {
            let radius = (-2.0 * pair[0].max(LEAST).ln()).sqrt();
            let angle = (std::f64::consts::TAU * f64::from(pair[1])) as Self;
            for (out, x) in out.iter_mut().zip([angle.sin(), angle.cos()]) {
                *out = x * radius;
            }
        }
    }

    #[inline]
    fn is_within(self, limit: f32) -> bool {
        self.abs() < limit
    }
}

impl Real for f64 {
    const PER_BLOCK: usize = 2;

    #[inline]
    fn uniform(block: [u32; 4], out: &mut [Self]) {
        for (out, pair) in out.iter_mut().zip(block.chunks_exact(2)) {
            let mantissa = joined(pair[1], pair[0] & 0xf_ffff);
            *out = Self::from_bits(mantissa | 1023 << 52) - 1.0;
        }
    }

    #[inline]
    fn normal(block: [u32; 4], out: &mut [Self]) {
        let mut uniform = [0.0; 2];
        Self::uniform(block, &mut uniform);
        let radius = (-2.0 * uniform[0].max(1e-7).ln()).sqrt();
        let angle = std::f64::consts::TAU * uniform[1];
        for (out, x) in out.iter_mut().zip([angle.sin(), angle.cos()]) {
            *out = x * radius;
        }
    }

    #[inline]
    fn is_within(self, limit: f32) -> bool {
        self.abs() < f64::from(limit)
    }
}

/// Numbers for each thread at least.
const PART: usize = 4096;

/// Fills `out` in groups of `per_group`, each from a generator of its own, `stride` blocks apart.
fn fill<T: Send>(
    threads: &Threads,
    generator: Philox,
    per_group: usize,
    stride: usize,
    out: &mut [T],
    group: impl Fn(Philox, &mut [T]) + Sync,
) {
    let length = part(threads, out.len(), per_group, PART);
    threads.for_each_chunk(out, length, |index, out| {
        let first = index * (length / per_group);
        for (position, out) in out.chunks_mut(per_group).enumerate() {
            group(generator.skip((first + position) * stride), out);
        }
    });
}

/// Random bits: TensorFlow's `StatelessRandomUniformFullIntV2` with the algorithm Philox.
///
/// # Panics
/// If `key` has not 1 element or `counter` not 2, as for all of these.
pub fn random_bits<T: Bits>(threads: &Threads, key: &[u64], counter: &[u64], out: &mut [T]) {
    let generator = Philox::new(key, counter);
    fill(
        threads,
        generator,
        16 / size_of::<T>(),
        1,
        out,
        |generator, out| {
            T::bits(generator.block(), out);
        },
    );
}

/// Uniform numbers from 0 up to 1: TensorFlow's `StatelessRandomUniformV2`.
///
/// # Panics
/// As [`random_bits`].
pub fn random_uniform<T: Real>(threads: &Threads, key: &[u64], counter: &[u64], out: &mut [T]) {
    let generator = Philox::new(key, counter);
    fill(
        threads,
        generator,
        T::PER_BLOCK,
        1,
        out,
        |generator, out| {
            T::uniform(generator.block(), out);
        },
    );
}

/// Normal numbers of mean 0 and deviation 1: TensorFlow's `StatelessRandomNormalV2` (Box and Muller 1958).
///
/// # Panics
/// As [`random_bits`].
pub fn random_normal<T: Real>(threads: &Threads, key: &[u64], counter: &[u64], out: &mut [T]) {
    let generator = Philox::new(key, counter);
    fill(
        threads,
        generator,
        T::PER_BLOCK,
        1,
        out,
        |generator, out| {
            T::normal(generator.block(), out);
        },
    );
}

/// Words that the generator has for each number of a truncated distribution.
const RESERVED: usize = 256;
/// Where the truncated normal distribution ends.
const LIMIT: f32 = 2.0;

/// Normal numbers that are less than 2 from 0: TensorFlow's `StatelessTruncatedNormalV2`. Others are drawn again.
///
/// # Panics
/// As [`random_bits`].
pub fn random_truncated_normal<T: Real + Default>(
    threads: &Threads,
    key: &[u64],
    counter: &[u64],
    out: &mut [T],
) {
    let generator = Philox::new(key, counter);
    let stride = T::PER_BLOCK * RESERVED / 4;
    fill(
        threads,
        generator,
        T::PER_BLOCK,
        stride,
        out,
        |mut generator, out| {
            let mut rest = out.iter_mut();
            let mut next = rest.next();
            while next.is_some() {
                let mut numbers = [T::default(); 4];
                T::normal(generator.block(), &mut numbers[..T::PER_BLOCK]);
                for &x in &numbers[..T::PER_BLOCK] {
                    if x.is_within(LIMIT)
                        && let Some(out) = next.take()
                    {
                        *out = x;
                        next = rest.next();
                    }
                }
                generator = generator.skip(1);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From TensorFlow 2.21, on CPU.
    #[test]
    fn keys_are_tensorflows() {
        let mut out = [0; 3];
        random_key(&[1_i32, 2], &mut out);
        assert_eq!(
            out,
            [10_413_732_777_507_651_514, 0, 17_830_669_156_045_600_267]
        );
    }

    /// The known answers of Random123's kat_vectors.
    #[test]
    fn blocks_are_philoxs() {
        let zero = Philox::new(&[0], &[0, 0]);
        assert_eq!(
            zero.block(),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        let ones = Philox::new(&[u64::MAX], &[u64::MAX, u64::MAX]);
        assert_eq!(
            ones.block(),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        let pi = Philox::new(
            &[0x299f_31d0_a409_3822],
            &[0x85a3_08d3_243f_6a88, 0x0370_7344_1319_8a2e],
        );
        assert_eq!(
            pi.block(),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn threads_draw_the_same_numbers() {
        for length in [0, 1, 3, 5, 30_001] {
            let (one, three) = (Threads::single(), Threads::new(3));
            let draw = |threads: &Threads| {
                let mut numbers = [vec![0.0_f32; length], vec![0.0; length], vec![0.0; length]];
                random_uniform(threads, &[7], &[u64::MAX, 1], &mut numbers[0]);
                random_normal(threads, &[7], &[u64::MAX, 1], &mut numbers[1]);
                random_truncated_normal(threads, &[7], &[u64::MAX, 1], &mut numbers[2]);
                numbers
            };
            let [uniform, normal, truncated] = draw(&one);
            assert!(uniform.iter().all(|x| (0.0..1.0).contains(x)));
            assert!(truncated.iter().all(|x| x.abs() < 2.0));
            assert_eq!(draw(&three), [uniform, normal, truncated]);
        }
    }
}
