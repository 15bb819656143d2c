//! Rows that a function is applied to in place.

use std::marker::PhantomData;

use crate::simd::Simd;

/// Rows of `width` elements, `stride` elements apart.
pub(crate) struct Block<'a> {
    first: *mut f32,
    rows: usize,
    stride: usize,
    width: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

impl<'a> Block<'a> {
    /// The rows from `first` on.
    ///
    /// # Safety
    /// During `'a` the elements of all rows are valid for reads and writes, and nothing else accesses them.
    pub(crate) unsafe fn new(first: *mut f32, rows: usize, stride: usize, width: usize) -> Self {
        Self {
            first,
            rows,
            stride,
            width,
            lifetime: PhantomData,
        }
    }

    /// One row.
    pub(crate) fn row(x: &'a mut [f32]) -> Self {
        // SAFETY: the slice is borrowed for `'a`.
        unsafe { Self::new(x.as_mut_ptr(), 1, x.len(), x.len()) }
    }

    /// Applies `function` to every element. Its constants stay in registers from the first row to the last.
    #[inline(always)]
    pub(crate) fn map<S: Simd>(self, s: S, function: impl Fn(S::F32) -> S::F32) {
        let (rows, width) = if self.stride == self.width {
            (1, self.rows * self.width)
        } else {
            (self.rows, self.width)
        };
        let whole = width - width % S::LANES;
        for row in 0..rows {
            // SAFETY: the columns are below `width`, and `new` was promised that the rows' elements are valid.
            unsafe {
                let row = self.first.add(row * self.stride);
                for column in (0..whole).step_by(S::LANES) {
                    let x = row.add(column);
                    s.store_ptr(function(s.load_ptr(x)), x);
                }
                if whole < width {
                    let (x, count) = (row.add(whole), width - whole);
                    s.store_ptr_partial(function(s.load_ptr_partial(x, count)), x, count);
                }
            }
        }
    }
}
