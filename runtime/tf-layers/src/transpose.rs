//! Axes in another order.

use crate::kernels::threads::Threads;
use crate::strided::{Walk, strides};

/// `out` has axis `permutation[i]` of `x` as its axis `i`: TensorFlow's `Transpose`.
#[derive(Debug, Clone, Copy)]
pub struct Transpose<const R: usize> {
    shape: [usize; R],
    permutation: [usize; R],
}

impl<const R: usize> Transpose<R> {
    /// Reorders the axes of a tensor of shape `shape`.
    ///
    /// # Panics
    /// If `permutation` is not a permutation of `0..R`.
    #[must_use]
    pub const fn new(shape: [usize; R], permutation: [usize; R]) -> Self {
        let mut seen = [false; R];
        let mut axis = 0;
        while axis < R {
            assert!(
                permutation[axis] < R && !seen[permutation[axis]],
                "transpose: the permutation does not name each axis once"
            );
            seen[permutation[axis]] = true;
            axis += 1;
        }
        Self { shape, permutation }
    }
}

/// Copies `x` with its axes reordered.
///
/// # Panics
/// If a length does not fit the shape.
pub fn transpose<T: Copy + Send + Sync, const R: usize>(
    threads: &Threads,
    p: &Transpose<R>,
    x: &[T],
    out: &mut [T],
) {
    assert_eq!(
        x.len(),
        p.shape.iter().product(),
        "transpose: input has a wrong number of elements for the shape {:?}",
        p.shape
    );
    let strides = strides(p.shape);
    let mut walk: Walk = Walk::new();
    for axis in p.permutation {
        walk.push(p.shape[axis], strides[axis]);
    }
    walk.copy_shared(threads, x, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strided::tests::{count, flat, tensor};

    fn check<const R: usize>(shape: [usize; R], permutation: [usize; R]) {
        let x = count(&shape);
        let out_shape = permutation.map(|axis| shape[axis]);
        let expected = tensor(&out_shape, |index| {
            let mut source = [0; R];
            for (axis, &i) in permutation.iter().zip(index) {
                source[*axis] = i;
            }
            x[flat(&shape, &source)]
        });
        for threads in [1, 2, 3] {
            let mut out = vec![0; x.len()];
            let p = Transpose::new(shape, permutation);
            transpose(&Threads::new(threads), &p, &x, &mut out);
            assert_eq!(
                out, expected,
                "{shape:?} {permutation:?}, {threads} threads"
            );
        }
    }

    #[test]
    fn every_permutation_of_four_axes() {
        for shape in [[2, 3, 4, 5], [1, 17, 16, 3], [3, 1, 33, 2], [2, 0, 3, 4]] {
            for code in 0..256 {
                let permutation = [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6];
                let mut sorted = permutation;
                sorted.sort_unstable();
                if sorted == [0, 1, 2, 3] {
                    check(shape, permutation);
                }
            }
        }
    }

    #[test]
    fn matrices_around_the_block() {
        for rows in 0..=35 {
            for columns in [1, 2, 15, 16, 17, 31, 32, 33] {
                check([rows, columns], [1, 0]);
            }
        }
    }

    #[test]
    fn shared_among_threads() {
        check([128, 4, 40], [1, 0, 2]);
        check([128, 4, 40], [1, 2, 0]);
        check([5, 70, 60], [0, 2, 1]);
        check([121, 203], [1, 0]);
        check([2, 3, 5000], [1, 0, 2]);
    }

    #[test]
    fn ranks_up_to_eight() {
        check([], []);
        check([7], [0]);
        check([2, 3, 2, 3, 2, 3, 2, 3], [7, 0, 6, 1, 5, 2, 4, 3]);
        check([2, 2, 2, 2, 2, 2, 2, 20], [7, 6, 5, 4, 3, 2, 1, 0]);
    }

    #[test]
    #[should_panic = "does not name each axis once"]
    fn refuses_what_is_no_permutation() {
        let _ = Transpose::new([2, 2], [0, 0]);
    }
}
