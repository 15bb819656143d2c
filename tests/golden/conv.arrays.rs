//! The interface for [`ndarray`]: views of arrays in and out.

use ndarray::{ArrayView, Ix2, Ix4};

use crate::{Error, PredictOutputs, Session};

impl Session {
    /// [`Session::predict`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::predict`], and if an array has another shape.
    pub fn predict_from_arrays(&mut self, input: ArrayView<'_, f32, Ix4>) -> Result<PredictOutputs<'_>, Error> {
        check_shape("input", input.shape(), &[None, Some(8), Some(8), Some(3)], "[n, 8, 8, 3]")?;
        let input = input.as_standard_layout();
        self.predict(input.as_slice().unwrap_or_default())
    }
}

impl<'session> PredictOutputs<'session> {
    /// `pool` as an array.
    #[must_use]
    pub fn pool_array(&self) -> ArrayView<'session, f32, Ix2> {
        ArrayView::from_shape(self.pool_shape, self.pool).expect("a shape has as many elements as its slice")
    }

    /// `input` as an array.
    #[must_use]
    pub fn input_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.input_shape, self.input).expect("a shape has as many elements as its slice")
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
