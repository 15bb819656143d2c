//! Some columns of a matrix, where a tensor is a part of a wider one along its last axis.

/// The columns `first..first + width` of rows of `of` elements: one operand of TensorFlow's `ConcatV2` along the last axis,
/// where it lies in the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    pub(crate) first: usize,
    pub(crate) width: usize,
    pub(crate) of: usize,
}

impl Columns {
    /// `width` columns from `first` on, of `of`.
    ///
    /// # Panics
    /// If there are not as many.
    #[must_use]
    pub const fn new(first: usize, width: usize, of: usize) -> Self {
        assert!(
            first <= of && width <= of - first,
            "columns: they reach beyond the rows"
        );
        Self { first, width, of }
    }

    /// How many rows `length` elements are.
    ///
    /// # Panics
    /// If that is no whole number.
    pub(crate) fn rows(&self, what: &str, length: usize) -> usize {
        assert!(
            length.is_multiple_of(self.of),
            "{what} has {length} elements, which are no rows of {}",
            self.of
        );
        length.checked_div(self.of).unwrap_or(0)
    }
}

/// Writes the rows of `x` into columns of `out`; the others stay as they are.
///
/// # Panics
/// If the lengths are not those of as many rows.
pub fn copy_columns<T: Copy>(p: &Columns, x: &[T], out: &mut [T]) {
    let rows = p.rows("copy_columns: output", out.len());
    assert_eq!(
        x.len(),
        rows * p.width,
        "copy_columns: the input is not {rows} rows of {}",
        p.width
    );
    if x.is_empty() {
        return;
    }
    for (x, out) in x.chunks_exact(p.width).zip(out.chunks_exact_mut(p.of)) {
        out[p.first..][..p.width].copy_from_slice(x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_into_its_columns_alone() {
        let mut out = [9; 8];
        copy_columns(&Columns::new(1, 2, 4), &[1, 2, 3, 4], &mut out);
        assert_eq!(out, [9, 1, 2, 9, 9, 3, 4, 9]);
        copy_columns(&Columns::new(4, 0, 4), &[], &mut out);
        copy_columns(&Columns::new(0, 4, 4), &[0; 8], &mut out);
        assert_eq!(out, [0; 8]);
    }

    #[test]
    #[should_panic = "columns: they reach beyond the rows"]
    fn refuses_columns_that_are_not_there() {
        let _ = Columns::new(2, 3, 4);
    }

    #[test]
    #[should_panic = "copy_columns: the input is not 2 rows of 2"]
    fn refuses_other_numbers_of_rows() {
        copy_columns(&Columns::new(0, 2, 4), &[1; 6], &mut [0; 8]);
    }
}
