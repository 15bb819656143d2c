//! Images in another size.

/// Where the samples of the output lie in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// Pixels are squares and their values stand at the centres: `half_pixel_centers` in TensorFlow, the default of Keras.
    HalfPixelCenters,
    /// The centres of the corner pixels lie on each other: `align_corners` in TensorFlow.
    AlignCorners,
    /// The top left corners lie on each other: neither of the two.
    TopLeft,
}

/// One size to another, of images `[batch, height, width, channels]`. The batch follows from the lengths.
#[derive(Debug, Clone, Copy)]
pub struct Resize {
    height: usize,
    width: usize,
    channels: usize,
    out_height: usize,
    out_width: usize,
    sampling: Sampling,
}

impl Resize {
    /// From `size` to `out_size`, both `[height, width]`.
    ///
    /// # Panics
    /// If a size is 0.
    #[must_use]
    pub const fn new(
        size: [usize; 2],
        out_size: [usize; 2],
        channels: usize,
        sampling: Sampling,
    ) -> Self {
        assert!(
            size[0] * size[1] * out_size[0] * out_size[1] * channels > 0,
            "resize: an image without pixels"
        );
        Self {
            height: size[0],
            width: size[1],
            channels,
            out_height: out_size[0],
            out_width: out_size[1],
            sampling,
        }
    }

    /// Checks the lengths and calls `row` with each output row, its number and its input image.
    fn rows<T>(&self, x: &[T], out: &mut [T], mut row: impl FnMut(usize, &[T], &mut [T])) {
        let image = self.height * self.width * self.channels;
        let out_image = self.out_height * self.out_width * self.channels;
        assert!(
            x.len().is_multiple_of(image) && out.len() == x.len() / image * out_image,
            "resize: {} and {} elements do not fit {self:?}",
            x.len(),
            out.len()
        );
        for (x, out) in x.chunks_exact(image).zip(out.chunks_exact_mut(out_image)) {
            let rows = out.chunks_exact_mut(self.out_width * self.channels);
            for (y, out) in rows.enumerate() {
                row(y, x, out);
            }
        }
    }
}

/// One axis of a resize. f32 throughout, as TensorFlow computes it, so that the same samples are taken.
#[derive(Clone, Copy)]
struct Axis {
    length: usize,
    scale: f32,
    sampling: Sampling,
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
impl Axis {
    fn new(length: usize, out_length: usize, sampling: Sampling) -> Self {
        let scale = if sampling == Sampling::AlignCorners && out_length > 1 {
            (length - 1) as f32 / (out_length - 1) as f32
        } else {
            length as f32 / out_length as f32
        };
        Self {
            length,
            scale,
            sampling,
        }
    }

    /// The input element next to output element `i`.
    fn nearest(self, i: usize) -> usize {
        let source = match self.sampling {
            Sampling::HalfPixelCenters => ((i as f32 + 0.5) * self.scale).floor(),
            Sampling::AlignCorners => (i as f32 * self.scale).round(),
            Sampling::TopLeft => (i as f32 * self.scale).floor(),
        };
        (source as usize).min(self.length - 1)
    }

    /// The two input elements around output element `i`, and how far it lies from the first towards the second.
    fn between(self, i: usize) -> (usize, usize, f32) {
        let source = match self.sampling {
            Sampling::HalfPixelCenters => (i as f32 + 0.5) * self.scale - 0.5,
            Sampling::AlignCorners | Sampling::TopLeft => i as f32 * self.scale,
        };
        let floor = source.floor();
        let last = self.length - 1;
        let (lower, upper) = (floor.max(0.0) as usize, source.ceil().max(0.0) as usize);
        (lower.min(last), upper.min(last), source - floor)
    }
}

/// Takes the nearest pixel: TensorFlow's `ResizeNearestNeighbor`.
///
/// # Panics
/// If a length does not fit `p`.
pub fn resize_nearest<T: Copy>(p: &Resize, x: &[T], out: &mut [T]) {
    let rows = Axis::new(p.height, p.out_height, p.sampling);
    let columns = Axis::new(p.width, p.out_width, p.sampling);
    p.rows(x, out, |y, x, out| {
        let pitch = p.width * p.channels;
        let x = &x[rows.nearest(y) * pitch..][..pitch];
        for (column, out) in out.chunks_exact_mut(p.channels).enumerate() {
            out.copy_from_slice(&x[columns.nearest(column) * p.channels..][..p.channels]);
        }
    });
}

/// Interpolates linearly between the four pixels around: TensorFlow's `ResizeBilinear`.
///
/// # Panics
/// If a length does not fit `p`.
pub fn resize_bilinear(p: &Resize, x: &[f32], out: &mut [f32]) {
    let rows = Axis::new(p.height, p.out_height, p.sampling);
    let columns = Axis::new(p.width, p.out_width, p.sampling);
    p.rows(x, out, |y, x, out| {
        let pitch = p.width * p.channels;
        let (upper, lower, down) = rows.between(y);
        let (upper, lower) = (&x[upper * pitch..][..pitch], &x[lower * pitch..][..pitch]);
        for (column, out) in out.chunks_exact_mut(p.channels).enumerate() {
            let (left, right, along) = columns.between(column);
            let (left, right) = (left * p.channels, right * p.channels);
            let top = upper[left..][..p.channels]
                .iter()
                .zip(&upper[right..][..p.channels]);
            let bottom = lower[left..][..p.channels]
                .iter()
                .zip(&lower[right..][..p.channels]);
            for (out, (top, bottom)) in out.iter_mut().zip(top.zip(bottom)) {
                let top = top.0 + (top.1 - top.0) * along;
                let bottom = bottom.0 + (bottom.1 - bottom.0) * along;
                *out = top + (bottom - top) * down;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use Sampling::{AlignCorners, HalfPixelCenters, TopLeft};

    /// Sampling, output size, what `resize_bilinear` gives, what `resize_nearest` gives.
    type Case = (Sampling, [usize; 2], &'static [f32], &'static [u8]);

    /// From TensorFlow 2.21: `[[1, 2, 3], [4, 5, 6]]` in other sizes.
    #[test]
    #[rustfmt::skip]
    fn samples_as_tensorflow() {
        let cases: [Case; 9] = [
            (HalfPixelCenters, [3, 5],
             &[1.0, 1.4, 2.0, 2.6, 3.0, 2.5, 2.9, 3.5, 4.1, 4.5, 4.0, 4.4, 5.0, 5.6, 6.0],
             &[1, 1, 2, 3, 3, 4, 4, 5, 6, 6, 4, 4, 5, 6, 6]),
            (HalfPixelCenters, [1, 2], &[2.75, 4.25], &[4, 6]),
            (HalfPixelCenters, [4, 1], &[2.0, 2.75, 4.25, 5.0], &[2, 2, 5, 5]),
            (AlignCorners, [3, 5],
             &[1.0, 1.5, 2.0, 2.5, 3.0, 2.5, 3.0, 3.5, 4.0, 4.5, 4.0, 4.5, 5.0, 5.5, 6.0],
             &[1, 2, 2, 3, 3, 4, 5, 5, 6, 6, 4, 5, 5, 6, 6]),
            (AlignCorners, [1, 2], &[1.0, 3.0], &[1, 3]),
            (AlignCorners, [4, 1], &[1.0, 2.0, 3.0, 4.0], &[1, 1, 4, 4]),
            (TopLeft, [3, 5],
             &[1.0, 1.6, 2.2, 2.8, 3.0, 3.0, 3.6, 4.2, 4.8, 5.0, 4.0, 4.6, 5.2, 5.8, 6.0],
             &[1, 1, 2, 2, 3, 1, 1, 2, 2, 3, 4, 4, 5, 5, 6]),
            (TopLeft, [1, 2], &[1.0, 2.5], &[1, 2]),
            (TopLeft, [4, 1], &[1.0, 2.5, 4.0, 4.0], &[1, 1, 4, 4]),
        ];
        for (sampling, out_size, linear, nearest) in cases {
            // Two images of two channels: the second channel and the second image are the first, times -1 and times 10.
            let image = |values: &[f32]| -> Vec<f32> {
                [1.0, 10.0].into_iter()
                    .flat_map(|k| values.iter().flat_map(move |v| [k * v, -k * v]))
                    .collect()
            };
            let x = image(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
            let p = Resize::new([2, 3], out_size, 2, sampling);
            let mut out = vec![0.0; linear.len() * 4];
            resize_bilinear(&p, &x, &mut out);
            for (out, expected) in out.iter().zip(image(linear)) {
                // A few roundings of numbers up to 60.
                assert!((out - expected).abs() <= 1e-5, "{p:?}: {out} is not {expected}");
            }
            resize_nearest(&p, &x, &mut out);
            let nearest: Vec<f32> = nearest.iter().copied().map(f32::from).collect();
            assert_eq!(out, image(&nearest), "{p:?}");
        }
    }
}
