//! Tensors put together out of parts of other tensors, of any element type: no arithmetic.

use crate::strided::{Walk, strides};

/// `out[i, j, …] = x[begin_i + i * step_i, begin_j + j * step_j, …]`, TensorFlow's `StridedSlice`, `Slice` and `ReverseV2`.
#[derive(Debug, Clone, Copy)]
pub struct Slice<const R: usize> {
    shape: [usize; R],
    begin: [usize; R],
    step: [isize; R],
    size: [usize; R],
}

impl<const R: usize> Slice<R> {
    /// Takes `size` elements along each axis of a tensor of shape `shape`, from `begin` on, in steps of `step`, which may be
    /// negative.
    ///
    /// # Panics
    /// If the first or the last element of an axis lies outside of `shape`.
    #[must_use]
    pub const fn new(
        shape: [usize; R],
        begin: [usize; R],
        step: [isize; R],
        size: [usize; R],
    ) -> Self {
        let mut axis = 0;
        while axis < R {
            if size[axis] > 0 {
                let last = begin[axis].cast_signed() + (size[axis].cast_signed() - 1) * step[axis];
                assert!(
                    begin[axis] < shape[axis] && last >= 0 && last < shape[axis].cast_signed(),
                    "slice: an axis reaches beyond the input's shape"
                );
            }
            axis += 1;
        }
        Self {
            shape,
            begin,
            step,
            size,
        }
    }

    /// Turns a tensor of shape `shape` around along the given axes.
    #[must_use]
    pub const fn reverse(shape: [usize; R], axes: [bool; R]) -> Self {
        let (mut begin, mut step) = ([0; R], [1; R]);
        let mut axis = 0;
        while axis < R {
            if axes[axis] && shape[axis] > 0 {
                begin[axis] = shape[axis] - 1;
                step[axis] = -1;
            }
            axis += 1;
        }
        Self::new(shape, begin, step, shape)
    }
}

/// Copies the elements that `p` names; `out` has the shape `p.size`.
///
/// # Panics
/// If a length does not fit the shape.
pub fn slice<T: Copy, const R: usize>(p: &Slice<R>, x: &[T], out: &mut [T]) {
    check("slice: input", x.len(), &p.shape);
    check("slice: output", out.len(), &p.size);
    let mut walk: Walk = Walk::new();
    let mut start = 0;
    for (axis, stride) in strides(p.shape).into_iter().enumerate() {
        start += p.begin[axis] * stride.cast_unsigned();
        walk.push(p.size[axis], stride * p.step[axis]);
    }
    walk.copy(x, start, out);
}

/// `out[i, j, …] = x[i mod shape_i, j mod shape_j, …]` for lengths that are 1 or equal: TensorFlow's `BroadcastTo`.
#[derive(Debug, Clone, Copy)]
pub struct BroadcastTo<const R: usize> {
    shape: [usize; R],
    out_shape: [usize; R],
}

impl<const R: usize> BroadcastTo<R> {
    /// From `shape`, with leading ones up to the output's rank, to `out_shape`.
    ///
    /// # Panics
    /// If the lengths of an axis differ and the input's is not 1.
    #[must_use]
    pub const fn new(shape: [usize; R], out_shape: [usize; R]) -> Self {
        let mut axis = 0;
        while axis < R {
            assert!(
                shape[axis] == out_shape[axis] || shape[axis] == 1,
                "broadcast_to: an axis of the input is neither 1 nor that of the output"
            );
            axis += 1;
        }
        Self { shape, out_shape }
    }
}

/// Repeats `x` along the axes that are 1 in it and not in `out`.
///
/// # Panics
/// If a length does not fit the shape.
pub fn broadcast_to<T: Copy, const R: usize>(p: &BroadcastTo<R>, x: &[T], out: &mut [T]) {
    check("broadcast_to: input", x.len(), &p.shape);
    check("broadcast_to: output", out.len(), &p.out_shape);
    let mut walk: Walk = Walk::new();
    for (axis, stride) in strides(p.shape).into_iter().enumerate() {
        let repeats = p.shape[axis] != p.out_shape[axis];
        walk.push(p.out_shape[axis], if repeats { 0 } else { stride });
    }
    walk.copy(x, 0, out);
}

/// `out[i, j, …] = x[i mod shape_i, j mod shape_j, …]`, TensorFlow's `Tile`.
#[derive(Debug, Clone, Copy)]
pub struct Tile<const R: usize> {
    shape: [usize; R],
    multiples: [usize; R],
}

impl<const R: usize> Tile<R> {
    /// Repeats a tensor of shape `shape` `multiples` times along each axis. `R` is at most 8.
    #[must_use]
    pub const fn new(shape: [usize; R], multiples: [usize; R]) -> Self {
        assert!(R <= 8, "tile: a tensor has more than 8 axes");
        Self { shape, multiples }
    }
}

/// Repeats `x` along each axis.
///
/// # Panics
/// If a length does not fit the shape.
pub fn tile<T: Copy, const R: usize>(p: &Tile<R>, x: &[T], out: &mut [T]) {
    check("tile: input", x.len(), &p.shape);
    let mut walk: Walk = Walk::new();
    for (axis, stride) in strides(p.shape).into_iter().enumerate() {
        walk.push(p.multiples[axis], 0);
        walk.push(p.shape[axis], stride);
    }
    walk.copy(x, 0, out);
}

/// A border around a tensor: TensorFlow's `Pad`, `PadV2` and `MirrorPad`.
#[derive(Debug, Clone, Copy)]
pub struct Pad<const R: usize> {
    shape: [usize; R],
    before: [usize; R],
    after: [usize; R],
}

/// What stands in a mirrored border.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mirror {
    /// The neighbours of the outermost elements: `3 2 | 1 2 3 | 2 1`.
    Reflect,
    /// The outermost elements and their neighbours: `2 1 | 1 2 3 | 3 2`.
    Symmetric,
}

impl<const R: usize> Pad<R> {
    /// `before` and `after` elements along each axis of a tensor of shape `shape`.
    #[must_use]
    pub const fn new(shape: [usize; R], before: [usize; R], after: [usize; R]) -> Self {
        Self {
            shape,
            before,
            after,
        }
    }

    fn out_shape(&self) -> [usize; R] {
        std::array::from_fn(|axis| self.before[axis] + self.shape[axis] + self.after[axis])
    }
}

/// Puts a border of `value` around `x`.
///
/// # Panics
/// If a length does not fit the shape.
pub fn pad<T: Copy, const R: usize>(p: &Pad<R>, x: &[T], value: T, out: &mut [T]) {
    check("pad: input", x.len(), &p.shape);
    check("pad: output", out.len(), &p.out_shape());
    if x.is_empty() {
        out.fill(value);
    } else {
        pad_axis(p, 0, x, value, out);
    }
}

fn pad_axis<T: Copy, const R: usize>(p: &Pad<R>, axis: usize, x: &[T], value: T, out: &mut [T]) {
    if p.before[axis..].iter().all(|&n| n == 0) && p.after[axis..].iter().all(|&n| n == 0) {
        out.copy_from_slice(x);
        return;
    }
    let length = p.shape[axis];
    let inner = out.len() / (p.before[axis] + length + p.after[axis]);
    let (before, out) = out.split_at_mut(p.before[axis] * inner);
    let (middle, after) = out.split_at_mut(length * inner);
    before.fill(value);
    after.fill(value);
    for (x, out) in x
        .chunks_exact(x.len() / length)
        .zip(middle.chunks_exact_mut(inner))
    {
        pad_axis(p, axis + 1, x, value, out);
    }
}

/// Puts a mirrored border around `x`.
///
/// # Panics
/// If a length does not fit the shape, or if the border is wider than what it mirrors: the axis less one element for
/// [`Mirror::Reflect`], the axis for [`Mirror::Symmetric`].
pub fn mirror_pad<T: Copy, const R: usize>(p: &Pad<R>, mirror: Mirror, x: &[T], out: &mut [T]) {
    check("mirror_pad: input", x.len(), &p.shape);
    check("mirror_pad: output", out.len(), &p.out_shape());
    let edge = usize::from(mirror == Mirror::Reflect);
    for axis in 0..R {
        assert!(
            p.before[axis].max(p.after[axis]) + edge <= p.shape[axis],
            "mirror_pad: the border of axis {axis} is wider than what it mirrors"
        );
    }
    if !x.is_empty() {
        mirror_axis(p, edge, 0, x, out);
    }
}

fn mirror_axis<T: Copy, const R: usize>(
    p: &Pad<R>,
    edge: usize,
    axis: usize,
    x: &[T],
    out: &mut [T],
) {
    if axis == R {
        out.copy_from_slice(x);
        return;
    }
    let (before, length, after) = (p.before[axis], p.shape[axis], p.after[axis]);
    let inner = out.len() / (before + length + after);
    let end = before + length;
    for (x, out) in x
        .chunks_exact(x.len() / length)
        .zip(out[before * inner..end * inner].chunks_exact_mut(inner))
    {
        mirror_axis(p, edge, axis + 1, x, out);
    }
    let mut repeat = |from: usize, to: usize| {
        out.copy_within(from * inner..(from + 1) * inner, to * inner);
    };
    for i in 0..before {
        repeat(before + edge + i, before - 1 - i);
    }
    for i in 0..after {
        repeat(end - 1 - edge - i, end + i);
    }
}

/// Joins tensors along an axis. The inputs are `[outer, inner[i]]`: `inner[i]` is the length of the axis times that of all
/// axes behind it; `outer` follows from the lengths. TensorFlow's `ConcatV2` and `Pack`.
///
/// # Panics
/// If the lengths do not fit `inner`.
pub fn concat<T: Copy, const K: usize>(inputs: [&[T]; K], inner: [usize; K], out: &mut [T]) {
    let row: usize = inner.iter().sum();
    let outer = rows("concat: output", out.len(), row);
    let mut column = 0;
    for (x, inner) in inputs.into_iter().zip(inner) {
        check("concat: input", x.len(), &[outer, inner]);
        if inner > 0 {
            for (out, x) in out.chunks_exact_mut(row).zip(x.chunks_exact(inner)) {
                out[column..column + inner].copy_from_slice(x);
            }
        }
        column += inner;
    }
}

/// Cuts a tensor along an axis: the reverse of [`concat()`]. TensorFlow's `Split`, `SplitV` and `Unpack`.
///
/// # Panics
/// If the lengths do not fit `inner`.
pub fn split<T: Copy, const K: usize>(x: &[T], inner: [usize; K], outputs: [&mut [T]; K]) {
    let row: usize = inner.iter().sum();
    let outer = rows("split: input", x.len(), row);
    let mut column = 0;
    for (out, inner) in outputs.into_iter().zip(inner) {
        check("split: output", out.len(), &[outer, inner]);
        if inner > 0 {
            for (out, x) in out.chunks_exact_mut(inner).zip(x.chunks_exact(row)) {
                out.copy_from_slice(&x[column..column + inner]);
            }
        }
        column += inner;
    }
}

fn rows(what: &str, length: usize, row: usize) -> usize {
    assert!(
        length.is_multiple_of(row),
        "{what} has {length} elements, which is no multiple of {row}"
    );
    length.checked_div(row).unwrap_or(0)
}

fn check(what: &str, length: usize, shape: &[usize]) {
    assert_eq!(
        length,
        shape.iter().product(),
        "{what} has a wrong number of elements for the shape {shape:?}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strided::tests::{count, flat, tensor};

    fn check_slice<const R: usize>(
        shape: [usize; R],
        begin: [usize; R],
        step: [isize; R],
        size: [usize; R],
    ) {
        let x = count(&shape);
        let expected = tensor(&size, |index| {
            let source: [usize; R] = std::array::from_fn(|axis| {
                begin[axis]
                    .checked_add_signed(index[axis].cast_signed() * step[axis])
                    .unwrap()
            });
            x[flat(&shape, &source)]
        });
        let mut out = vec![0; expected.len()];
        slice(&Slice::new(shape, begin, step, size), &x, &mut out);
        assert_eq!(out, expected, "{shape:?} {begin:?} {step:?} {size:?}");
    }

    #[test]
    fn slice_takes_every_step() {
        check_slice([], [], [], []);
        check_slice([10], [0], [1], [10]);
        check_slice([10], [9], [-1], [10]);
        check_slice([10], [8], [-3], [3]);
        check_slice([10], [1], [4], [3]);
        check_slice([5, 6, 7], [1, 0, 0], [2, 1, 1], [2, 6, 7]);
        check_slice([5, 6, 7], [4, 5, 6], [-2, -3, -5], [3, 2, 2]);
        check_slice([5, 6, 7], [0, 2, 3], [1, 1, 1], [5, 3, 4]);
        check_slice([5, 6, 7], [0, 2, 3], [1, 1, 1], [5, 0, 4]);
        check_slice([4, 1, 20], [0, 0, 1], [1, 7, 2], [4, 1, 9]);
    }

    #[test]
    fn reverse_turns_the_named_axes() {
        let mut out = [0; 6];
        let x = [1, 2, 3, 4, 5, 6];
        slice(&Slice::reverse([2, 3], [true, false]), &x, &mut out);
        assert_eq!(out, [4, 5, 6, 1, 2, 3]);
        slice(&Slice::reverse([2, 3], [true, true]), &x, &mut out);
        assert_eq!(out, [6, 5, 4, 3, 2, 1]);
    }

    #[test]
    #[should_panic = "slice: an axis reaches beyond the input's shape"]
    fn slice_refuses_to_reach_beyond() {
        let _ = Slice::new([5], [1], [2], [3]);
    }

    fn check_broadcast<const R: usize>(shape: [usize; R], out_shape: [usize; R]) {
        let x = count(&shape);
        let expected = tensor(&out_shape, |index| {
            let source: [usize; R] =
                std::array::from_fn(|axis| if shape[axis] == 1 { 0 } else { index[axis] });
            x[flat(&shape, &source)]
        });
        let mut out = vec![0; expected.len()];
        broadcast_to(&BroadcastTo::new(shape, out_shape), &x, &mut out);
        assert_eq!(out, expected, "{shape:?} {out_shape:?}");
    }

    #[test]
    fn broadcast_repeats_axes_of_length_one() {
        for bits in 0..16 {
            let out_shape = [2, 3, 4, 5];
            check_broadcast(
                std::array::from_fn(|axis| {
                    if bits >> axis & 1 == 0 {
                        1
                    } else {
                        out_shape[axis]
                    }
                }),
                out_shape,
            );
        }
        check_broadcast([], []);
        check_broadcast([1, 3], [0, 3]);
    }

    #[test]
    fn tile_repeats_every_axis() {
        let shape = [2, 1, 3];
        let x = count(&shape);
        for multiples in [
            [1, 1, 1],
            [2, 3, 4],
            [1, 5, 1],
            [3, 1, 1],
            [1, 1, 2],
            [1, 0, 1],
        ] {
            let out_shape = [0, 1, 2].map(|axis| shape[axis] * multiples[axis]);
            let expected = tensor(&out_shape, |index| {
                let source = [0, 1, 2].map(|axis| index[axis] % shape[axis]);
                x[flat(&shape, &source)]
            });
            let mut out = vec![0; expected.len()];
            tile(&Tile::new(shape, multiples), &x, &mut out);
            assert_eq!(out, expected, "{multiples:?}");
        }
    }

    fn check_pad<const R: usize>(shape: [usize; R], before: [usize; R], after: [usize; R]) {
        let x = count(&shape);
        let p = Pad::new(shape, before, after);
        let out_shape = p.out_shape();
        let expected = tensor(&out_shape, |index| {
            let inside = (0..R)
                .all(|axis| (before[axis]..before[axis] + shape[axis]).contains(&index[axis]));
            let source =
                || -> [usize; R] { std::array::from_fn(|axis| index[axis] - before[axis]) };
            if inside {
                x[flat(&shape, &source())]
            } else {
                99
            }
        });
        let mut out = vec![0; expected.len()];
        pad(&p, &x, 99, &mut out);
        assert_eq!(out, expected, "{shape:?} {before:?} {after:?}");

        for (mirror, edge) in [(Mirror::Reflect, 1), (Mirror::Symmetric, 0)] {
            let fits = |axis: usize| before[axis].max(after[axis]) + edge <= shape[axis];
            if !(0..R).all(fits) {
                continue;
            }
            let expected = tensor(&out_shape, |index| {
                let source: [usize; R] = std::array::from_fn(|axis| {
                    let (i, b, n) = (index[axis], before[axis], shape[axis]);
                    if i < b {
                        b - i - 1 + edge
                    } else if i < b + n {
                        i - b
                    } else {
                        2 * n + b - 1 - edge - i
                    }
                });
                x[flat(&shape, &source)]
            });
            out.fill(0);
            mirror_pad(&p, mirror, &x, &mut out);
            assert_eq!(out, expected, "{mirror:?} {shape:?} {before:?} {after:?}");
        }
    }

    #[test]
    fn pad_surrounds() {
        check_pad([], [], []);
        check_pad([3], [2], [1]);
        check_pad([3], [0], [3]);
        check_pad([3], [0], [0]);
        check_pad([2, 3, 4], [1, 2, 3], [1, 0, 2]);
        check_pad([2, 3, 4], [0, 1, 0], [0, 1, 0]);
        check_pad([2, 3, 4], [1, 0, 0], [1, 0, 0]);
        check_pad([2, 0, 4], [1, 1, 0], [0, 1, 0]);
        check_pad([1, 5, 6, 2], [0, 1, 1, 0], [0, 1, 1, 0]);
    }

    #[test]
    #[should_panic = "mirror_pad: the border of axis 1 is wider than what it mirrors"]
    fn mirror_pad_refuses_wide_borders() {
        let p = Pad::new([3, 3], [0, 0], [2, 3]);
        mirror_pad(&p, Mirror::Reflect, &[0; 9], &mut [0; 30]);
    }

    #[test]
    fn split_undoes_concat() {
        let (a, b, c): ([u8; 4], [u8; 0], [u8; 6]) = ([1, 2, 3, 4], [], [5, 6, 7, 8, 9, 10]);
        let mut joined = [0; 10];
        concat([&a, &b, &c], [2, 0, 3], &mut joined);
        assert_eq!(joined, [1, 2, 5, 6, 7, 3, 4, 8, 9, 10]);
        let (mut x, mut y, mut z) = ([0; 4], [0; 0], [0; 6]);
        split(&joined, [2, 0, 3], [&mut x, &mut y, &mut z]);
        assert_eq!((x, y, z), (a, b, c));
    }

    #[test]
    #[should_panic = "concat: input has a wrong number of elements for the shape [2, 3]"]
    fn concat_refuses_wrong_lengths() {
        concat([&[1, 2, 3, 4], &[5; 5]], [2, 3], &mut [0; 10]);
    }
}
