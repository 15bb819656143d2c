//! Elementwise functions of element types other than f32, and from one type to another.

use super::operand::{Buffer, Operand};

/// What [`map_any`] takes: one [`Operand`], or a tuple of up to six of any types.
pub trait Operands {
    /// One element, or a tuple of one of each operand if there are several.
    type Item;

    #[doc(hidden)]
    fn check(&self, length: usize);

    /// Calls `f` with each element of `out` and those of the operands.
    #[doc(hidden)]
    fn for_each<O>(&self, out: &mut [O], f: impl FnMut(&mut O, Self::Item));
}

/// `out[i] = f(operands[i])`, one after the other.
///
/// ```
/// use tf_layers::{map_any, same, scalar};
///
/// let mut less = [0_u8; 3];
/// map_any((same(&[1.0, 2.0, 3.0]), scalar(&[2.5])), &mut less, |(a, b)| u8::from(a < b));
/// assert_eq!(less, [1, 1, 0]);
///
/// let mut rounded = [0; 3];
/// map_any(same(&[1.25_f32, 2.5, -3.75]), &mut rounded, |x| x as i32);
/// assert_eq!(rounded, [1, 2, -3]);
/// ```
///
/// # Panics
/// If an operand does not fit the length of `out`.
pub fn map_any<P: Operands, O>(operands: P, out: &mut [O], f: impl Fn(P::Item) -> O) {
    operands.check(out.len());
    operands.for_each(out, |out, x| *out = f(x));
}

/// `out[i] = f(out[i], operands[i])`.
///
/// # Panics
/// If an operand does not fit the length of `out`.
pub fn map_any_in_place<P: Operands, O: Copy>(
    out: &mut [O],
    operands: P,
    f: impl Fn(O, P::Item) -> O,
) {
    operands.check(out.len());
    operands.for_each(out, |out, x| *out = f(*out, x));
}

impl<T: Copy> Operands for Operand<'_, T> {
    type Item = T;

    fn check(&self, length: usize) {
        Operand::check(self, length);
    }

    fn for_each<O>(&self, out: &mut [O], mut f: impl FnMut(&mut O, T)) {
        let mut buffer = None::<Buffer<T>>;
        let (mut start, mut rest) = (0, out);
        while !rest.is_empty() {
            let length = rest.len().min(self.run(start));
            let (out, tail) = rest.split_at_mut(length);
            for (out, x) in out.iter_mut().zip(self.block(start, length, &mut buffer)) {
                f(out, *x);
            }
            start += length;
            rest = tail;
        }
    }
}

impl<T: Copy> Operands for (Operand<'_, T>,) {
    type Item = T;

    fn check(&self, length: usize) {
        self.0.check(length);
    }

    fn for_each<O>(&self, out: &mut [O], f: impl FnMut(&mut O, T)) {
        self.0.for_each(out, f);
    }
}

impl Operands for () {
    type Item = ();

    fn check(&self, _: usize) {}

    fn for_each<O>(&self, out: &mut [O], mut f: impl FnMut(&mut O, ())) {
        for out in out {
            f(out, ());
        }
    }
}

macro_rules! tuples {
    ($($t:ident $operand:ident $buffer:ident),+) => {
        impl<$($t: Copy),+> Operands for ($(Operand<'_, $t>,)+) {
            type Item = ($($t,)+);

            fn check(&self, length: usize) {
                let ($($operand,)+) = self;
                $($operand.check(length);)+
            }

            fn for_each<O>(&self, out: &mut [O], mut f: impl FnMut(&mut O, Self::Item)) {
                let ($($operand,)+) = self;
                $(let mut $buffer = None::<Buffer<$t>>;)+
                let (mut start, mut rest) = (0, out);
                while !rest.is_empty() {
                    let length = rest.len()$(.min($operand.run(start)))+;
                    let (out, tail) = rest.split_at_mut(length);
                    $(let $operand = $operand.block(start, length, &mut $buffer);)+
                    for (i, out) in out.iter_mut().enumerate() {
                        f(out, ($($operand[i],)+));
                    }
                    start += length;
                    rest = tail;
                }
            }
        }
    };
}
tuples!(A a a_buffer, B b b_buffer);
tuples!(A a a_buffer, B b b_buffer, C c c_buffer);
tuples!(A a a_buffer, B b b_buffer, C c c_buffer, D d d_buffer);
tuples!(A a a_buffer, B b b_buffer, C c c_buffer, D d d_buffer, E e e_buffer);
tuples!(A a a_buffer, B b b_buffer, C c c_buffer, D d d_buffer, E e e_buffer, F f_ f_buffer);
