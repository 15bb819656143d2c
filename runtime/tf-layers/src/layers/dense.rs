//! Keras's `Dense`.

use super::{check_bias, check_shape, examples, owned, room};
use crate::{Activation, Error, Matmul, Threads, matmul, pack, packed_len};

/// `activation(x · kernel + bias)` of each row of `inputs` elements.
#[derive(Debug, Clone)]
pub struct Dense {
    params: Matmul,
    shape: [usize; 2],
    kernel: Vec<f32>,
    bias: Option<Vec<f32>>,
}

impl Dense {
    /// From the kernel [inputs, units] and a bias `[units]`.
    ///
    /// # Errors
    /// If the kernel or the bias has another length than `shape` says, or a size is 0.
    pub fn new(
        kernel: &[f32],
        shape: [usize; 2],
        bias: Option<&[f32]>,
        activation: Activation,
    ) -> Result<Self, Error> {
        let [inputs, units] = shape;
        check_shape("kernel", kernel.len(), &shape)?;
        check_bias(bias, units)?;
        let mut packed = vec![0.0; packed_len(inputs, units)];
        pack(inputs, units, kernel, &mut packed);
        let params = Matmul::new(inputs, units).activation(activation);
        Ok(Self {
            params,
            shape,
            kernel: packed,
            bias: bias.map(<[f32]>::to_vec),
        })
    }

    /// Rows of `units` elements for rows of `inputs`.
    ///
    /// # Errors
    /// If `x` has no whole number of rows.
    pub fn apply(&self, x: &[f32]) -> Result<Vec<f32>, Error> {
        owned(|out| self.apply_into(x, out))
    }

    /// The same, in the place of what `out` has.
    ///
    /// # Errors
    /// As [`Dense::apply`].
    pub fn apply_into(&self, x: &[f32], out: &mut Vec<f32>) -> Result<(), Error> {
        let [inputs, units] = self.shape;
        let rows = examples(x.len(), inputs)?;
        let bias = self.bias.as_deref();
        matmul(
            &Threads::single(),
            &self.params,
            x,
            &self.kernel,
            bias,
            None,
            room(out, rows * units),
        );
        Ok(())
    }
}
