//! Operands of elementwise functions, which may be smaller than the result.

use crate::columns::Columns;
use crate::strided::{Axis, Walk, strides};

/// The most elements that are worked on at a time: what is repeated is first written out to this length, in L1.
const BLOCK: usize = 256;

/// Runs from this length on are worth blocks of their own; shorter ones are written out.
const LONG_RUN: usize = 64;

/// An operand of an elementwise function, and how it is repeated to the size of the result: made by [`same`], [`scalar`],
/// [`channel`], [`rows`], [`middle`], [`columns`] and [`broadcast`].
#[derive(Debug, Clone, Copy)]
pub struct Operand<'a, T = f32> {
    x: &'a [T],
    walk: Walk<8>,
    result: Length,
}

/// How many elements a result can have.
#[derive(Debug, Clone, Copy)]
enum Length {
    Exactly(usize),
    MultipleOf(usize),
}

/// One element for each element of the result.
#[must_use]
pub fn same<T>(x: &[T]) -> Operand<'_, T> {
    operand(x, &[(x.len(), 1)])
}

/// One element for each element of the result, where they are columns of a wider tensor.
///
/// # Panics
/// If `x` has no whole number of rows.
#[must_use]
pub fn columns<'a, T>(p: &Columns, x: &'a [T]) -> Operand<'a, T> {
    let rows = p.rows("columns: operand", x.len());
    let x = if rows == 0 { x } else { &x[p.first..] };
    operand(x, &[(rows, p.of), (p.width, 1)])
}

/// One element for all.
///
/// # Panics
/// If `x` has more elements than one.
#[must_use]
pub fn scalar<T>(x: &[T]) -> Operand<'_, T> {
    assert_eq!(x.len(), 1, "scalar: an operand of one element");
    operand(x, &[])
}

/// One element for each element of the last axis: `[C]` against `[…, C]`.
#[must_use]
pub fn channel<T>(x: &[T]) -> Operand<'_, T> {
    operand(x, &[(ANY, 0), (x.len(), 1)])
}

/// Each element repeated `inner` times: `[N, H, W, 1]` against `[N, H, W, inner]`.
#[must_use]
pub fn rows<T>(x: &[T], inner: usize) -> Operand<'_, T> {
    operand(x, &[(x.len(), 1), (inner, 0)])
}

/// Each run of `inner` elements repeated `repeat` times: `[N, 1, 1, C]` against `[N, H, W, C]` with `repeat = H W` and
/// `inner = C`.
///
/// # Panics
/// If the length of `x` is no multiple of `inner`.
#[must_use]
pub fn middle<T>(x: &[T], repeat: usize, inner: usize) -> Operand<'_, T> {
    assert!(
        x.len().is_multiple_of(inner),
        "middle: {} elements are no multiple of {inner}",
        x.len()
    );
    let outer = x.len().checked_div(inner).unwrap_or(0);
    operand(x, &[(outer, inner), (repeat, 0), (inner, 1)])
}

/// Repeated along each axis that is 1 in `shape` and not in `out_shape`. Any of the other forms can be written in this one.
///
/// # Panics
/// If the length of `x` does not fit `shape`, or `shape` does not fit `out_shape`.
#[must_use]
pub fn broadcast<T, const R: usize>(
    x: &[T],
    shape: [usize; R],
    out_shape: [usize; R],
) -> Operand<'_, T> {
    let fits = |(a, b): (&usize, &usize)| a == b || *a == 1;
    assert!(
        x.len() == shape.iter().product() && shape.iter().zip(&out_shape).all(fits),
        "broadcast: {} elements of shape {shape:?} cannot be repeated to {out_shape:?}",
        x.len()
    );
    let strides = strides(shape);
    let axes: [(usize, usize); R] = std::array::from_fn(|axis| {
        let repeats = shape[axis] != out_shape[axis];
        let stride = if repeats {
            0
        } else {
            strides[axis].cast_unsigned()
        };
        (out_shape[axis], stride)
    });
    operand(x, &axes)
}

/// The length of an outermost axis that follows from the result's.
const ANY: usize = usize::MAX;

fn operand<'a, T>(x: &'a [T], axes: &[(usize, usize)]) -> Operand<'a, T> {
    let mut walk = Walk::new();
    for &(length, stride) in axes {
        walk.push(length, stride.cast_signed());
    }
    let result = match *axes {
        [] | [(ANY, _), ..] => Length::MultipleOf(x.len()),
        _ => Length::Exactly(axes.iter().map(|(length, _)| length).product()),
    };
    Operand { x, walk, result }
}

impl<'a, T: Copy> Operand<'a, T> {
    /// # Panics
    /// If the operand cannot be repeated to `length` elements.
    pub(super) fn check(&self, length: usize) {
        let fits = match self.result {
            Length::Exactly(result) => length == result,
            Length::MultipleOf(period) => length.is_multiple_of(period),
        };
        assert!(
            fits,
            "map: an operand of {} elements is repeated to {:?}, but the result has {length}",
            self.x.len(),
            self.result
        );
    }

    /// How many of the result's elements from `start` on find their operands here in one run, or at most a block.
    #[inline(always)]
    pub(super) fn run(&self, start: usize) -> usize {
        match self.walk.axes() {
            // The result's end limits it.
            [Axis { stride: 1, .. }] => BLOCK,
            [.., Axis { length: run, .. }] if *run >= LONG_RUN => (run - start % run).min(BLOCK),
            _ => BLOCK,
        }
    }

    /// The elements `start..start + length` of the repeated operand, from the operand itself where they lie there in one
    /// run, else from `buffer`.
    #[inline(always)]
    pub(super) fn block<'b>(
        &self,
        start: usize,
        length: usize,
        buffer: &'b mut Option<Buffer<T>>,
    ) -> &'b [T]
    where
        'a: 'b,
    {
        match *self.walk.axes() {
            [Axis { stride: 1, .. }] => &self.x[start..][..length],
            [
                ..,
                Axis {
                    stride: 1,
                    length: run,
                },
            ] if start % run + length <= run => &self.x[self.offset(start)..][..length],
            _ if self.x.len() < LONG_RUN && matches!(self.result, Length::MultipleOf(_)) => {
                let buffer = buffer.get_or_insert_with(|| {
                    let mut buffer = Buffer::new(self.x[0]);
                    if self.x.len() > 1 {
                        fill(self.x, self.walk.axes(), 0, &mut buffer.0);
                    }
                    buffer
                });
                &buffer.0[start % self.x.len()..][..length]
            }
            _ => {
                let buffer = &mut buffer.get_or_insert_with(|| Buffer::new(self.x[0])).0[..length];
                fill(self.x, self.walk.axes(), start, buffer);
                buffer
            }
        }
    }

    /// Where the result's element `position` comes from.
    #[inline(always)]
    fn offset(&self, mut position: usize) -> usize {
        let mut offset = 0;
        for axis in self.walk.axes().iter().rev() {
            offset += position % axis.length * axis.stride.cast_unsigned();
            position /= axis.length;
        }
        offset
    }
}

/// Where an operand is written out, block by block, or once for all blocks if its period is short.
pub(super) struct Buffer<T>([T; BLOCK + LONG_RUN]);

impl<T: Copy> Buffer<T> {
    #[inline(always)]
    fn new(x: T) -> Self {
        Self([x; BLOCK + LONG_RUN])
    }
}

/// Writes the elements from `start` on of `x`, repeated as `axes` say.
fn fill<T: Copy>(x: &[T], axes: &[Axis], mut start: usize, mut out: &mut [T]) {
    let [axis, inner @ ..] = axes else {
        out.fill(x[0]);
        return;
    };
    let stride = axis.stride.cast_unsigned();
    let run: usize = inner.iter().map(|axis| axis.length).product();
    match (stride, inner) {
        (1, []) => out.copy_from_slice(&x[start..][..out.len()]),
        (0, _) if out.len() > run => {
            // The first period, from the middle of a run on; then what is written doubles.
            let (head, tail) = out[..run].split_at_mut(run - start % run);
            fill(x, inner, start % run, head);
            fill(x, inner, 0, tail);
            let mut written = run;
            while written < out.len() {
                let length = written.min(out.len() - written);
                out.copy_within(..length, written);
                written += length;
            }
        }
        _ => {
            while !out.is_empty() {
                let (run_start, rest) = (start / run * stride, start % run);
                let length = (run - rest).min(out.len());
                let (head, tail) = out.split_at_mut(length);
                fill(&x[run_start..], inner, rest, head);
                start += length;
                out = tail;
            }
        }
    }
}
