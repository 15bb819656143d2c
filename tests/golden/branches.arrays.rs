//! The interface for [`ndarray`]: views of arrays in and out.

use ndarray::{ArrayView, Ix1, Ix2};

use crate::{Error, Session, TrainOutputs};

impl Session {
    /// [`Session::train`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::train`], and if an array has another shape.
    pub fn train_from_arrays(&mut self, x: ArrayView<'_, f32, Ix2>) -> Result<TrainOutputs<'_>, Error> {
        check_shape("x", x.shape(), &[None, Some(4)], "[n, 4]")?;
        let x = x.as_standard_layout();
        self.train(x.as_slice().unwrap_or_default())
    }
}

impl<'session> TrainOutputs<'session> {
    /// `sum` as an array.
    #[must_use]
    pub fn sum_array(&self) -> ArrayView<'session, f32, Ix1> {
        ArrayView::from_shape(self.sum_shape, self.sum).expect("a shape has as many elements as its slice")
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
