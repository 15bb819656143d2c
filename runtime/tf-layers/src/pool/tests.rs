use super::*;
use crate::columns::copy_columns;
use crate::simd::Isa;
use crate::strided::tests::tensor;

impl Pool3d {
    /// Which elements of the input lie in the window of `[batch, depth, height, width, channel]` of the result, None for one
    /// in the padding.
    pub(super) fn elements(&self, index: &[usize]) -> Vec<Option<usize>> {
        let [_, height, width] = self.window;
        let [from, _] = self.columns;
        let taps = 0..self.window.iter().product();
        taps.map(|tap| {
            let taps = [tap / width / height, tap / width % height, tap % width];
            let mut at = index[0];
            for (axis, tap) in taps.into_iter().enumerate() {
                let padded = index[axis + 1] * self.strides[axis] + tap;
                let position = padded.checked_sub(self.pads[axis])?;
                at = at * self.input[axis] + Some(position).filter(|&x| x < self.input[axis])?;
            }
            Some(at * from.of + from.first + index[4])
        })
        .collect()
    }

    /// The shape of the result.
    pub(super) fn shape(&self, batch: usize) -> [usize; 5] {
        let [depth, height, width] = self.out_size();
        [batch, depth, height, width, self.input[3]]
    }
}

/// Against the elements of each window, also where the channels are columns of wider tensors.
fn check(batch: usize, p: &Pool2d) {
    for p in in_columns(p.0).map(Pool2d) {
        check_columns(batch, &p.0, |threads, x, average, max| {
            avg_pool2d(threads, &p, x, average);
            max_pool2d(threads, &p, x, max);
        });
    }
}

fn check_volumes(batch: usize, p: &Pool3d) {
    for p in in_columns(*p) {
        check_columns(batch, &p, |threads, x, average, max| {
            avg_pool3d(threads, &p, x, average);
            max_pool3d(threads, &p, x, max);
        });
    }
}

fn in_columns(p: Pool3d) -> [Pool3d; 4] {
    let channels = p.input[3];
    [
        p,
        p.input_columns(2, channels + 3),
        p.columns(1, channels + 2),
        p.input_columns(0, channels + 1).columns(3, channels + 3),
    ]
}

fn check_columns(
    batch: usize,
    p: &Pool3d,
    run: impl Fn(&Threads, &[f32], &mut [f32], &mut [f32]) + Sync,
) {
    let ([volume, pooled], [_, to]) = (p.lengths(), p.columns);
    let x: Vec<f32> = (0..batch * volume)
        .map(|i| ((i * 31 + 7) % 97) as f32 - 60.0)
        .collect();
    let windows = tensor(&p.shape(batch), |index| {
        let elements = p.elements(index).into_iter();
        let read = |at: Option<usize>| at.map(|at| x[at]).or(p.pad_zeros.then_some(0.0));
        elements.filter_map(read).collect::<Vec<_>>()
    });
    // Sums of small integers are exact, and the division rounds once.
    let average = windows
        .iter()
        .map(|w| w.iter().sum::<f32>() / w.len() as f32)
        .collect::<Vec<f32>>();
    let max = windows
        .iter()
        .map(|w| w.iter().copied().fold(f32::MIN, f32::max))
        .collect::<Vec<f32>>();
    let before = vec![-1.0; batch * pooled];
    let within = |values: &[f32]| {
        let mut out = before.clone();
        copy_columns(&to, values, &mut out);
        out
    };
    let (average, max) = (within(&average), within(&max));
    for isa in Isa::available() {
        isa.force(|| {
            for threads in [Threads::single(), Threads::new(2)] {
                let mut got = [before.clone(), before.clone()];
                let [got_average, got_max] = &mut got;
                run(&threads, &x, got_average, got_max);
                assert_eq!(*got_average, average, "{p:?} on {}", isa.name());
                assert_eq!(*got_max, max, "{p:?} on {}", isa.name());
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
    check_volumes(1, &Pool3d::new([3, 1, 2, 70], [3, 1, 2], [1; 3], [0; 6]));
    check_volumes(
        2,
        &Pool3d::with_zeros([3, 4, 2, 5], [2, 2, 3], [1, 2, 1], [3, 1, 0, 1, 0, 2]),
    );
}

#[test]
fn every_number_of_channels() {
    for channels in (1..=70).chain([127, 128, 129]) {
        check(2, &Pool2d::new([5, 6, channels], [2, 3], [2, 2], [0; 4]));
    }
}

#[test]
fn windows_strides_and_pads() {
    check(2, &Pool2d::new([7, 9, 5], [3, 3], [2, 2], [1, 1, 1, 1]));
    check(1, &Pool2d::new([7, 9, 5], [3, 2], [1, 3], [2, 0, 1, 1]));
    check(1, &Pool2d::new([7, 9, 5], [1, 1], [3, 4], [0; 4]));
    check(3, &Pool2d::new([1, 9, 5], [1, 4], [1, 2], [0, 1, 0, 2]));
    check(1, &Pool2d::new([3, 3, 4], [3, 3], [1, 1], [0; 4]));
    check(1, &Pool2d::new([2, 2, 4], [4, 4], [1, 1], [1, 1, 1, 1]));
    check(0, &Pool2d::new([7, 9, 5], [3, 3], [2, 2], [1, 1, 1, 1]));
}

#[test]
fn zeros_in_the_padding() {
    let zeros = Pool2d::with_zeros;
    check(2, &zeros([7, 9, 5], [3, 3], [2, 2], [1, 1, 1, 1]));
    check(1, &zeros([7, 9, 35], [3, 2], [1, 3], [2, 0, 1, 1]));
    check(1, &zeros([2, 2, 4], [4, 4], [1, 1], [1, 1, 1, 1]));
    // Windows of nothing but zeros, before and behind the image.
    check(2, &zeros([3, 2, 4], [2, 3], [1, 2], [4, 3, 5, 6]));
    check(1, &zeros([1, 1, 3], [1, 1], [1, 1], [1, 1, 1, 1]));
}

#[test]
fn shared_among_threads() {
    check(3, &Pool2d::new([41, 40, 20], [3, 3], [2, 1], [0, 1, 1, 1]));
}

/// From TensorFlow 2.21.
#[test]
fn max_passes_over_nan() {
    let p = Pool2d::new([2, 2, 1], [2, 2], [1, 1], [0; 4]);
    let mut out = [0.0];
    max_pool2d(
        &Threads::single(),
        &p,
        &[1.0, f32::NAN, f32::NAN, 0.0],
        &mut out,
    );
    assert_eq!(out, [1.0]);
    max_pool2d(&Threads::single(), &p, &[f32::NEG_INFINITY; 4], &mut out);
    assert_eq!(out, [f32::MIN]);
}

#[test]
#[should_panic = "pool: a window lies in the padding"]
fn refuses_windows_in_the_padding() {
    let _ = Pool2d::new([4, 4, 1], [2, 2], [1, 1], [2, 0, 0, 0]);
}
