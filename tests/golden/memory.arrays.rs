//! The interface for [`ndarray`]: views of arrays in and out.

use ndarray::{ArrayView, Ix2, Ix3, Ix4};

use crate::{BranchesOutputs, DenseBlockOutputs, Error, PartsOutputs, PoolsOutputs, ResidualsOutputs, Session};

impl Session {
    /// [`Session::residuals`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::residuals`], and if an array has another shape.
    pub fn residuals_from_arrays(&mut self, x: ArrayView<'_, f32, Ix4>) -> Result<ResidualsOutputs<'_>, Error> {
        check_shape("x", x.shape(), &[None, Some(6), Some(6), Some(8)], "[n, 6, 6, 8]")?;
        let x = x.as_standard_layout();
        self.residuals(x.as_slice().unwrap_or_default())
    }

    /// [`Session::dense_block`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::dense_block`], and if an array has another shape.
    pub fn dense_block_from_arrays(&mut self, x: ArrayView<'_, f32, Ix4>) -> Result<DenseBlockOutputs<'_>, Error> {
        check_shape("x", x.shape(), &[None, Some(6), Some(6), Some(8)], "[n, 6, 6, 8]")?;
        let x = x.as_standard_layout();
        self.dense_block(x.as_slice().unwrap_or_default())
    }

    /// [`Session::branches`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::branches`], and if an array has another shape.
    pub fn branches_from_arrays(&mut self, x: ArrayView<'_, f32, Ix4>) -> Result<BranchesOutputs<'_>, Error> {
        check_shape("x", x.shape(), &[None, Some(4), Some(4), Some(8)], "[n, 4, 4, 8]")?;
        let x = x.as_standard_layout();
        self.branches(x.as_slice().unwrap_or_default())
    }

    /// [`Session::parts`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::parts`], and if an array has another shape.
    pub fn parts_from_arrays(
        &mut self,
        x: ArrayView<'_, f32, Ix3>,
        y: ArrayView<'_, f32, Ix2>,
    ) -> Result<PartsOutputs<'_>, Error> {
        check_shape("x", x.shape(), &[None, Some(8), Some(4)], "[n, 8, 4]")?;
        check_shape("y", y.shape(), &[Some(4), Some(6)], "[4, 6]")?;
        let x = x.as_standard_layout();
        let y = y.as_standard_layout();
        self.parts(x.as_slice().unwrap_or_default(), y.as_slice().unwrap_or_default())
    }

    /// [`Session::pools`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::pools`], and if an array has another shape.
    pub fn pools_from_arrays(&mut self, x: ArrayView<'_, f32, Ix4>) -> Result<PoolsOutputs<'_>, Error> {
        check_shape("x", x.shape(), &[None, Some(9), Some(9), Some(8)], "[n, 9, 9, 8]")?;
        let x = x.as_standard_layout();
        self.pools(x.as_slice().unwrap_or_default())
    }
}

impl<'session> ResidualsOutputs<'session> {
    /// `out0` as an array.
    #[must_use]
    pub fn out0_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out0_shape, self.out0).expect("a shape has as many elements as its slice")
    }

    /// `out1` as an array.
    #[must_use]
    pub fn out1_array(&self) -> ArrayView<'session, f32, Ix2> {
        ArrayView::from_shape(self.out1_shape, self.out1).expect("a shape has as many elements as its slice")
    }
}

impl<'session> DenseBlockOutputs<'session> {
    /// `out` as an array.
    #[must_use]
    pub fn out_array(&self) -> ArrayView<'session, f32, Ix2> {
        ArrayView::from_shape(self.out_shape, self.out).expect("a shape has as many elements as its slice")
    }
}

impl<'session> BranchesOutputs<'session> {
    /// `out` as an array.
    #[must_use]
    pub fn out_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out_shape, self.out).expect("a shape has as many elements as its slice")
    }
}

impl<'session> PartsOutputs<'session> {
    /// `out0` as an array.
    #[must_use]
    pub fn out0_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out0_shape, self.out0).expect("a shape has as many elements as its slice")
    }

    /// `out1` as an array.
    #[must_use]
    pub fn out1_array(&self) -> ArrayView<'session, f32, Ix2> {
        ArrayView::from_shape(self.out1_shape, self.out1).expect("a shape has as many elements as its slice")
    }
}

impl<'session> PoolsOutputs<'session> {
    /// `out` as an array.
    #[must_use]
    pub fn out_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out_shape, self.out).expect("a shape has as many elements as its slice")
    }
}

/// `None` is a dimension of any length.
fn check_shape(
    name: &'static str,
    got: &[usize],
    known: &[Option<usize>],
    expected: &'static str,
) -> Result<(), Error> {
    let fits = |(&got, known): (&usize, &Option<usize>)| known.is_none_or(|known| got == known);
    if got.len() == known.len() && got.iter().zip(known).all(fits) {
        Ok(())
    } else {
        Err(Error::WrongShape { name, expected, got: got.to_vec() })
    }
}
