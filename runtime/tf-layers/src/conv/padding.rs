//! What the windows of a convolution look at: the image itself, or a copy of it with zeros around it.

use super::Conv3d;
use crate::kernels::gemm::Axis;
use crate::kernels::threads::Threads;

/// Elements of padded images that are convolved together: 256 KiB, which stay in the second-level cache.
const SCRATCH: usize = 1 << 16;

impl Conv3d {
    /// The extent of an axis without what is cropped and with the zeros around it.
    pub(super) const fn padded(&self, axis: usize) -> usize {
        let [before, after] = self.crop;
        (self.input[axis] + self.before[axis] + self.after[axis])
            .saturating_sub(before[axis] + after[axis])
    }

    /// Whether there are zeros around the image, so that it is copied.
    pub(super) const fn is_padded(&self) -> bool {
        let (before, after) = (self.before, self.after);
        before[0] + before[1] + before[2] + after[0] + after[1] + after[2] > 0
    }

    /// Whether something is left out of the image.
    pub(super) const fn is_cropped(&self) -> bool {
        let [before, after] = self.crop;
        before[0] + before[1] + before[2] + after[0] + after[1] + after[2] > 0
    }

    /// Length of the scratch memory: zero without padding, else
    /// `padded * clamp(65536 / padded, 1, batch)` with `padded` the elements of a padded image, the product of the
    /// channels and three extents. Along an axis where the filter has one tap, the extent is that of the result, else that of
    /// the image with pads and without what is cropped.
    pub const fn scratch_len(&self, batch: usize) -> usize {
        let padded = self.image_len();
        if !self.is_padded() || padded == 0 || batch == 0 {
            return 0;
        }
        let together = SCRATCH / padded;
        if together <= 1 {
            padded
        } else if together < batch {
            padded * together
        } else {
            padded * batch
        }
    }

    /// How far apart pixels of the image are that are neighbours in a copy: where the filter has one tap, those between its
    /// windows are left out.
    const fn step(&self, axis: usize) -> usize {
        match (self.is_padded(), self.kernel[axis]) {
            (true, 1) => self.strides[axis],
            _ => 1,
        }
    }

    /// The extent of an axis of what windows look at.
    const fn extent(&self, axis: usize) -> usize {
        match (self.is_padded(), self.kernel[axis]) {
            (true, 1) => self.output_axis(axis),
            (true, _) => self.padded(axis),
            (false, _) => self.input[axis],
        }
    }

    /// Elements of an image that windows look at.
    pub(super) const fn image_len(&self) -> usize {
        self.extent(0) * self.extent(1) * self.extent(2) * self.channels
    }

    /// Elements between planes, lines and pixels of an image that windows look at.
    pub(super) const fn distances(&self) -> [usize; 3] {
        let line = self.extent(2) * self.channels;
        [self.extent(1) * line, line, self.channels]
    }

    /// The first element of an image that is not copied, where its first window starts.
    pub(super) const fn first(&self) -> usize {
        let ([front, top, left], [plane, line, pixel]) = (self.crop[0], self.distances());
        front * plane + top * line + left * pixel
    }

    /// Where the windows start.
    pub(super) fn rows(&self, batch: usize) -> [Axis; 4] {
        let distances = self.distances();
        let axis = |i: usize| {
            let stride = self.strides[i] / self.step(i);
            Axis::new(self.output_axis(i), stride * distances[i])
        };
        let images = Axis::new(batch, self.image_len());
        [images, axis(0), axis(1), axis(2)]
    }

    /// The position along an axis of the image that is at `position` of a copy; None for a zero.
    fn source(&self, axis: usize, position: usize) -> Option<usize> {
        let [before, after] = self.crop;
        let inside = (position * self.step(axis)).checked_sub(self.before[axis])?;
        let at = inside + before[axis];
        (at + after[axis] < self.input[axis]).then_some(at)
    }

    /// Writes images with zeros around them.
    pub(super) fn pad(&self, threads: &Threads, x: &[f32], padded: &mut [f32]) {
        let [depth, height, width] = self.input;
        let (planes, lines) = (self.extent(0), self.extent(1));
        let line = self.extent(2) * self.channels;
        let single = Threads::single();
        let threads = if padded.len() < SCRATCH {
            &single
        } else {
            threads
        };
        // Some lines at once, so that a part is worth its start.
        let together = (4096 / line).clamp(1, lines);
        threads.for_each_chunk(padded, together * line, |chunk, padded| {
            for (index, to) in padded.chunks_exact_mut(line).enumerate() {
                let index = chunk * together + index;
                let (image, z, y) = (
                    index / lines / planes,
                    index / lines % planes,
                    index % lines,
                );
                let (Some(z), Some(y)) = (self.source(0, z), self.source(1, y)) else {
                    to.fill(0.0);
                    continue;
                };
                let from = ((image * depth + z) * height + y) * width * self.channels;
                self.pad_line(&x[from..][..width * self.channels], to);
            }
        });
    }

    /// Writes a line with zeros at its ends.
    fn pad_line(&self, x: &[f32], to: &mut [f32]) {
        let channels = self.channels;
        if self.step(2) > 1 {
            for (index, to) in to.chunks_exact_mut(channels).enumerate() {
                match self.source(2, index) {
                    Some(at) => to.copy_from_slice(&x[at * channels..][..channels]),
                    None => to.fill(0.0),
                }
            }
            return;
        }
        let [before, after] = self.crop;
        let (left, width) = (self.before[2], self.input[2] - before[2] - after[2]);
        let (left, width) = (left * channels, width * channels);
        to[..left].fill(0.0);
        to[left..][..width].copy_from_slice(&x[before[2] * channels..][..width]);
        to[left + width..].fill(0.0);
    }
}
