//! Elementwise functions: a chain of any length is one pass over memory.

mod any;
mod operand;

pub use any::{Operands, map_any, map_any_in_place};
pub use operand::{Operand, broadcast, channel, middle, rows, same, scalar};

use crate::kernels::threads::Threads;
use crate::parallel::part;
use crate::simd::{Simd, WithSimd, dispatch};
use operand::Buffer;

/// Elements that are loaded as one: a multiple of every instruction set's vector.
const GROUP: usize = 16;

/// The least number of elements that is worth a second thread, about 4 µs.
const PART: usize = 8192;

/// A function of `IN` numbers, written for vectors of them, to be run over whole tensors by [`map`].
///
/// ```
/// use tf_layers::simd::Simd;
/// use tf_layers::{Region, Threads, channel, map, same};
///
/// /// `x * relu6(x + 3) / 6 * scale`
/// struct HardSwishScale;
///
/// impl Region<2> for HardSwishScale {
///     #[inline(always)]
///     fn eval<S: Simd>(&self, s: S, [x, scale]: [S::F32; 2]) -> S::F32 {
///         let gate = s.min(s.splat(6.0), s.max(s.zero(), x + s.splat(3.0)));
///         x * gate * s.splat(1.0 / 6.0) * scale
///     }
/// }
///
/// let mut out = [0.0; 4];
/// let x = same(&[3.0, -3.0, 1.5, 6.0]);
/// map(&Threads::single(), &HardSwishScale, [x, channel(&[1.0, 10.0])], &mut out);
/// assert_eq!(out, [3.0, 0.0, 1.125, 60.0]);
/// ```
pub trait Region<const IN: usize>: Sync {
    /// The function of each lane. Implementations are `#[inline(always)]`, else they are compiled for the baseline.
    fn eval<S: Simd>(&self, s: S, x: [S::F32; IN]) -> S::F32;
}

/// `out[i] = region(operands[i])`.
///
/// # Panics
/// If an operand does not fit the length of `out`.
pub fn map<R: Region<IN>, const IN: usize>(
    threads: &Threads,
    region: &R,
    operands: [Operand; IN],
    out: &mut [f32],
) {
    run(threads, region, operands, out);
}

/// `out[i] = region(out[i], operands[i])`: the region has one operand more than `operands`, its first one.
///
/// # Panics
/// If an operand does not fit the length of `out`.
pub fn map_in_place<R: Region<IN>, const IN: usize, const REST: usize>(
    threads: &Threads,
    region: &R,
    out: &mut [f32],
    operands: [Operand; REST],
) {
    const {
        assert!(
            IN == REST + 1,
            "map_in_place: a region of one operand more than are given"
        );
    }
    run(threads, region, operands, out);
}

/// `given` operands; where the region has one more, its first one is `out`.
fn run<R: Region<IN>, const IN: usize, const GIVEN: usize>(
    threads: &Threads,
    region: &R,
    operands: [Operand; GIVEN],
    out: &mut [f32],
) {
    for operand in &operands {
        operand.check(out.len());
    }
    let length = part(threads, out.len(), GROUP, PART);
    threads.for_each_chunk(out, length, |index, out| {
        dispatch(Part {
            region,
            operands: &operands,
            start: index * length,
            out,
        });
    });
}

struct Part<'a, R, const IN: usize, const GIVEN: usize> {
    region: &'a R,
    operands: &'a [Operand<'a>; GIVEN],
    /// Where `out` starts in the whole result.
    start: usize,
    out: &'a mut [f32],
}

impl<R: Region<IN>, const IN: usize, const GIVEN: usize> WithSimd for Part<'_, R, IN, GIVEN> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let mut buffers = [const { None::<Buffer<f32>> }; GIVEN];
        let (mut start, mut rest) = (self.start, self.out);
        while !rest.is_empty() {
            let runs = self.operands.iter().map(|operand| operand.run(start));
            let length = runs.fold(rest.len(), usize::min);
            let (out, tail) = rest.split_at_mut(length);
            let mut x: [&[f32]; GIVEN] = [&[]; GIVEN];
            for ((x, operand), buffer) in x.iter_mut().zip(self.operands).zip(&mut buffers) {
                *x = operand.block(start, length, buffer);
            }
            eval_block(s, self.region, x, out);
            start += length;
            rest = tail;
        }
    }
}

/// The region on slices of the same length.
#[inline(always)]
fn eval_block<S: Simd, R: Region<IN>, const IN: usize, const GIVEN: usize>(
    s: S,
    region: &R,
    x: [&[f32]; GIVEN],
    out: &mut [f32],
) {
    let skip = IN - GIVEN;
    let mut groups: [&[[f32; GROUP]]; GIVEN] = [&[]; GIVEN];
    for k in 0..GIVEN {
        groups[k] = x[k].as_chunks().0;
    }
    let (out_groups, tail) = out.as_chunks_mut::<GROUP>();
    for (index, out) in out_groups.iter_mut().enumerate() {
        for lane in (0..GROUP).step_by(S::LANES) {
            let mut operands = [s.zero(); IN];
            if skip == 1 {
                operands[0] = s.load(&out[lane..]);
            }
            for k in 0..GIVEN {
                operands[skip + k] = s.load(&groups[k][index][lane..]);
            }
            s.store(region.eval(s, operands), &mut out[lane..]);
        }
    }
    let done = out_groups.len() * GROUP;
    for (index, out) in tail.chunks_mut(S::LANES).enumerate() {
        let start = done + index * S::LANES;
        let mut operands = [s.zero(); IN];
        if skip == 1 {
            operands[0] = s.load_partial(out);
        }
        for k in 0..GIVEN {
            operands[skip + k] = s.load_partial(&x[k][start..start + out.len()]);
        }
        s.store_partial(region.eval(s, operands), out);
    }
}

#[cfg(test)]
mod tests;
