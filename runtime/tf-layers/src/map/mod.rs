//! Elementwise functions: a chain of any length is one pass over memory.

mod any;
mod operand;

pub use any::{Operands, map_any, map_any_in_place};
pub use operand::{Operand, broadcast, channel, columns, middle, rows, same, scalar};

use crate::columns::Columns;
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

/// As [`map`], into columns of `out`; its other columns stay as they are.
///
/// # Panics
/// If an operand does not fit the columns, or `out` has no whole number of rows.
pub fn map_columns<R: Region<IN>, const IN: usize>(
    threads: &Threads,
    region: &R,
    operands: [Operand; IN],
    p: &Columns,
    out: &mut [f32],
) {
    let rows = p.rows("map_columns: output", out.len());
    for operand in &operands {
        operand.check(rows * p.width);
    }
    if rows * p.width == 0 {
        return;
    }
    let together = part(threads, rows * p.width, GROUP, PART).div_ceil(p.width);
    threads.for_each_chunk(out, together * p.of, |index, out| {
        dispatch(ColumnsPart {
            region,
            operands: &operands,
            first_row: index * together,
            columns: *p,
            out,
        });
    });
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
        let (operands, out) = (self.operands, self.out);
        eval_run(s, self.region, operands, &mut buffers, self.start, out);
    }
}

struct ColumnsPart<'a, R, const IN: usize> {
    region: &'a R,
    operands: &'a [Operand<'a>; IN],
    /// The row of the whole result that `out` starts with.
    first_row: usize,
    columns: Columns,
    out: &'a mut [f32],
}

impl<R: Region<IN>, const IN: usize> WithSimd for ColumnsPart<'_, R, IN> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let mut buffers = [const { None::<Buffer<f32>> }; IN];
        let Columns { first, width, of } = self.columns;
        for (row, out) in self.out.chunks_exact_mut(of).enumerate() {
            let (start, out) = ((self.first_row + row) * width, &mut out[first..][..width]);
            eval_run(s, self.region, self.operands, &mut buffers, start, out);
        }
    }
}

/// The region on the elements of the result from `start` on.
#[inline(always)]
fn eval_run<S: Simd, R: Region<IN>, const IN: usize, const GIVEN: usize>(
    s: S,
    region: &R,
    operands: &[Operand<'_>; GIVEN],
    buffers: &mut [Option<Buffer<f32>>; GIVEN],
    mut start: usize,
    mut rest: &mut [f32],
) {
    while !rest.is_empty() {
        let runs = operands.iter().map(|operand| operand.run(start));
        let length = runs.fold(rest.len(), usize::min);
        let (out, tail) = rest.split_at_mut(length);
        let mut x: [&[f32]; GIVEN] = [&[]; GIVEN];
        for ((x, operand), buffer) in x.iter_mut().zip(operands).zip(&mut *buffers) {
            *x = operand.block(start, length, buffer);
        }
        eval_block(s, region, x, out);
        start += length;
        rest = tail;
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
