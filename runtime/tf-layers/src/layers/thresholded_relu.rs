//! Keras 2's `ThresholdedReLU`, Keras 3's `ReLU(threshold)`.

use crate::simd::Simd;
use crate::{Region, Threads, map_in_place};

/// `x` above a threshold, else 0.
#[derive(Debug, Clone, Copy)]
pub struct ThresholdedRelu {
    theta: f32,
}

impl Region<1> for ThresholdedRelu {
    #[inline(always)]
    fn eval<S: Simd>(&self, s: S, [x]: [S::F32; 1]) -> S::F32 {
        // As in Keras, a product: it leaves NaN, and makes NaN of -∞.
        let above = s.less(s.splat(self.theta), x);
        x * s.select(above, s.splat(1.0), s.zero())
    }
}

impl ThresholdedRelu {
    /// Of the threshold `theta`.
    #[must_use]
    pub fn new(theta: f32) -> Self {
        Self { theta }
    }

    /// Applies the function to every element of `x`, of any shape, in its place.
    pub fn apply_mut(&self, x: &mut [f32]) {
        map_in_place(&Threads::single(), self, x, []);
    }

    /// The same, as a new array.
    #[must_use]
    pub fn apply(&self, x: &[f32]) -> Vec<f32> {
        let mut out = x.to_vec();
        self.apply_mut(&mut out);
        out
    }
}
