//! The gradient of a max pool: TensorFlow's `MaxPoolGrad`.

use super::Pool2d;
use crate::kernels::threads::Threads;
use crate::simd::{Simd, WithSimd, dispatch};

/// `out[e]` is the sum of `gradient` over the windows whose largest element is `e`, in each channel. Of equal elements the
/// first in the window is taken, and a NaN only if it comes first.
///
/// `gradient` is that of the pool's result, `out` has the shape of `x`.
///
/// # Panics
/// If a length does not fit `p`, or `p` has zeros in its pads or columns of wider tensors.
pub fn max_pool2d_grad(
    threads: &Threads,
    p: &Pool2d,
    x: &[f32],
    gradient: &[f32],
    out: &mut [f32],
) {
    let image = p.input.iter().product::<usize>();
    let pooled = p.out[0] * p.out[1] * p.input[2];
    assert!(
        x.len().is_multiple_of(image)
            && out.len() == x.len()
            && gradient.len() == x.len() / image * pooled,
        "max_pool2d_grad: {}, {} and {} elements do not fit {p:?}",
        x.len(),
        gradient.len(),
        out.len()
    );
    assert!(
        !p.pad_zeros && p.columns.iter().all(|side| side.of == p.input[2]),
        "max_pool2d_grad: {p:?} is no plain pool"
    );
    threads.for_each_chunk(out, image, |index, out| {
        dispatch(Image {
            p,
            x: &x[index * image..][..image],
            gradient: &gradient[index * pooled..][..pooled],
            out,
        });
    });
}

struct Image<'a> {
    p: &'a Pool2d,
    x: &'a [f32],
    gradient: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Image<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let p = self.p;
        let [_, width, channels] = p.input;
        self.out.fill(0.0);
        for (index, gradient) in self.gradient.chunks_exact(channels).enumerate() {
            let rows = p.range(0, index / p.out[1]);
            let columns = p.range(1, index % p.out[1]);
            let window = Window {
                first: (rows.start * width + columns.start) * channels,
                height: rows.len(),
                width: columns.len(),
                pitch: width * channels,
                channels,
            };
            let mut channel = 0;
            let mut whole = gradient.chunks_exact(S::LANES);
            for gradient in &mut whole {
                window.add(
                    s,
                    channel,
                    s.load(gradient),
                    self.x,
                    self.out,
                    #[inline(always)]
                    |x| s.load(x),
                    #[inline(always)]
                    |v, out| s.store(v, out),
                );
                channel += S::LANES;
            }
            let rest = whole.remainder();
            if !rest.is_empty() {
                window.add(
                    s,
                    channel,
                    s.load_partial(rest),
                    self.x,
                    self.out,
                    #[inline(always)]
                    |x| s.load_partial(&x[..rest.len()]),
                    #[inline(always)]
                    |v, out| s.store_partial(v, &mut out[..rest.len()]),
                );
            }
        }
    }
}

/// Where the elements of one window are.
struct Window {
    first: usize,
    height: usize,
    width: usize,
    pitch: usize,
    channels: usize,
}

impl Window {
    /// Finds the largest element of each of some channels, and adds `gradient` at it.
    #[inline(always)]
    #[expect(
        clippy::too_many_arguments,
        reason = "operands, and how they are accessed"
    )]
    fn add<S: Simd>(
        &self,
        s: S,
        channel: usize,
        gradient: S::F32,
        x: &[f32],
        out: &mut [f32],
        load: impl Fn(&[f32]) -> S::F32,
        store: impl Fn(S::F32, &mut [f32]),
    ) {
        let at = |row: usize, column: usize| {
            self.first + row * self.pitch + column * self.channels + channel
        };
        let mut largest = load(&x[at(0, 0)..]);
        let mut owner = s.zero();
        for row in 0..self.height {
            for column in 0..self.width {
                let x = load(&x[at(row, column)..]);
                let larger = s.greater(x, largest);
                largest = s.select(larger, x, largest);
                owner = s.select(larger, s.splat((row * self.width + column) as f32), owner);
            }
        }
        for row in 0..self.height {
            for column in 0..self.width {
                let is_owner = s.equal(owner, s.splat((row * self.width + column) as f32));
                if s.any(is_owner) {
                    let out = &mut out[at(row, column)..];
                    store(s.select(is_owner, load(out) + gradient, load(out)), out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;

    /// Window by window, one number at a time.
    fn naive(p: &Pool2d, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        let [height, width, channels] = p.input;
        let mut out = vec![0.0; x.len()];
        for (index, &gradient) in gradient.iter().enumerate() {
            let (pixel, channel) = (index / channels, index % channels);
            let (row, column) = (pixel / p.out[1], pixel % p.out[1]);
            let (image, row) = (row / p.out[0], row % p.out[0]);
            let mut best = None::<usize>;
            for i in 0..p.window[0] {
                for j in 0..p.window[1] {
                    let y = (row * p.strides[0] + i).wrapping_sub(p.pads[0]);
                    let z = (column * p.strides[1] + j).wrapping_sub(p.pads[1]);
                    if y < height && z < width {
                        let at = ((image * height + y) * width + z) * channels + channel;
                        if best.is_none_or(|best| x[at] > x[best]) {
                            best = Some(at);
                        }
                    }
                }
            }
            out[best.expect("no window lies in the padding")] += gradient;
        }
        out
    }

    fn check(batch: usize, p: &Pool2d) {
        let [height, width, channels] = p.input;
        // Small numbers, so that many are equal, and some NaN.
        let x: Vec<f32> = (0..batch * height * width * channels)
            .map(|i| match i * 31 % 17 {
                3 => f32::NAN,
                4 => f32::NEG_INFINITY,
                r => (r % 5) as f32 - 2.0,
            })
            .collect();
        let [out_height, out_width] = p.out_size();
        let gradient: Vec<f32> = (0..batch * out_height * out_width * channels)
            .map(|i| (i % 101) as f32 - 50.0)
            .collect();
        let expected = naive(p, &x, &gradient);
        for isa in Isa::available() {
            isa.force(|| {
                for threads in [Threads::single(), Threads::new(2)] {
                    let mut out = vec![f32::NAN; x.len()];
                    max_pool2d_grad(&threads, p, &x, &gradient, &mut out);
                    assert_eq!(out, expected, "{p:?} on {}", isa.name());
                }
            });
        }
    }

    #[test]
    fn every_number_of_channels() {
        for channels in (1..=35).chain([63, 64, 65]) {
            check(2, &Pool2d::new([5, 6, channels], [2, 3], [2, 2], [0; 4]));
        }
    }

    #[test]
    fn windows_strides_and_pads() {
        check(2, &Pool2d::new([7, 9, 5], [3, 3], [2, 2], [1, 1, 1, 1]));
        check(3, &Pool2d::new([7, 9, 5], [3, 2], [1, 3], [2, 0, 1, 1]));
        check(1, &Pool2d::new([7, 9, 5], [1, 1], [3, 4], [0; 4]));
        check(1, &Pool2d::new([2, 2, 4], [4, 4], [1, 1], [1, 1, 1, 1]));
        check(0, &Pool2d::new([7, 9, 5], [3, 3], [2, 2], [1, 1, 1, 1]));
    }
}
