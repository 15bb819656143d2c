//! Keras's pools of sequences [batch, steps, channels].

use super::{Padding, check_shape, examples};
use crate::{Error, Pool2d, Reduce, Reduction, Threads, avg_pool2d, max_pool2d, reduce};

macro_rules! pools {
    ($($(#[$doc:meta])+ $name:ident: $kernel:ident;)+) => { $(
        $(#[$doc])+
        #[derive(Debug, Clone, Copy)]
        pub struct $name {
            channels: usize,
            window: usize,
            strides: usize,
            padding: Padding,
        }

        impl $name {
            /// Of windows of `window` steps, one for every `strides` steps. Causal padding is only for convolutions.
            ///
            /// # Errors
            /// If a size is 0, or the padding causal.
            pub fn new(channels: usize, window: usize, strides: usize, padding: Padding) -> Result<Self, Error> {
                for (name, size) in [("channels", channels), ("window", window), ("strides", strides)] {
                    check_shape(name, size, &[size])?;
                }
                check_shape("padding", usize::from(padding != Padding::Causal), &[1])?;
                Ok(Self { channels, window, strides, padding })
            }

            /// The results [batch, results, channels] for sequences of `steps` steps.
            ///
            /// # Errors
            /// If `x` has no whole number of sequences, or a sequence is shorter than the window.
            pub fn apply(&self, x: &[f32], steps: usize) -> Result<Vec<f32>, Error> {
                let batch = examples(x.len(), steps.saturating_mul(self.channels))?;
                let [before, after] = self.padding.around(steps, self.window, self.strides);
                if steps + before + after < self.window {
                    return Err(Error::WrongLength { name: "steps", expected: self.window, got: steps });
                }
                let p = Pool2d::new(
                    [steps, 1, self.channels],
                    [self.window, 1],
                    [self.strides, 1],
                    [before, 0, after, 0],
                );
                let mut out = vec![0.0; batch * p.out_size()[0] * self.channels];
                $kernel(&Threads::single(), &p, x, &mut out);
                Ok(out)
            }
        }
    )+ };
}

pools! {
    /// The largest element of each window, in each channel.
    MaxPooling1d: max_pool2d;
    /// The mean of each window, in each channel: of the elements that are there.
    AveragePooling1d: avg_pool2d;
}

macro_rules! global_pools {
    ($($(#[$doc:meta])+ $name:ident: $reduction:ident;)+) => { $(
        $(#[$doc])+
        #[derive(Debug, Clone, Copy)]
        pub struct $name {
            channels: usize,
        }

        impl $name {
            /// Of sequences with that many channels.
            ///
            /// # Errors
            /// If there is none.
            pub fn new(channels: usize) -> Result<Self, Error> {
                check_shape("channels", channels, &[channels])?;
                Ok(Self { channels })
            }

            /// The results [batch, channels] for sequences of `steps` steps.
            ///
            /// # Errors
            /// If `x` has no whole number of sequences.
            pub fn apply(&self, x: &[f32], steps: usize) -> Result<Vec<f32>, Error> {
                let batch = examples(x.len(), steps.saturating_mul(self.channels))?;
                let mut out = vec![0.0; batch * self.channels];
                let p = Reduce::new(Reduction::$reduction, steps, self.channels);
                reduce(&Threads::single(), &p, x, &mut out);
                Ok(out)
            }
        }
    )+ };
}

global_pools! {
    /// The mean over all steps, in each channel.
    GlobalAveragePooling1d: Mean;
    /// The largest element over all steps, in each channel.
    GlobalMaxPooling1d: Max;
}
