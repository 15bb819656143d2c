//! Copies out of a tensor with any stride along each axis: what slices, broadcasts, tiles and transposes have in common.

use crate::kernels::threads::Threads;
use crate::parallel::part;

/// Side of the square blocks in which two axes are exchanged: one cache line of f32.
const BLOCK: usize = 16;

/// Columns of the output that are written before the next rows, so that the source's cache lines are used up while they are in
/// the second-level cache.
const PANEL: usize = 256;

/// The least number of elements that is worth a second thread.
const PART: usize = 4096;

/// A sequence of at most `MAX` axes, each with its length and the distance of neighbours in the source. (A tile of a tensor of
/// rank 8 has two axes for each of the tensor's.)
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk<const MAX: usize = 16> {
    axes: [Axis; MAX],
    rank: usize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    pub(crate) length: usize,
    pub(crate) stride: isize,
}

impl<const MAX: usize> Walk<MAX> {
    pub(crate) const fn new() -> Self {
        let axis = Axis {
            length: 0,
            stride: 0,
        };
        Self {
            axes: [axis; MAX],
            rank: 0,
        }
    }

    /// Appends an axis inside of all others, and joins it with the one before it where they are one run in the source.
    pub(crate) fn push(&mut self, length: usize, stride: isize) {
        if length == 1 {
            return;
        }
        if let Some(last) = self.axes[..self.rank].last_mut()
            && last.stride == stride * length.cast_signed()
        {
            *last = Axis {
                length: last.length * length,
                stride,
            };
            return;
        }
        assert!(
            self.rank < MAX,
            "a copy has more than {MAX} axes that cannot be joined"
        );
        self.axes[self.rank] = Axis { length, stride };
        self.rank += 1;
    }

    /// The axes that are left after joining, the outermost first.
    pub(crate) fn axes(&self) -> &[Axis] {
        &self.axes[..self.rank]
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        self.axes().iter().map(|axis| axis.length).product()
    }

    /// `out[i, j, …] = x[start + i * stride_i + j * stride_j + …]`
    pub(crate) fn copy<T: Copy>(&self, x: &[T], start: usize, out: &mut [T]) {
        assert_eq!(
            out.len(),
            self.len(),
            "a copy's output has the wrong number of elements"
        );
        if out.is_empty() {
            return;
        }
        let axes = self.axes();
        let unit = axes.iter().position(|axis| axis.stride == 1);
        match (axes, unit) {
            // The source's runs lie along an axis that is not the innermost one of the output.
            ([.., last], Some(unit)) if unit + 1 < axes.len() && last.stride > 1 => {
                copy_exchanged(x, start.cast_signed(), axes, unit, out);
            }
            _ => copy_runs(x, start.cast_signed(), axes, out),
        }
    }
}

impl<const MAX: usize> Walk<MAX> {
    /// [`Walk::copy`] from the first element on, each thread some of the outermost axis.
    pub(crate) fn copy_shared<T: Copy + Send + Sync>(
        &self,
        threads: &Threads,
        x: &[T],
        out: &mut [T],
    ) {
        let Some(&Axis { length, stride }) = self.axes().first() else {
            return self.copy(x, 0, out);
        };
        let run = out.len() / length.max(1);
        let together = part(threads, out.len(), BLOCK, PART)
            .div_ceil(run.max(1))
            .next_multiple_of(if stride == 1 { BLOCK } else { 1 });
        if out.is_empty() || together >= length {
            return self.copy(x, 0, out);
        }
        threads.for_each_chunk(out, together * run, |index, out| {
            let first = index * together;
            let mut walk = *self;
            walk.axes[0].length = together.min(length - first);
            walk.copy(x, first * stride.unsigned_abs(), out);
        });
    }
}

/// The distance of neighbours along each axis of a contiguous tensor.
pub(crate) fn strides<const R: usize>(shape: [usize; R]) -> [isize; R] {
    let mut strides = [1; R];
    for axis in (1..R).rev() {
        strides[axis - 1] = strides[axis] * shape[axis].cast_signed();
    }
    strides
}

fn index(position: isize) -> usize {
    usize::try_from(position).expect("a copy starts before the beginning of its source")
}

fn copy_runs<T: Copy>(x: &[T], start: isize, axes: &[Axis], out: &mut [T]) {
    match *axes {
        [] => out[0] = x[index(start)],
        [
            Axis {
                length, stride: 1, ..
            },
        ] => out.copy_from_slice(&x[index(start)..][..length]),
        [Axis { stride: 0, .. }] => out.fill(x[index(start)]),
        [Axis { stride, .. }] => {
            let mut position = start;
            for out in out {
                *out = x[index(position)];
                position += stride;
            }
        }
        [Axis { length, stride }, ref inner @ ..] => {
            let run = out.len() / length;
            let mut position = start;
            for out in out.chunks_exact_mut(run) {
                copy_runs(x, position, inner, out);
                position += stride;
            }
        }
    }
}

/// As `copy_runs`, where `axes[unit]` has stride 1 and the last axis has not: exchanges the two block by block, so that
/// source and output are both touched by whole cache lines.
fn copy_exchanged<T: Copy>(x: &[T], start: isize, axes: &[Axis], unit: usize, out: &mut [T]) {
    if unit > 0 {
        let run = out.len() / axes[0].length;
        let mut position = start;
        for out in out.chunks_exact_mut(run) {
            copy_exchanged(x, position, &axes[1..], unit - 1, out);
            position += axes[0].stride;
        }
        return;
    }
    let rows = axes[0].length;
    let pitch = out.len() / rows;
    exchange(x, start, &axes[1..], rows, pitch, 0, out);
}

/// Exchanges `rows` neighbours in the source with the last of `axes`; the axes before that one stay. The output's rows are
/// `pitch` apart and written from `column` on.
fn exchange<T: Copy>(
    x: &[T],
    start: isize,
    axes: &[Axis],
    rows: usize,
    pitch: usize,
    column: usize,
    out: &mut [T],
) {
    if let [axis, inner @ ..] = axes
        && !inner.is_empty()
    {
        let run: usize = inner.iter().map(|axis| axis.length).product();
        for i in 0..axis.length {
            let start = start + i.cast_signed() * axis.stride;
            exchange(x, start, inner, rows, pitch, column + i * run, out);
        }
        return;
    }
    let columns = axes[0];
    let stride = columns.stride.cast_unsigned();
    let start = index(start);
    for panel in (0..columns.length).step_by(PANEL) {
        let end = (panel + PANEL).min(columns.length);
        for row in (0..rows).step_by(BLOCK) {
            let height = (rows - row).min(BLOCK);
            for first in (panel..end).step_by(BLOCK) {
                let width = (end - first).min(BLOCK);
                let x = &x[start + first * stride + row..];
                let out = &mut out[row * pitch + column + first..];
                if width == BLOCK && height == BLOCK {
                    exchange_block(x, stride, BLOCK, BLOCK, pitch, out);
                } else {
                    exchange_block(x, stride, width, height, pitch, out);
                }
            }
        }
    }
}

/// `out[i * pitch + j] = x[j * stride + i]` for `i < height`, `j < width`, at most `BLOCK` each. Inlined, so that the loops
/// of whole blocks have lengths that the compiler knows.
#[inline(always)]
fn exchange_block<T: Copy>(
    x: &[T],
    stride: usize,
    width: usize,
    height: usize,
    pitch: usize,
    out: &mut [T],
) {
    let mut block = [[x[0]; BLOCK]; BLOCK];
    for j in 0..width {
        let source = &x[j * stride..][..height];
        for i in 0..height {
            block[i][j] = source[i];
        }
    }
    for (i, line) in block[..height].iter().enumerate() {
        out[i * pitch..][..width].copy_from_slice(&line[..width]);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    /// A tensor of the given shape, element by element, from what stands at each index.
    pub(crate) fn tensor<T>(shape: &[usize], mut at: impl FnMut(&[usize]) -> T) -> Vec<T> {
        let mut index = vec![0; shape.len()];
        let mut out = Vec::new();
        for _ in 0..shape.iter().product() {
            out.push(at(&index));
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        out
    }

    /// Where an element stands in a contiguous tensor.
    pub(crate) fn flat(shape: &[usize], index: &[usize]) -> usize {
        shape
            .iter()
            .zip(index)
            .fold(0, |flat, (length, i)| flat * length + i)
    }

    /// 1, 2, 3, …: every element differs from every other, and none is the output's initial zero.
    pub(crate) fn count(shape: &[usize]) -> Vec<u32> {
        (1..).take(shape.iter().product()).collect()
    }
}
