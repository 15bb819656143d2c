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
    map_columns_beside(threads, region, [], operands, p, out);
}

/// As [`map_columns`], where the first operands of the region are other columns of `out`: as many as it writes, from each
/// column in `beside` on.
///
/// # Panics
/// If an operand does not fit the columns, `out` has no whole number of rows, or columns beside reach into those that are
/// written or beyond the rows.
pub fn map_columns_beside<
    R: Region<IN>,
    const IN: usize,
    const BESIDE: usize,
    const GIVEN: usize,
>(
    threads: &Threads,
    region: &R,
    beside: [usize; BESIDE],
    operands: [Operand; GIVEN],
    p: &Columns,
    out: &mut [f32],
) {
    const {
        assert!(
            IN == BESIDE + GIVEN,
            "map_columns_beside: a region of other operands than are given"
        );
    }
    for column in beside {
        assert!(
            column + p.width <= p.first
                || (p.first + p.width <= column && column + p.width <= p.of),
            "map_columns: {} columns from {column} on are not beside {p:?}",
            p.width
        );
    }
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
            beside: &beside,
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
        let start = self.start;
        eval_run::<_, _, _, GIVEN, _>(s, self.region, &[], operands, &mut buffers, start, out);
    }
}

struct ColumnsPart<'a, R, const IN: usize, const BESIDE: usize, const GIVEN: usize> {
    region: &'a R,
    beside: &'a [usize; BESIDE],
    operands: &'a [Operand<'a>; GIVEN],
    /// The row of the whole result that `out` starts with.
    first_row: usize,
    columns: Columns,
    out: &'a mut [f32],
}

impl<R: Region<IN>, const IN: usize, const BESIDE: usize, const GIVEN: usize> WithSimd
    for ColumnsPart<'_, R, IN, BESIDE, GIVEN>
{
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let mut buffers = [const { None::<Buffer<f32>> }; GIVEN];
        let Columns { first, width, of } = self.columns;
        for (row, out) in self.out.chunks_exact_mut(of).enumerate() {
            let start = (self.first_row + row) * width;
            let (left, out) = out.split_at_mut(first);
            let (out, right) = out.split_at_mut(width);
            let beside = self.beside.map(|column| match column.checked_sub(first) {
                None => &left[column..][..width],
                Some(distance) => &right[distance - width..][..width],
            });
            let (region, operands) = (self.region, self.operands);
            eval_run::<_, _, _, IN, _>(s, region, &beside, operands, &mut buffers, start, out);
        }
    }
}

/// The region on the elements of the result from `start` on. It reads slices of the length of `out` and then operands: all
/// that it has, or without its first one, which is `out`.
#[inline(always)]
fn eval_run<S: Simd, R: Region<IN>, const IN: usize, const READ: usize, const GIVEN: usize>(
    s: S,
    region: &R,
    slices: &[&[f32]],
    operands: &[Operand<'_>; GIVEN],
    buffers: &mut [Option<Buffer<f32>>; GIVEN],
    start: usize,
    out: &mut [f32],
) {
    let (mut done, mut rest) = (0, out);
    while !rest.is_empty() {
        let runs = operands.iter().map(|operand| operand.run(start + done));
        let length = runs.fold(rest.len(), usize::min);
        let (out, tail) = rest.split_at_mut(length);
        let mut x: [&[f32]; READ] = [&[]; READ];
        let (first, others) = x.split_at_mut(READ - GIVEN);
        for (x, slice) in first.iter_mut().zip(slices) {
            *x = &slice[done..][..length];
        }
        for ((x, operand), buffer) in others.iter_mut().zip(operands).zip(&mut *buffers) {
            *x = operand.block(start + done, length, buffer);
        }
        eval_block(s, region, x, out);
        done += length;
        rest = tail;
    }
}

/// The region on slices of the same length.
#[inline(always)]
fn eval_block<S: Simd, R: Region<IN>, const IN: usize, const READ: usize>(
    s: S,
    region: &R,
    x: [&[f32]; READ],
    out: &mut [f32],
) {
    let skip = IN - READ;
    let mut groups: [&[[f32; GROUP]]; READ] = [&[]; READ];
    for k in 0..READ {
        groups[k] = x[k].as_chunks().0;
    }
    let (out_groups, tail) = out.as_chunks_mut::<GROUP>();
    for (index, out) in out_groups.iter_mut().enumerate() {
        for lane in (0..GROUP).step_by(S::LANES) {
            let mut operands = [s.zero(); IN];
            if skip == 1 {
                operands[0] = s.load(&out[lane..]);
            }
            for k in 0..READ {
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
        for k in 0..READ {
            operands[skip + k] = s.load_partial(&x[k][start..start + out.len()]);
        }
        s.store_partial(region.eval(s, operands), out);
    }
}

#[cfg(test)]
mod tests;
