//! Convolutions with a filter that is known at run time only, as in training: it is packed into scratch memory.

use super::{Conv1d, Conv2d, Conv3d};
use crate::kernels::pack::{pack_columns, packed_len};
use crate::kernels::threads::Threads;

impl Conv3d {
    /// Length of the scratch memory with a filter that is not packed: `weights_len() + scratch_len(batch)`.
    pub const fn dynamic_scratch_len(&self, batch: usize) -> usize {
        self.weights_len() + self.scratch_len(batch)
    }

    /// Packs a filter [kernel, channels / groups, filters]: a matrix for each group.
    fn pack(&self, name: &str, filter: &[f32], packed: &mut [f32]) {
        let (k, columns) = (self.k(), self.filters / self.groups);
        assert_eq!(
            filter.len(),
            k * self.filters,
            "{name}: the filter is not [{k}, {}]",
            self.filters
        );
        if packed.is_empty() {
            return;
        }
        for (group, packed) in packed.chunks_exact_mut(packed_len(k, columns)).enumerate() {
            let first = group * columns;
            pack_columns(k, self.filters, first..first + columns, filter, packed);
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the operands of the public functions"
    )]
    fn run_dynamic(
        &self,
        name: &str,
        threads: &Threads,
        x: &[f32],
        filter: &[f32],
        bias: Option<&[f32]>,
        residual: Option<&[f32]>,
        scratch: &mut [f32],
        out: &mut [f32],
    ) {
        let length = self.weights_len();
        assert!(
            scratch.len() >= length,
            "{name}: the scratch memory has {} elements, fewer than {length}",
            scratch.len()
        );
        let (packed, scratch) = scratch.split_at_mut(length);
        self.pack(name, filter, packed);
        self.run(name, threads, x, packed, bias, residual, scratch, out);
    }
}

impl Conv2d {
    /// Packs a filter [height, width, channels / groups, filters]: a matrix for each group.
    pub(crate) fn pack(&self, name: &str, filter: &[f32], packed: &mut [f32]) {
        self.0.pack(name, filter, packed);
    }

    /// Length of the scratch memory with a filter that is not packed: see [`Conv3d::dynamic_scratch_len`].
    pub const fn dynamic_scratch_len(&self, batch: usize) -> usize {
        self.0.dynamic_scratch_len(batch)
    }
}

impl Conv1d {
    /// Packs a filter [taps, channels / groups, filters]: a matrix for each group.
    pub(crate) fn pack(&self, name: &str, filter: &[f32], packed: &mut [f32]) {
        self.0.pack(name, filter, packed);
    }

    /// Length of the scratch memory with a filter that is not packed: see [`Conv3d::dynamic_scratch_len`].
    pub const fn dynamic_scratch_len(&self, batch: usize) -> usize {
        self.0.dynamic_scratch_len(batch)
    }
}

macro_rules! dynamic {
    ($(#[$doc:meta])+ $name:ident($params:ident) |$p:ident| $inner:expr) => {
        $(#[$doc])+
        ///
        /// `filter` has its axes, the channels of a group, then the filters, as in TensorFlow; `scratch` has at least
        /// `p.dynamic_scratch_len(batch)` elements.
        ///
        /// # Panics
        /// If a length does not fit.
        #[expect(clippy::too_many_arguments, reason = "operands, as in the equation")]
        pub fn $name(
            threads: &Threads,
            $p: &$params,
            x: &[f32],
            filter: &[f32],
            bias: Option<&[f32]>,
            residual: Option<&[f32]>,
            scratch: &mut [f32],
            out: &mut [f32],
        ) {
            $inner.run_dynamic(stringify!($name), threads, x, filter, bias, residual, scratch, out);
        }
    };
}

dynamic! {
    /// [`conv3d`](crate::conv3d) with a filter that is not packed.
    dynamic_conv3d(Conv3d) |p| p
}

dynamic! {
    /// [`conv2d`](crate::conv2d) with a filter that is not packed.
    dynamic_conv2d(Conv2d) |p| p.0
}

dynamic! {
    /// [`conv1d`](crate::conv1d) with a filter that is not packed.
    dynamic_conv1d(Conv1d) |p| p.0
}
