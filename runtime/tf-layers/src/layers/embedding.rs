//! Keras's `Embedding`.

use super::check_shape;
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
        let mut out = vec![0.0; indices.len() * self.width];
        gather(&self.params, &self.table, indices, &mut out)?;
        Ok(out)
    }
}
