//! The gradients of max pools: TensorFlow's `MaxPoolGrad` and `MaxPool3DGrad`.

use super::{Max, Pool2d, Pool3d, Pooling, Window};
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
    run::<First>("max_pool2d_grad", threads, &p.0, x, gradient, out);
}

/// `out[e]` is the sum of `gradient` over the windows whose largest element is equal to `e`, in each channel: of several
/// that are equal, each has the whole gradient, as in TensorFlow.
///
/// `gradient` is that of the pool's result, `out` has the shape of `x`.
///
/// # Panics
/// If a length does not fit `p`, or `p` has zeros in its pads or columns of wider tensors.
pub fn max_pool3d_grad(
    threads: &Threads,
    p: &Pool3d,
    x: &[f32],
    gradient: &[f32],
    out: &mut [f32],
) {
    run::<Equal>("max_pool3d_grad", threads, p, x, gradient, out);
}

fn run<O: Owners>(
    name: &str,
    threads: &Threads,
    p: &Pool3d,
    x: &[f32],
    gradient: &[f32],
    out: &mut [f32],
) {
    let [volume, pooled] = p.lengths();
    assert!(
        x.len().is_multiple_of(volume)
            && out.len() == x.len()
            && gradient.len() == x.len() / volume * pooled,
        "{name}: {}, {} and {} elements do not fit {p:?}",
        x.len(),
        gradient.len(),
        out.len()
    );
    assert!(
        !p.pad_zeros && p.columns.iter().all(|side| side.of == p.input[3]),
        "{name}: {p:?} is no plain pool"
    );
    threads.for_each_chunk(out, volume, |index, out| {
        dispatch(Volume::<O> {
            owners: std::marker::PhantomData,
            p,
            x: &x[index * volume..][..volume],
            gradient: &gradient[index * pooled..][..pooled],
            out,
        });
    });
}

struct Volume<'a, O> {
    owners: std::marker::PhantomData<O>,
    p: &'a Pool3d,
    x: &'a [f32],
    gradient: &'a [f32],
    out: &'a mut [f32],
}

impl<O: Owners> WithSimd for Volume<'_, O> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let p = self.p;
        let channels = p.input[3];
        self.out.fill(0.0);
        let lines = self.gradient.chunks_exact(p.out[2] * channels);
        for (line, gradient) in lines.enumerate() {
            let windows = p.line([line / p.out[1], line % p.out[1]]);
            for (window, gradient) in windows.zip(gradient.chunks_exact(channels)) {
                let mut channel = 0;
                let mut whole = gradient.chunks_exact(S::LANES);
                for gradient in &mut whole {
                    O::add(
                        s,
                        &window,
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
                    O::add(
                        s,
                        &window,
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
}

/// Which elements of a window get its gradient.
trait Owners: Sync {
    /// Finds them in each of some channels, from `channel` on, and adds `gradient` at them.
    #[expect(
        clippy::too_many_arguments,
        reason = "operands, and how they are accessed"
    )]
    fn add<S: Simd>(
        s: S,
        window: &Window,
        channel: usize,
        gradient: S::F32,
        x: &[f32],
        out: &mut [f32],
        load: impl Fn(&[f32]) -> S::F32,
        store: impl Fn(S::F32, &mut [f32]),
    );
}

/// The first of the largest.
struct First;

impl Owners for First {
    #[inline(always)]
    fn add<S: Simd>(
        s: S,
        window: &Window,
        channel: usize,
        gradient: S::F32,
        x: &[f32],
        out: &mut [f32],
        load: impl Fn(&[f32]) -> S::F32,
        store: impl Fn(S::F32, &mut [f32]),
    ) {
        let mut largest = load(&x[window.first + channel..]);
        let mut owner = s.zero();
        let mut number = 0;
        window.for_each(
            channel,
            #[inline(always)]
            |at| {
                let x = load(&x[at..]);
                let larger = s.greater(x, largest);
                largest = s.select(larger, x, largest);
                owner = s.select(larger, s.splat(number as f32), owner);
                number += 1;
            },
        );
        number = 0;
        window.for_each(
            channel,
            #[inline(always)]
            |at| {
                let is_owner = s.equal(owner, s.splat(number as f32));
                if s.any(is_owner) {
                    let out = &mut out[at..];
                    store(s.select(is_owner, load(out) + gradient, load(out)), out);
                }
                number += 1;
            },
        );
    }
}

/// All that are equal to the largest.
struct Equal;

impl Owners for Equal {
    #[inline(always)]
    fn add<S: Simd>(
        s: S,
        window: &Window,
        channel: usize,
        gradient: S::F32,
        x: &[f32],
        out: &mut [f32],
        load: impl Fn(&[f32]) -> S::F32,
        store: impl Fn(S::F32, &mut [f32]),
    ) {
        let mut largest = s.splat(Max::START);
        window.for_each(
            channel,
            #[inline(always)]
            |at| largest = Max::add(s, largest, load(&x[at..])),
        );
        window.for_each(
            channel,
            #[inline(always)]
            |at| {
                let is_owner = s.equal(load(&x[at..]), largest);
                if s.any(is_owner) {
                    let out = &mut out[at..];
                    store(s.select(is_owner, load(out) + gradient, load(out)), out);
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;
    use crate::strided::tests::tensor;

    /// Window by window, one number at a time; `all` of the largest get the gradient, or the first.
    fn naive(batch: usize, p: &Pool3d, x: &[f32], gradient: &[f32], all: bool) -> Vec<f32> {
        let mut out = vec![0.0; x.len()];
        let windows = tensor(&p.shape(batch), |index| {
            p.elements(index).into_iter().flatten().collect::<Vec<_>>()
        });
        for (window, gradient) in windows.into_iter().zip(gradient) {
            let first = window
                .iter()
                .copied()
                .reduce(|best, at| if x[at] > x[best] { at } else { best });
            let largest = window.iter().map(|&at| x[at]).fold(f32::MIN, f32::max);
            for at in window {
                if if all {
                    x[at] == largest
                } else {
                    first == Some(at)
                } {
                    out[at] += gradient;
                }
            }
        }
        out
    }

    fn check(batch: usize, p: &Pool2d) {
        check_with(batch, &p.0, false, |threads, x, gradient, out| {
            max_pool2d_grad(threads, p, x, gradient, out);
        });
        check_volumes(batch, &p.0);
    }

    fn check_volumes(batch: usize, p: &Pool3d) {
        check_with(batch, p, true, |threads, x, gradient, out| {
            max_pool3d_grad(threads, p, x, gradient, out);
        });
    }

    fn check_with(
        batch: usize,
        p: &Pool3d,
        all: bool,
        run: impl Fn(&Threads, &[f32], &[f32], &mut [f32]) + Sync,
    ) {
        // Small numbers, so that many are equal, and some NaN.
        let x: Vec<f32> = (0..batch * p.input.iter().product::<usize>())
            .map(|i| match i * 31 % 17 {
                3 => f32::NAN,
                4 => f32::NEG_INFINITY,
                r => (r % 5) as f32 - 2.0,
            })
            .collect();
        let gradient: Vec<f32> = (0..p.shape(batch).iter().product())
            .map(|i| (i % 101) as f32 - 50.0)
            .collect();
        let expected = naive(batch, p, &x, &gradient, all);
        for isa in Isa::available() {
            isa.force(|| {
                for threads in [Threads::single(), Threads::new(2)] {
                    let mut out = vec![f32::NAN; x.len()];
                    run(&threads, &x, &gradient, &mut out);
                    assert_eq!(out, expected, "{p:?} on {}", isa.name());
                }
            });
        }
    }

    #[test]
    fn volumes() {
        check_volumes(2, &Pool3d::new([4, 5, 6, 7], [2; 3], [2; 3], [0; 6]));
        check_volumes(
            3,
            &Pool3d::new([5, 4, 7, 21], [3, 2, 3], [1, 2, 3], [1, 0, 2, 2, 1, 1]),
        );
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
