//! Reductions of any element type, one element after the other.

use crate::gather::Index;

/// Folds the middle axis of `[outer, reduced, inner]` with `f`, from `start` on. For integers and f64:
///
/// ```
/// use tf_layers::reduce_any;
///
/// let mut sums = [0_i64; 2];
/// reduce_any(3, 1, &[1_i64, 2, 3, 10, 20, 30], &mut sums, 0, i64::wrapping_add);
/// assert_eq!(sums, [6, 60]);
/// ```
///
/// # Panics
/// If a length does not fit.
pub fn reduce_any<T: Copy, O: Copy>(
    reduced: usize,
    inner: usize,
    x: &[T],
    out: &mut [O],
    start: O,
    f: impl Fn(O, T) -> O,
) {
    assert!(
        out.len().is_multiple_of(inner) && x.len() == out.len() * reduced,
        "reduce_any: {} and {} elements do not fit an axis of {reduced} with {inner} behind it",
        x.len(),
        out.len()
    );
    out.fill(start);
    if x.is_empty() {
        return;
    }
    for (out, x) in out
        .chunks_exact_mut(inner)
        .zip(x.chunks_exact(reduced * inner))
    {
        for x in x.chunks_exact(inner) {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = f(*out, x);
            }
        }
    }
}

/// Whether any element of the middle axis of `[outer, reduced, inner]` is true (1), TensorFlow's `Any`.
///
/// # Panics
/// If a length does not fit.
pub fn any(reduced: usize, inner: usize, x: &[u8], out: &mut [u8]) {
    reduce_any(reduced, inner, x, out, 0, |a, b| a | b);
}

/// Whether all elements of the middle axis of `[outer, reduced, inner]` are true (1), TensorFlow's `All`.
///
/// # Panics
/// If a length does not fit.
pub fn all(reduced: usize, inner: usize, x: &[u8], out: &mut [u8]) {
    reduce_any(reduced, inner, x, out, 1, |a, b| a & b);
}

/// The position of the largest element along the middle axis of `[outer, length, inner]`, the first of equal ones; NaN is
/// passed over, as in TensorFlow's `ArgMax`. 0 if there is nothing else.
///
/// # Panics
/// If a length does not fit.
pub fn argmax<T: Copy + PartialOrd, I: Index>(length: usize, inner: usize, x: &[T], out: &mut [I]) {
    arg("argmax", length, inner, x, out, |a, b| a > b);
}

/// The position of the smallest element, else as [`argmax`]: TensorFlow's `ArgMin`.
///
/// # Panics
/// If a length does not fit.
pub fn argmin<T: Copy + PartialOrd, I: Index>(length: usize, inner: usize, x: &[T], out: &mut [I]) {
    arg("argmin", length, inner, x, out, |a, b| a < b);
}

fn arg<T: Copy + PartialOrd, I: Index>(
    name: &str,
    length: usize,
    inner: usize,
    x: &[T],
    out: &mut [I],
    better: impl Fn(T, T) -> bool,
) {
    assert!(
        length > 0 && out.len().is_multiple_of(inner) && x.len() == out.len() * length,
        "{name}: {} and {} elements do not fit an axis of {length} with {inner} behind it",
        x.len(),
        out.len()
    );
    if out.is_empty() {
        return;
    }
    let is_nan = |x: T| x.partial_cmp(&x).is_none();
    for (out, x) in out
        .chunks_exact_mut(inner)
        .zip(x.chunks_exact(length * inner))
    {
        for (column, out) in out.iter_mut().enumerate() {
            let mut best = x[column];
            let mut position = 0;
            for (index, &x) in x[column..].iter().step_by(inner).enumerate() {
                // A NaN in the first place yields to any number.
                if better(x, best) || is_nan(best) && !is_nan(x) {
                    (best, position) = (x, index);
                }
            }
            *out = I::from_position(position);
        }
    }
}
