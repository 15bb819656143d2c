//! Keras's layers of several inputs: elementwise functions of two, and concatenation.

use super::{check_shape, examples, owned, room};
use crate::simd::Simd;
use crate::{Error, Region, Threads, concat, map, map_in_place, same};

/// That two arrays have one length.
fn check_same(a: usize, b: usize) -> Result<(), Error> {
    check_length("b", b, a)
}

fn check_length(name: &'static str, got: usize, expected: usize) -> Result<(), Error> {
    if got == expected {
        return Ok(());
    }
    Err(Error::WrongLength {
        name,
        expected,
        got,
    })
}

macro_rules! elementwise {
    ($($(#[$doc:meta])+ $name:ident: |$s:ident, $a:ident, $b:ident| $function:expr;)+) => { $(
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, Default)]
        pub struct $name;

        impl Region<2> for $name {
            #[inline(always)]
            fn eval<S: Simd>(&self, $s: S, [$a, $b]: [S::F32; 2]) -> S::F32 {
                $function
            }
        }

        impl $name {
            /// The results for two arrays of one shape.
            ///
            /// # Errors
            /// If the lengths differ.
            pub fn apply(self, a: &[f32], b: &[f32]) -> Result<Vec<f32>, Error> {
                owned(|out| self.apply_into(a, b, out))
            }

            /// The same, in the place of what `out` has.
            ///
            /// # Errors
            /// If the lengths differ.
            pub fn apply_into(self, a: &[f32], b: &[f32], out: &mut Vec<f32>) -> Result<(), Error> {
                check_same(a.len(), b.len())?;
                map(&Threads::single(), &self, [same(a), same(b)], room(out, a.len()));
                Ok(())
            }

            /// The same, in the place of `a`.
            ///
            /// # Errors
            /// If the lengths differ.
            pub fn apply_mut(self, a: &mut [f32], b: &[f32]) -> Result<(), Error> {
                check_same(a.len(), b.len())?;
                map_in_place(&Threads::single(), &self, a, [same(b)]);
                Ok(())
            }
        }
    )+ };
}

elementwise! {
    /// `a + b`.
    Add: |_s, a, b| a + b;
    /// `a - b`.
    Subtract: |_s, a, b| a - b;
    /// `a · b`.
    Multiply: |_s, a, b| a * b;
    /// `(a + b) / 2`.
    Average: |s, a, b| (a + b) * s.splat(0.5);
    /// The larger one; NaN if one is.
    Maximum: |s, a, b| crate::math::maximum(s, a, b);
    /// The smaller one; NaN if one is.
    Minimum: |s, a, b| crate::math::minimum(s, a, b);
}

/// Arrays [batch, …, width] one behind the other along their last axis; along an earlier one, a width is that of all axes
/// from it on.
#[derive(Debug, Clone, Copy)]
pub struct Concatenate<const K: usize> {
    widths: [usize; K],
}

impl<const K: usize> Concatenate<K> {
    /// Of `K` arrays with these widths.
    ///
    /// # Errors
    /// If there is none, or a width is 0.
    pub fn new(widths: [usize; K]) -> Result<Self, Error> {
        let least = widths.iter().copied().min().unwrap_or(0);
        check_shape("widths", least, &[least])?;
        Ok(Self { widths })
    }

    /// The results [batch, …, sum of the widths].
    ///
    /// # Errors
    /// If an input has no whole number of rows, or they have different numbers.
    pub fn apply(&self, inputs: [&[f32]; K]) -> Result<Vec<f32>, Error> {
        owned(|out| self.apply_into(inputs, out))
    }

    /// The same, in the place of what `out` has.
    ///
    /// # Errors
    /// As [`Concatenate::apply`].
    pub fn apply_into(&self, inputs: [&[f32]; K], out: &mut Vec<f32>) -> Result<(), Error> {
        let mut rows = 0;
        for (index, (x, &width)) in inputs.iter().zip(&self.widths).enumerate() {
            let got = examples(x.len(), width)?;
            if index > 0 {
                check_length("input", x.len(), rows * width)?;
            }
            rows = got;
        }
        let width: usize = self.widths.iter().sum();
        concat(inputs, self.widths, room(out, rows * width));
        Ok(())
    }
}
