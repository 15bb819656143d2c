//! The gradient of a depthwise filter: TensorFlow's `DepthwiseConv2dNativeBackpropFilter`.

use std::ops::Range;

use super::DepthwiseConv2d;
use crate::kernels::threads::Threads;
use crate::simd::{Simd, WithSimd, dispatch};

/// `out[i, j, c, q] = Σ_{b, y, x} in[b, y * sy + i * dy - top, x * sx + j * dx - left, c] · gradient[b, y, x, c * m + q]`,
/// with `m` the channel multiplier.
///
/// `gradient` is that of the convolution's result; `out` is [kernel height, kernel width, channels, multiplier], as in
/// TensorFlow. The batch size follows from the length of `gradient`; the activation is not that of a gradient.
///
/// # Panics
/// If a length does not fit, or the channel multiplier is zero.
pub fn depthwise_conv2d_backprop_filter(
    threads: &Threads,
    p: &DepthwiseConv2d,
    x: &[f32],
    gradient: &[f32],
    out: &mut [f32],
) {
    assert!(
        p.multiplier > 0,
        "depthwise_conv2d_backprop_filter: the channel multiplier is zero"
    );
    let [height, width, channels] = p.output();
    let image = p.input[0] * p.input[1] * p.channels;
    let batch = gradient
        .len()
        .checked_div(height * width * channels)
        .unwrap_or(0);
    assert!(
        gradient.len() == batch * height * width * channels
            && x.len() == batch * image
            && out.len() == p.kernel[0] * p.kernel[1] * channels,
        "depthwise_conv2d_backprop_filter: {}, {} and {} elements do not fit {p:?}",
        x.len(),
        gradient.len(),
        out.len()
    );
    if out.is_empty() {
        return;
    }
    threads.for_each_chunk(out, channels, |tap, out| {
        out.fill(0.0);
        let offsets = [tap / p.kernel[1], tap % p.kernel[1]];
        let [lines, columns] = [0, 1].map(|axis| p.inside(axis, offsets[axis]));
        if columns.is_empty() {
            return;
        }
        let first = p.position(1, offsets[1], columns.start);
        for line in (0..batch).flat_map(|image| lines.clone().map(move |y| (image, y))) {
            let (image, y) = line;
            let row = image * p.input[0] + p.position(0, offsets[0], y);
            dispatch(Line {
                x: &x[(row * p.input[1] + first) * p.channels..],
                gradient: &gradient[((image * height + y) * width + columns.start) * channels..],
                count: columns.len(),
                step: p.strides[1] * p.channels,
                multiplier: p.multiplier,
                out,
            });
        }
    });
}

impl DepthwiseConv2d {
    /// The output positions along an axis at which tap `tap` lies inside of the image.
    fn inside(&self, axis: usize, tap: usize) -> Range<usize> {
        let (stride, offset) = (self.strides[axis], tap * self.dilations[axis]);
        let start = self.before[axis].saturating_sub(offset).div_ceil(stride);
        let end = (self.input[axis] + self.before[axis])
            .saturating_sub(offset)
            .div_ceil(stride);
        start..end.min(self.output_axis(axis))
    }

    /// The input position of a tap that lies inside of the image.
    const fn position(&self, axis: usize, tap: usize, position: usize) -> usize {
        position * self.strides[axis] + tap * self.dilations[axis] - self.before[axis]
    }
}

/// One tap along a line of pixels: `out[c, q] += Σ_i x[i * step + c] · gradient[i, c, q]`.
struct Line<'a> {
    x: &'a [f32],
    gradient: &'a [f32],
    count: usize,
    step: usize,
    multiplier: usize,
    out: &'a mut [f32],
}

impl WithSimd for Line<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        if self.multiplier > 1 {
            return self.each();
        }
        let channels = self.out.len();
        let mut channel = 0;
        let mut wide = self.out.chunks_exact_mut(4 * S::LANES);
        for out in &mut wide {
            let mut sums = [s.zero(); 4];
            for i in 0..self.count {
                let x = &self.x[i * self.step + channel..][..4 * S::LANES];
                let gradient = &self.gradient[i * channels + channel..][..4 * S::LANES];
                for (k, sum) in sums.iter_mut().enumerate() {
                    let lanes = k * S::LANES;
                    *sum = s.mul_add(s.load(&x[lanes..]), s.load(&gradient[lanes..]), *sum);
                }
            }
            for (out, sum) in out.chunks_exact_mut(S::LANES).zip(sums) {
                s.store(s.load(out) + sum, out);
            }
            channel += out.len();
        }
        for out in wide.into_remainder().chunks_mut(S::LANES) {
            let mut sum = s.zero();
            for i in 0..self.count {
                let x = s.load_partial(&self.x[i * self.step + channel..][..out.len()]);
                let gradient = &self.gradient[i * channels + channel..][..out.len()];
                sum = s.mul_add(x, s.load_partial(gradient), sum);
            }
            s.store_partial(s.load_partial(out) + sum, out);
            channel += out.len();
        }
    }
}

impl Line<'_> {
    /// Several filters for a channel: each element by itself.
    #[inline(always)]
    fn each(self) {
        let outputs = self.out.len();
        for (index, out) in self.out.iter_mut().enumerate() {
            let x = self.x[index / self.multiplier..].iter().step_by(self.step);
            let gradient = self.gradient[index..].iter().step_by(outputs);
            let pairs = x.zip(gradient).take(self.count);
            *out += pairs.map(|(x, gradient)| x * gradient).sum::<f32>();
        }
    }
}
