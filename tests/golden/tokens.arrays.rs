//! The interface for [`ndarray`]: views of arrays in and out.

use ndarray::{ArrayView, Ix1, Ix2};

use crate::{Error, MatchOutputs, PredictOutputs, Session};

impl Session {
    /// [`Session::predict`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::predict`], and if an array has another shape.
    pub fn predict_from_arrays(
        &mut self,
        tokens: ArrayView<'_, i32, Ix2>,
        type_: ArrayView<'_, u8, Ix2>,
    ) -> Result<PredictOutputs<'_>, Error> {
        check_shape("tokens", tokens.shape(), &[None, Some(5)], "[n, 5]")?;
        check_shape("type_", type_.shape(), &[None, Some(5)], "[n, 5]")?;
        let tokens = tokens.as_standard_layout();
        let type_ = type_.as_standard_layout();
        self.predict(tokens.as_slice().unwrap_or_default(), type_.as_slice().unwrap_or_default())
    }

    /// [`Session::match_`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::match_`], and if an array has another shape.
    pub fn match_from_arrays(
        &mut self,
        x: ArrayView<'_, f32, Ix2>,
        y: ArrayView<'_, f32, Ix1>,
    ) -> Result<MatchOutputs<'_>, Error> {
        check_shape("x", x.shape(), &[Some(3), Some(2)], "[3, 2]")?;
        check_shape("y", y.shape(), &[Some(2)], "[2]")?;
        let x = x.as_standard_layout();
        let y = y.as_standard_layout();
        self.match_(x.as_slice().unwrap_or_default(), y.as_slice().unwrap_or_default())
    }
}

impl<'session> PredictOutputs<'session> {
    /// `embedded_tokens` as an array.
    #[must_use]
    pub fn embedded_tokens_array(&self) -> ArrayView<'session, f32, Ix2> {
        ArrayView::from_shape(self.embedded_tokens_shape, self.embedded_tokens)
            .expect("a shape has as many elements as its slice")
    }

    /// `do_` as an array.
    #[must_use]
    pub fn do_array(&self) -> ArrayView<'session, u8, Ix2> {
        ArrayView::from_shape(self.do_shape, self.do_).expect("a shape has as many elements as its slice")
    }
}

impl<'session> MatchOutputs<'session> {
    /// `scaled` as an array.
    #[must_use]
    pub fn scaled_array(&self) -> ArrayView<'session, f32, Ix2> {
        ArrayView::from_shape(self.scaled_shape, self.scaled).expect("a shape has as many elements as its slice")
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
