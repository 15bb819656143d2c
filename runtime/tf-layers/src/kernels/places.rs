//! Where things lie that are counted along several axes.

use super::gemm::Axis;

/// The place of one after the other, the innermost axis last. Its functions take the same axes, four at most.
pub(super) struct Places {
    position: [usize; 4],
    /// Where it starts.
    pub offset: usize,
}

impl Places {
    /// The place of number `index`.
    pub(super) fn new(axes: &[Axis], mut index: usize) -> Self {
        let mut position = [0; 4];
        let mut offset = 0;
        for (axis, place) in axes.iter().zip(&mut position).rev() {
            *place = index % axis.count;
            index /= axis.count;
            offset += *place * axis.stride;
        }
        Self { position, offset }
    }

    /// Goes on to the next one, from the last to the first.
    #[inline]
    pub(super) fn advance(&mut self, axes: &[Axis]) {
        for (axis, place) in axes.iter().zip(&mut self.position).rev() {
            *place += 1;
            self.offset += axis.stride;
            if *place < axis.count {
                return;
            }
            *place = 0;
            self.offset -= axis.count * axis.stride;
        }
    }
}
