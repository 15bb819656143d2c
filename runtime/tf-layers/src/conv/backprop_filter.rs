//! Gradients of filters: TensorFlow's `Conv2DBackpropFilter` and `Conv3DBackpropFilterV2`.
//!
//! The gradient is a product that sums over output pixels: `outᵀ[f, k] = Σ_r gradient[r, f] · patches[r, k]`, where row
//! `r` of the patches is what the filter sees at pixel `r`. Some hundred pixels at a time, the patches are packed as the
//! weights of a matmul are, straight from the image, and the gradient is transposed; the sums of the blocks are added
//! up, which also keeps the rounding of long sums small.

use std::ops::Range;

use super::{Conv2d, Conv3d};
use crate::activation::Activation;
use crate::kernels::gemm::{Axis, Groups, Product, Rows};
use crate::kernels::pack::{PANEL, packed_len};
use crate::kernels::threads::Threads;
use crate::strided::Walk;

/// Elements of patches that are packed together: 512 KiB, which stay in the second-level cache.
const PATCHES: usize = 1 << 17;
/// The most pixels of a block: their transposed gradients stay in the first-level cache for some filters.
const PIXELS: usize = 256;
/// The fewest: below, a product is mostly loads of the sums that it adds to.
const LEAST_PIXELS: usize = 16;
/// Below this number of elements a copy stays on one thread.
const PARALLEL_COPY: usize = 1 << 14;

impl Conv3d {
    /// Pixels of a block.
    const fn gradient_pixels(&self) -> usize {
        let wide = packed_len(1, self.k());
        let pixels = PATCHES / if wide == 0 { 1 } else { wide };
        if pixels > PIXELS {
            PIXELS
        } else if pixels < LEAST_PIXELS {
            LEAST_PIXELS
        } else {
            pixels
        }
    }

    /// Length of the scratch memory for the gradient of the filter: `p * (wide + filters) + k * filters` with
    /// `k = kernel * channels`, `wide = ceil(k / 16) * 16` and `p = clamp(131072 / wide, 16, 256)`.
    pub const fn gradient_scratch_len(&self) -> usize {
        let pixels = self.gradient_pixels();
        pixels * (packed_len(1, self.k()) + self.filters) + self.k() * self.filters
    }

    fn backprop_filter(
        &self,
        name: &str,
        threads: &Threads,
        x: &[f32],
        gradient: &[f32],
        scratch: &mut [f32],
        out: &mut [f32],
    ) {
        assert!(
            self.groups == 1 && !self.is_cropped(),
            "{name}: a convolution with groups or of a cropped image has no kernel"
        );
        let k = self.k();
        assert_eq!(
            out.len(),
            k * self.filters,
            "{name}: the output is not [{k}, {}]",
            self.filters
        );
        let [depth, height, width, _] = self.output();
        let image_in = self.input.iter().product::<usize>() * self.channels;
        let pixels = gradient.len().checked_div(self.filters).unwrap_or(0);
        let batch = pixels.checked_div(depth * height * width).unwrap_or(0);
        assert!(
            gradient.len() == batch * depth * height * width * self.filters
                && x.len() == batch * image_in,
            "{name}: {} elements of the input and {} of the gradient do not fit {self:?}",
            x.len(),
            gradient.len()
        );
        let needed = self.gradient_scratch_len();
        assert!(
            scratch.len() >= needed,
            "{name}: the scratch memory has {} elements, fewer than {needed}",
            scratch.len()
        );
        if pixels == 0 || out.is_empty() {
            return out.fill(0.0);
        }
        let together = self.gradient_pixels();
        let (packed, scratch) = scratch.split_at_mut(packed_len(together, k));
        let (transposed, sums) = scratch.split_at_mut(together * self.filters);
        let sums = &mut sums[..k * self.filters];
        for block in 0..pixels.div_ceil(together) {
            let first = block * together;
            let count = together.min(pixels - first);
            let packed = &mut packed[..packed_len(count, k)];
            let transposed = &mut transposed[..count * self.filters];
            self.pack_patches(threads, x, first, count, packed);
            self.transpose(
                threads,
                &gradient[first * self.filters..],
                count,
                transposed,
            );
            let rows = match block {
                0 => Rows::PLAIN,
                _ => Rows::PLAIN.accumulate(),
            };
            let one = Axis::new(1, 0);
            Product {
                x: transposed,
                rows: [one, one, one, Axis::new(self.filters, count)],
                taps: [one; 3],
                segment: count,
                groups: Groups::Adjacent(1),
                packed,
                columns: k,
                bias: None,
                residual: None,
                activation: Activation::None,
                out: rows,
                register_tile: None,
            }
            .run(threads, sums);
        }
        let mut walk: Walk<2> = Walk::new();
        walk.push(k, 1);
        walk.push(self.filters, k.cast_signed());
        walk.copy(sums, 0, out);
    }

    /// Writes `count` rows of `filters` elements as columns.
    fn transpose(&self, threads: &Threads, rows: &[f32], count: usize, columns: &mut [f32]) {
        let parts = if columns.len() < PARALLEL_COPY {
            1
        } else {
            threads.count()
        };
        let together = self.filters.div_ceil(parts).next_multiple_of(PANEL);
        threads.for_each_chunk(columns, together * count, |part, columns| {
            let mut walk: Walk<2> = Walk::new();
            walk.push(columns.len() / count, 1);
            walk.push(count, self.filters.cast_signed());
            walk.copy(rows, part * together, columns);
        });
    }

    /// Packs what the filter sees at `count` pixels, counted through all images from `first` on, as a [count, k] matrix.
    fn pack_patches(
        &self,
        threads: &Threads,
        x: &[f32],
        first: usize,
        count: usize,
        packed: &mut [f32],
    ) {
        let single = Threads::single();
        let threads = if packed.len() < PARALLEL_COPY {
            &single
        } else {
            threads
        };
        threads.for_each_chunk(packed, count * PANEL, |panel, packed| {
            let columns = panel * PANEL..self.k().min((panel + 1) * PANEL);
            if columns.len() < PANEL {
                packed.fill(0.0);
            }
            let mut column = columns.start;
            while column < columns.end {
                let (tap, channel) = (column / self.channels, column % self.channels);
                let width = (self.channels - channel).min(columns.end - column);
                let lane = column - columns.start;
                self.for_each_pixel(x, first..first + count, tap, channel, |index, pixel| {
                    let to = &mut packed[index * PANEL + lane..][..width];
                    match pixel {
                        Some(pixel) => to.copy_from_slice(&pixel[..width]),
                        None => to.fill(0.0),
                    }
                });
                column += width;
            }
        });
    }

    /// Calls `body` with 0, 1, … and the elements from `channel` on that tap `tap` of the filter sees at these pixels, or None
    /// for padding.
    #[inline(always)]
    fn for_each_pixel(
        &self,
        x: &[f32],
        pixels: Range<usize>,
        tap: usize,
        channel: usize,
        mut body: impl FnMut(usize, Option<&[f32]>),
    ) {
        let [_, kernel_height, kernel_width] = self.kernel;
        let taps = [
            tap / kernel_width / kernel_height,
            tap / kernel_width % kernel_height,
            tap % kernel_width,
        ];
        let [depth, height, width] = self.input;
        let [out_depth, out_height, out_width, _] = self.output();
        // The input's coordinate, if it is one.
        let at = |axis: usize, position: usize| {
            (position * self.strides[axis] + taps[axis] * self.dilations[axis])
                .checked_sub(self.before[axis])
                .filter(|&at| at < self.input[axis])
        };
        let mut pixel = pixels.start;
        while pixel < pixels.end {
            let (line, column) = (pixel / out_width, pixel % out_width);
            let (plane, y) = (line / out_height, line % out_height);
            let (image, z) = (plane / out_depth, plane % out_depth);
            let start = at(0, z).zip(at(1, y));
            let start = start.map(|(z, y)| ((image * depth + z) * height + y) * width);
            for column in column..out_width.min(column + pixels.end - pixel) {
                let seen = start.zip(at(2, column));
                let seen = seen.map(|(start, column)| (start + column) * self.channels + channel);
                body(pixel - pixels.start, seen.map(|seen| &x[seen..]));
                pixel += 1;
            }
        }
    }
}

impl Conv2d {
    /// Length of the scratch memory for the gradient of the filter: see [`Conv3d::gradient_scratch_len`].
    pub const fn gradient_scratch_len(&self) -> usize {
        self.0.gradient_scratch_len()
    }
}

macro_rules! backprop_filter {
    ($(#[$doc:meta])+ $name:ident($params:ident) |$p:ident| $inner:expr) => {
        $(#[$doc])+
        ///
        /// `gradient` is that of the convolution's result; `out` has the filter's axes, its channels, then its filters, as
        /// in TensorFlow; `scratch` has at least `p.gradient_scratch_len()` elements. The batch size follows from the
        /// length of `gradient`. Groups and the activation are not those of a gradient.
        ///
        /// # Panics
        /// If a length does not fit, or there are groups.
        pub fn $name(
            threads: &Threads,
            $p: &$params,
            x: &[f32],
            gradient: &[f32],
            scratch: &mut [f32],
            out: &mut [f32],
        ) {
            $inner.backprop_filter(stringify!($name), threads, x, gradient, scratch, out);
        }
    };
}

backprop_filter! {
    /// `out[h, i, j, c, f] = Σ_{b, z, y, x} in[b, z * sz + h * dz - front, y * sy + i * dy - top, x * sx + j * dx - left, c]
    /// · gradient[b, z, y, x, f]`.
    conv3d_backprop_filter(Conv3d) |p| p
}

backprop_filter! {
    /// `out[i, j, c, f] = Σ_{b, y, x} in[b, y * sy + i * dy - top, x * sx + j * dx - left, c] · gradient[b, y, x, f]`.
    conv2d_backprop_filter(Conv2d) |p| p.0
}
