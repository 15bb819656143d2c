//! Keras's `Embedding`.

use super::{check_shape, owned, room};
use crate::{Error, Gather, Index, gather};

/// A table of which indices select rows.
#[derive(Debug, Clone)]
pub struct Embedding {
    params: Gather,
    width: usize,
    table: Vec<f32>,
}

impl Embedding {
    /// From the table [rows, width].
    ///
    /// # Errors
    /// If the table has another length than `shape` says, or a size is 0.
    pub fn new(table: &[f32], shape: [usize; 2]) -> Result<Self, Error> {
        check_shape("table", table.len(), &shape)?;
        let [rows, width] = shape;
        Ok(Self {
            params: Gather::new(1, rows, width),
            width,
            table: table.to_vec(),
        })
    }

    /// The rows that `indices` select, one after the other.
    ///
    /// # Errors
    /// If an index is not one of a row.
    pub fn apply<I: Index>(&self, indices: &[I]) -> Result<Vec<f32>, Error> {
        owned(|out| self.apply_into(indices, out))
    }

    /// The same, in the place of what `out` has.
    ///
    /// # Errors
    /// As [`Embedding::apply`]; what `out` has is of no use then.
    pub fn apply_into<I: Index>(&self, indices: &[I], out: &mut Vec<f32>) -> Result<(), Error> {
        let rows = room(out, indices.len() * self.width);
        gather(&self.params, &self.table, indices, rows)
    }
}
