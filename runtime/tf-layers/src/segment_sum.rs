//! Sums of rows by index: TensorFlow's `UnsortedSegmentSum`, the gradient of a gather.

use crate::error::Error;
use crate::gather::{Index, Number};
use crate::kernels::threads::Threads;
use crate::parallel::part;

/// `out[s, …] = Σ x[i, …]` over the `i` with `indices[i] = s`.
///
/// The input is `[count, inner]`, with an index for each row; the output `[segments, inner]`.
#[derive(Debug, Clone, Copy)]
pub struct SegmentSum {
    segments: usize,
    inner: usize,
    skip_negative: bool,
}

impl SegmentSum {
    /// Into `segments` rows of `inner` elements.
    #[must_use]
    pub const fn new(segments: usize, inner: usize) -> Self {
        Self {
            segments,
            inner,
            skip_negative: false,
        }
    }

    /// Leaves out rows whose index is negative, instead of refusing them.
    #[must_use]
    pub const fn skip_negative(self, skip_negative: bool) -> Self {
        Self {
            skip_negative,
            ..self
        }
    }
}

/// Elements of the output for each thread at least: each thread reads all indices.
const PART: usize = 16_384;

/// Adds the rows of `x` up, in their order. Integers wrap around.
///
/// # Errors
/// [`Error::IndexOutOfRange`] for an index outside of `0..p.segments`; `out` is as it was before.
///
/// # Panics
/// If a length does not fit `p`.
pub fn segment_sum<T: Number + Send + Sync, I: Index + Sync>(
    threads: &Threads,
    p: &SegmentSum,
    x: &[T],
    indices: &[I],
    out: &mut [T],
) -> Result<(), Error> {
    let length = p.segments;
    assert!(
        x.len() == indices.len() * p.inner && out.len() == length * p.inner,
        "segment_sum: {} rows of {} elements and {} of the output do not fit {p:?}",
        indices.len(),
        x.len(),
        out.len()
    );
    for (position, &index) in indices.iter().enumerate() {
        let index: i64 = index.into();
        let skipped = p.skip_negative && index < 0;
        if !skipped && usize::try_from(index).map_or(true, |index| index >= length) {
            return Err(Error::IndexOutOfRange {
                position,
                index,
                length,
            });
        }
    }
    if out.is_empty() {
        return Ok(());
    }
    let chunk = part(threads, out.len(), p.inner, PART);
    threads.for_each_chunk(out, chunk, |part, out| {
        out.fill(T::ZERO);
        let first = part * (chunk / p.inner);
        let rows = first..first + out.len() / p.inner;
        for (row, &index) in x.chunks_exact(p.inner).zip(indices) {
            let Ok(index) = usize::try_from(index.into()) else {
                continue;
            };
            if rows.contains(&index) {
                let out = &mut out[(index - first) * p.inner..][..p.inner];
                for (out, &x) in out.iter_mut().zip(row) {
                    *out = out.plus(x);
                }
            }
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_the_rows_of_each_segment() {
        for (segments, inner, count) in [(3, 1, 7), (5, 4, 0), (1, 3, 9), (9, 5000, 40), (2, 0, 3)]
        {
            let x: Vec<i64> = (0..count * inner).map(|i| i as i64 * 7 % 23).collect();
            let indices: Vec<i32> = (0..count).map(|i| (i * i % segments) as i32).collect();
            let mut expected = vec![0; segments * inner];
            for (i, &x) in x.iter().enumerate() {
                expected[indices[i / inner] as usize * inner + i % inner] += x;
            }
            for threads in [Threads::single(), Threads::new(2), Threads::new(3)] {
                let mut out = vec![-1; expected.len()];
                let p = SegmentSum::new(segments, inner);
                segment_sum(&threads, &p, &x, &indices, &mut out).unwrap();
                assert_eq!(out, expected, "{p:?}");
            }
        }
    }

    #[test]
    fn checks_every_index_before_it_writes() {
        let threads = Threads::single();
        for index in [2, -1, i64::MAX, i64::MIN] {
            let mut out = [9.0; 2];
            let p = SegmentSum::new(2, 1);
            let error = segment_sum(&threads, &p, &[1.0, 2.0], &[0, index], &mut out).unwrap_err();
            let expected = Error::IndexOutOfRange {
                position: 1,
                index,
                length: 2,
            };
            assert_eq!((error, out), (expected, [9.0; 2]));
        }
    }

    #[test]
    fn negative_indices_can_be_left_out() {
        let p = SegmentSum::new(2, 1).skip_negative(true);
        let mut out = [9.0_f32; 2];
        let threads = Threads::single();
        segment_sum(&threads, &p, &[1.0, 2.0, 4.0], &[1, -1, 1], &mut out).unwrap();
        assert_eq!(out, [0.0, 5.0]);
        assert!(segment_sum(&threads, &p, &[1.0], &[2], &mut out).is_err());
    }
}
