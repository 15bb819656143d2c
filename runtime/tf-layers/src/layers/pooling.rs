//! Keras's pools: windows of sequences [batch, steps, channels] and images [batch, height, width, channels], and all of them.

use super::{Padding, check_shape, examples, owned, room};
use crate::{Error, Pool2d, Reduce, Reduction, Threads, avg_pool2d, max_pool2d, reduce};

/// Windows over two axes, of which a sequence has the first.
#[derive(Debug, Clone, Copy)]
struct Windows {
    channels: usize,
    window: [usize; 2],
    strides: [usize; 2],
    padding: Padding,
}

impl Windows {
    fn new(
        channels: usize,
        window: [usize; 2],
        strides: [usize; 2],
        padding: Padding,
    ) -> Result<Self, Error> {
        for (name, size) in [
            ("channels", channels),
            ("window", window[0].min(window[1])),
            ("strides", strides[0].min(strides[1])),
        ] {
            check_shape(name, size, &[size])?;
        }
        check_shape("padding", usize::from(padding != Padding::Causal), &[1])?;
        Ok(Self {
            channels,
            window,
            strides,
            padding,
        })
    }

    /// The facts of the kernel for inputs of that size, whose axes have these `names`, and the number of examples in an
    /// input of `got` elements.
    fn params(
        &self,
        got: usize,
        size: [usize; 2],
        names: [&'static str; 2],
    ) -> Result<(Pool2d, usize), Error> {
        let example = size[0]
            .saturating_mul(size[1])
            .saturating_mul(self.channels);
        let batch = examples(got, example)?;
        let around = |axis: usize| {
            let (window, stride) = (self.window[axis], self.strides[axis]);
            let [before, after] = self.padding.around(size[axis], window, stride);
            if size[axis] + before + after < window {
                return Err(Error::WrongLength {
                    name: names[axis],
                    expected: window,
                    got: size[axis],
                });
            }
            Ok([before, after])
        };
        let ([top, bottom], [left, right]) = (around(0)?, around(1)?);
        let input = [size[0], size[1], self.channels];
        let pads = [top, left, bottom, right];
        Ok((Pool2d::new(input, self.window, self.strides, pads), batch))
    }

    fn apply_into(
        &self,
        kernel: fn(&Threads, &Pool2d, &[f32], &mut [f32]),
        x: &[f32],
        size: [usize; 2],
        names: [&'static str; 2],
        out: &mut Vec<f32>,
    ) -> Result<(), Error> {
        let (p, batch) = self.params(x.len(), size, names)?;
        let [height, width] = p.out_size();
        kernel(
            &Threads::single(),
            &p,
            x,
            room(out, batch * height * width * self.channels),
        );
        Ok(())
    }
}

macro_rules! pools {
    ($($(#[$doc:meta])+ $of_sequences:ident, $of_images:ident: $kernel:ident;)+) => { $(
        $(#[$doc])+
        #[derive(Debug, Clone, Copy)]
        pub struct $of_sequences(Windows);

        impl $of_sequences {
            /// Of windows of `window` steps, one for every `strides` steps. Causal padding is only for convolutions.
            ///
            /// # Errors
            /// If a size is 0, or the padding causal.
            pub fn new(channels: usize, window: usize, strides: usize, padding: Padding) -> Result<Self, Error> {
                Windows::new(channels, [window, 1], [strides, 1], padding).map(Self)
            }

            /// The results [batch, results, channels] for sequences of `steps` steps.
            ///
            /// # Errors
            /// If `x` has no whole number of sequences, or a sequence is shorter than the window.
            pub fn apply(&self, x: &[f32], steps: usize) -> Result<Vec<f32>, Error> {
                owned(|out| self.apply_into(x, steps, out))
            }

            /// The same, in the place of what `out` has.
            ///
            /// # Errors
            #[doc = concat!("As [`", stringify!($of_sequences), "::apply`].")]
            pub fn apply_into(&self, x: &[f32], steps: usize, out: &mut Vec<f32>) -> Result<(), Error> {
                self.0.apply_into($kernel, x, [steps, 1], ["steps", "channels"], out)
            }
        }

        $(#[$doc])+
        #[derive(Debug, Clone, Copy)]
        pub struct $of_images(Windows);

        impl $of_images {
            /// Of windows of [height, width], one for every `strides` pixels of each axis. Causal padding is only for
            /// convolutions.
            ///
            /// # Errors
            /// If a size is 0, or the padding causal.
            pub fn new(
                channels: usize,
                window: [usize; 2],
                strides: [usize; 2],
                padding: Padding,
            ) -> Result<Self, Error> {
                Windows::new(channels, window, strides, padding).map(Self)
            }

            /// The results [batch, height, width, channels] for images of [height, width] pixels.
            ///
            /// # Errors
            /// If `x` has no whole number of images, or an image is smaller than the window.
            pub fn apply(&self, x: &[f32], size: [usize; 2]) -> Result<Vec<f32>, Error> {
                owned(|out| self.apply_into(x, size, out))
            }

            /// The same, in the place of what `out` has.
            ///
            /// # Errors
            #[doc = concat!("As [`", stringify!($of_images), "::apply`].")]
            pub fn apply_into(&self, x: &[f32], size: [usize; 2], out: &mut Vec<f32>) -> Result<(), Error> {
                self.0.apply_into($kernel, x, size, ["height", "width"], out)
            }
        }
    )+ };
}

pools! {
    /// The largest element of each window, in each channel.
    MaxPooling1d, MaxPooling2d: max_pool2d;
    /// The mean of each window, in each channel: of the elements that are there.
    AveragePooling1d, AveragePooling2d: avg_pool2d;
}

fn reduce_into(
    reduction: Reduction,
    x: &[f32],
    reduced: usize,
    channels: usize,
    out: &mut Vec<f32>,
) -> Result<(), Error> {
    let batch = examples(x.len(), reduced.saturating_mul(channels))?;
    let p = Reduce::new(reduction, reduced, channels);
    reduce(&Threads::single(), &p, x, room(out, batch * channels));
    Ok(())
}

macro_rules! global_pools {
    ($($(#[$doc:meta])+ $name:ident($size:ident: $type:ty, $reduced:expr, $what:literal): $reduction:ident;)+) => { $(
        $(#[$doc])+
        #[derive(Debug, Clone, Copy)]
        pub struct $name {
            channels: usize,
        }

        impl $name {
            #[doc = concat!("Of ", $what, " with that many channels.")]
            ///
            /// # Errors
            /// If there is none.
            pub fn new(channels: usize) -> Result<Self, Error> {
                check_shape("channels", channels, &[channels])?;
                Ok(Self { channels })
            }

            #[doc = concat!("The results [batch, channels] for ", $what, " of that size.")]
            ///
            /// # Errors
            #[doc = concat!("If `x` has no whole number of ", $what, ".")]
            pub fn apply(&self, x: &[f32], $size: $type) -> Result<Vec<f32>, Error> {
                owned(|out| self.apply_into(x, $size, out))
            }

            /// The same, in the place of what `out` has.
            ///
            /// # Errors
            #[doc = concat!("As [`", stringify!($name), "::apply`].")]
            pub fn apply_into(&self, x: &[f32], $size: $type, out: &mut Vec<f32>) -> Result<(), Error> {
                reduce_into(Reduction::$reduction, x, $reduced, self.channels, out)
            }
        }
    )+ };
}

global_pools! {
    /// The mean over all steps, in each channel.
    GlobalAveragePooling1d(steps: usize, steps, "sequences"): Mean;
    /// The largest element over all steps, in each channel.
    GlobalMaxPooling1d(steps: usize, steps, "sequences"): Max;
    /// The mean over all pixels, in each channel.
    GlobalAveragePooling2d(size: [usize; 2], size[0].saturating_mul(size[1]), "images"): Mean;
    /// The largest element over all pixels, in each channel.
    GlobalMaxPooling2d(size: [usize; 2], size[0].saturating_mul(size[1]), "images"): Max;
}
