//! Elements picked by index, the reverse (one-hot), and running sums.

use std::ops::Range;

use crate::error::Error;

/// Element types of indices.
pub trait Index: Copy + Into<i64> {
    /// A position, which fits for any tensor that fits in memory next to its indices.
    #[doc(hidden)]
    fn from_position(position: usize) -> Self;
}

macro_rules! indices {
    ($($t:ty)*) => { $(
        impl Index for $t {
            fn from_position(position: usize) -> Self {
                position as Self
            }
        }
    )* };
}
indices!(u8 i32 i64);

/// `out[b, o, k, …] = x[b, o, indices[b, k], …]`, TensorFlow's `GatherV2`.
///
/// The input is `[batch, outer, length, inner]`, the indices `[batch, count]`, the output `[batch, outer, count, inner]`.
#[derive(Debug, Clone, Copy)]
pub struct Gather {
    outer: usize,
    length: usize,
    inner: usize,
    batch: usize,
}

impl Gather {
    /// Picks along an axis of `length`, with `outer` elements in front of it and `inner` behind it, one set of indices for
    /// all.
    #[must_use]
    pub const fn new(outer: usize, length: usize, inner: usize) -> Self {
        Self {
            outer,
            length,
            inner,
            batch: 1,
        }
    }

    /// The same for each of `batch` examples, each with its own indices: TensorFlow's `batch_dims`.
    #[must_use]
    pub const fn batched(self, batch: usize) -> Self {
        Self { batch, ..self }
    }
}

/// Copies the elements that `indices` name. The number of indices follows from their length.
///
/// # Errors
/// [`Error::IndexOutOfRange`] for an index outside of `0..p.length`; `out` is as it was before.
///
/// # Panics
/// If a length does not fit `p`.
pub fn gather<T: Copy, I: Index>(
    p: &Gather,
    x: &[T],
    indices: &[I],
    out: &mut [T],
) -> Result<(), Error> {
    let Gather {
        outer,
        length,
        inner,
        batch,
    } = *p;
    assert_eq!(
        x.len(),
        batch * outer * length * inner,
        "gather: the input has a wrong number of elements for {p:?}"
    );
    assert_eq!(
        out.len(),
        outer * indices.len() * inner,
        "gather: the output has a wrong number of elements for {p:?}"
    );
    assert!(
        indices.len().is_multiple_of(batch),
        "gather: {} indices are no multiple of the batch {batch}",
        indices.len()
    );
    for (position, &index) in indices.iter().enumerate() {
        element(index, length).map_err(|index| Error::IndexOutOfRange {
            position,
            index,
            length,
        })?;
    }
    if out.is_empty() {
        return Ok(());
    }
    let count = indices.len() / batch;
    let rows = out.chunks_exact_mut(count * inner);
    for ((row, out), x) in rows.enumerate().zip(x.chunks_exact(length * inner)) {
        let indices = &indices[row / outer * count..][..count];
        for (&index, out) in indices.iter().zip(out.chunks_exact_mut(inner)) {
            let start = usize::try_from(index.into()).unwrap_or(length) * inner;
            out.copy_from_slice(&x[start..][..inner]);
        }
    }
    Ok(())
}

/// `index` as a position in `0..length`, or the index if it is none.
fn element(index: impl Index, length: usize) -> Result<usize, i64> {
    let index = index.into();
    match usize::try_from(index) {
        Ok(position) if position < length => Ok(position),
        _ => Err(index),
    }
}

/// `out[o, d, i] = on if indices[o, i] == d else off`, TensorFlow's `OneHot`: `out` is `[outer, depth, inner]`, where `inner`
/// is 1 for the usual last axis. An index outside of `0..depth` gives a row of `off`.
///
/// # Panics
/// If a length does not fit the shape.
pub fn one_hot<T: Copy, I: Index>(
    depth: usize,
    inner: usize,
    indices: &[I],
    on: T,
    off: T,
    out: &mut [T],
) {
    assert_eq!(
        out.len(),
        indices.len() * depth,
        "one_hot: the output has a wrong number of elements for {} indices of depth {depth}",
        indices.len()
    );
    assert!(
        indices.len().is_multiple_of(inner),
        "one_hot: {} indices are no multiple of {inner}",
        indices.len()
    );
    out.fill(off);
    for (position, &index) in indices.iter().enumerate() {
        if let Ok(index) = element(index, depth) {
            let (row, column) = (position / inner, position % inner);
            out[(row * depth + index) * inner + column] = on;
        }
    }
}

/// Numbers that wrap around when they are integers.
pub trait Number: Copy + sealed::Sealed {
    /// Neutral element of addition.
    const ZERO: Self;

    /// The sum, wrapped around for integers.
    #[must_use]
    fn plus(self, other: Self) -> Self;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! numbers {
    ($($t:ty, $zero:literal, $plus:expr);* $(;)?) => {
        $(
            impl sealed::Sealed for $t {}
            impl Number for $t {
                const ZERO: Self = $zero;

                fn plus(self, other: Self) -> Self {
                    $plus(self, other)
                }
            }
        )*
    };
}
numbers! {
    f32, 0.0, std::ops::Add::add;
    f64, 0.0, std::ops::Add::add;
    i32, 0, i32::wrapping_add;
    i64, 0, i64::wrapping_add;
}

/// Running sums along an axis: TensorFlow's `Cumsum`.
#[derive(Debug, Clone, Copy)]
pub struct Cumsum {
    length: usize,
    inner: usize,
    exclusive: bool,
    reverse: bool,
}

impl Cumsum {
    /// `out[o, l, i] = Σ x[o, k, i]` over `k <= l`, of a tensor `[outer, length, inner]`.
    #[must_use]
    pub const fn new(length: usize, inner: usize) -> Self {
        Self {
            length,
            inner,
            exclusive: false,
            reverse: false,
        }
    }

    /// Over `k < l`.
    #[must_use]
    pub const fn exclusive(self, exclusive: bool) -> Self {
        Self { exclusive, ..self }
    }

    /// Over `k >= l`, or `k > l` if exclusive.
    #[must_use]
    pub const fn reverse(self, reverse: bool) -> Self {
        Self { reverse, ..self }
    }
}

/// Sums up along an axis; `outer` follows from the lengths. f32 and f64 are added one after the other, as in TensorFlow.
///
/// # Panics
/// If a length does not fit `p`.
pub fn cumsum<T: Number>(p: &Cumsum, x: &[T], out: &mut [T]) {
    let (length, inner) = (p.length, p.inner);
    assert!(
        x.len() == out.len() && x.len().is_multiple_of(length * inner),
        "cumsum: {} and {} elements do not fit {p:?}",
        x.len(),
        out.len()
    );
    if x.is_empty() {
        return;
    }
    let line = |position: usize| -> Range<usize> {
        let at = if p.reverse {
            length - 1 - position
        } else {
            position
        };
        at * inner..(at + 1) * inner
    };
    let blocks = out.chunks_exact_mut(length * inner);
    for (out, x) in blocks.zip(x.chunks_exact(length * inner)) {
        if p.exclusive {
            out[line(0)].fill(T::ZERO);
        } else {
            out[line(0)].copy_from_slice(&x[line(0)]);
        }
        for position in 1..length {
            let (previous, current) = (line(position - 1), line(position));
            let added = if p.exclusive {
                previous.clone()
            } else {
                current.clone()
            };
            out.copy_within(previous, current.start);
            for (out, &x) in out[current].iter_mut().zip(&x[added]) {
                *out = out.plus(x);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strided::tests::{count, flat, tensor};

    #[test]
    fn gather_picks_along_any_axis() {
        for (outer, length, inner, batch, indices) in [
            (1, 5, 1, 1, vec![4, 0, 0, 3]),
            (1, 5, 7, 1, vec![4, 0, 2]),
            (3, 5, 2, 1, vec![1]),
            (2, 3, 4, 2, vec![0, 2, 1, 1, 1, 0]),
            (2, 3, 4, 1, vec![]),
            (0, 3, 4, 1, vec![1]),
        ] {
            let x = count(&[batch, outer, length, inner]);
            let picked = indices.len() / batch;
            let expected = tensor(&[batch, outer, picked, inner], |at| {
                let index = indices[at[0] * picked + at[2]];
                x[flat(
                    &[batch, outer, length, inner],
                    &[at[0], at[1], index, at[3]],
                )]
            });
            let p = Gather::new(outer, length, inner).batched(batch);
            let mut out = vec![0; expected.len()];
            let narrow: Vec<i32> = indices.iter().map(|&i| i32::try_from(i).unwrap()).collect();
            gather(&p, &x, &narrow, &mut out).unwrap();
            assert_eq!(out, expected, "{p:?}");
            let wide: Vec<i64> = narrow.iter().map(|&i| i.into()).collect();
            out.fill(0);
            gather(&p, &x, &wide, &mut out).unwrap();
            assert_eq!(out, expected, "{p:?}");
        }
    }

    #[test]
    fn gather_checks_every_index_before_it_writes() {
        for index in [5, -1, i64::MAX, i64::MIN] {
            let mut out = [9; 2];
            let error = gather(&Gather::new(1, 5, 1), &[1; 5], &[0, index], &mut out).unwrap_err();
            let expected = Error::IndexOutOfRange {
                position: 1,
                index,
                length: 5,
            };
            assert_eq!((error, out), (expected, [9; 2]));
        }
    }

    #[test]
    fn one_hot_marks_the_index() {
        let mut out = [0; 9];
        one_hot(3, 1, &[2_i64, -1, 0], 7, 1, &mut out);
        assert_eq!(out, [1, 1, 7, 1, 1, 1, 7, 1, 1]);
        let mut out = [0; 8];
        one_hot(2, 2, &[0, 1, 1, 9], 1, 0, &mut out);
        assert_eq!(out, [1, 0, 0, 1, 0, 0, 1, 0]);
    }

    #[test]
    fn cumsum_in_every_mode() {
        for (outer, length, inner) in [(1, 6, 1), (2, 3, 4), (3, 1, 2), (0, 3, 2)] {
            let shape = [outer, length, inner];
            let x: Vec<i64> = count(&shape).into_iter().map(Into::into).collect();
            for (exclusive, reverse) in [(false, false), (false, true), (true, false), (true, true)]
            {
                let expected = tensor(&shape, |at| {
                    (0..length)
                        .filter(|&k| {
                            let (k, l) = if reverse { (at[1], k) } else { (k, at[1]) };
                            k < l || k == l && !exclusive
                        })
                        .map(|k| x[flat(&shape, &[at[0], k, at[2]])])
                        .sum::<i64>()
                });
                let mut out = vec![-1; x.len()];
                let p = Cumsum::new(length, inner)
                    .exclusive(exclusive)
                    .reverse(reverse);
                cumsum(&p, &x, &mut out);
                assert_eq!(out, expected, "{p:?}");
            }
        }
        let mut out = [0; 2];
        cumsum(&Cumsum::new(2, 1), &[i32::MAX, 1], &mut out);
        assert_eq!(out, [i32::MAX, i32::MIN]);
    }
}
