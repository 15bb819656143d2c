//! Keras's `BatchNormalization` over the last axis, for inference.

use super::{check_shape, examples};
use crate::simd::Simd;
use crate::{Error, Region, Threads, channel, map_in_place};

/// `(x - mean) / √(variance + epsilon) · gamma + beta` in each channel.
#[derive(Debug, Clone)]
pub struct BatchNormalization {
    scale: Vec<f32>,
    offset: Vec<f32>,
}

/// `x · scale + offset`.
struct ScaleOffset;

impl Region<3> for ScaleOffset {
    #[inline(always)]
    fn eval<S: Simd>(&self, _s: S, [x, scale, offset]: [S::F32; 3]) -> S::F32 {
        x * scale + offset
    }
}

impl BatchNormalization {
    /// From what has an element for each channel. Without `gamma` the scale is 1, without `beta` the offset is 0.
    ///
    /// # Errors
    /// If the lengths differ, or there is no channel.
    pub fn new(
        gamma: Option<&[f32]>,
        beta: Option<&[f32]>,
        mean: &[f32],
        variance: &[f32],
        epsilon: f32,
    ) -> Result<Self, Error> {
        let channels = mean.len();
        check_shape("mean", channels, &[channels])?;
        check_shape("variance", variance.len(), &[channels])?;
        for (name, values) in [("gamma", gamma), ("beta", beta)] {
            if let Some(values) = values {
                check_shape(name, values.len(), &[channels])?;
            }
        }
        let gamma = |i: usize| gamma.map_or(1.0, |gamma| gamma[i]);
        let beta = |i: usize| beta.map_or(0.0, |beta| beta[i]);
        let scale: Vec<f32> = (0..channels)
            .map(|i| gamma(i) / (variance[i] + epsilon).sqrt())
            .collect();
        let offset = (0..channels)
            .map(|i| beta(i) - mean[i] * scale[i])
            .collect();
        Ok(Self { scale, offset })
    }

    /// Normalises `x`, [batch, …, channels], in its place.
    ///
    /// # Errors
    /// If `x` has no whole number of rows of all channels.
    pub fn apply_mut(&self, x: &mut [f32]) -> Result<(), Error> {
        examples(x.len(), self.scale.len())?;
        map_in_place(
            &Threads::single(),
            &ScaleOffset,
            x,
            [channel(&self.scale), channel(&self.offset)],
        );
        Ok(())
    }

    /// The same, as a new array.
    ///
    /// # Errors
    /// As [`BatchNormalization::apply_mut`].
    pub fn apply(&self, x: &[f32]) -> Result<Vec<f32>, Error> {
        let mut out = x.to_vec();
        self.apply_mut(&mut out)?;
        Ok(out)
    }
}
