//! Integer arithmetic as TensorFlow defines it. Sums, differences and products wrap around: Rust's `wrapping_add` and so on.

/// Integers of any width.
pub trait Integer: Copy + PartialEq + sealed::Sealed {
    #[doc(hidden)]
    const ZERO: Self;
    #[doc(hidden)]
    const ONE: Self;
    #[doc(hidden)]
    fn is_negative(self) -> bool;
    #[doc(hidden)]
    fn wrapping_add(self, other: Self) -> Self;
    #[doc(hidden)]
    fn wrapping_mul(self, other: Self) -> Self;
    #[doc(hidden)]
    fn wrapping_sub(self, other: Self) -> Self;
    #[doc(hidden)]
    fn checked_div(self, other: Self) -> Option<Self>;
    #[doc(hidden)]
    fn halve(self) -> (Self, bool);
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! integers {
    ($($t:ty)*) => { $(
        impl sealed::Sealed for $t {}
        impl Integer for $t {
            const ZERO: Self = 0;
            const ONE: Self = 1;

            #[inline]
            #[allow(unused_comparisons)]
            fn is_negative(self) -> bool {
                self < 0
            }

            #[inline]
            fn wrapping_add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline]
            fn wrapping_mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }

            #[inline]
            fn wrapping_sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline]
            fn checked_div(self, other: Self) -> Option<Self> {
                (other != 0).then(|| self.wrapping_div(other))
            }

            #[inline]
            fn halve(self) -> (Self, bool) {
                (self >> 1, self & 1 == 1)
            }
        }
    )* };
}
integers!(i8 i16 i32 i64 u8 u16 u32 u64);

/// `a / b` rounded towards 0, TensorFlow's `TruncateDiv`; 0 where `b` is 0, which TensorFlow refuses.
#[inline]
#[must_use]
pub fn truncate_div<T: Integer>(a: T, b: T) -> T {
    a.checked_div(b).unwrap_or(T::ZERO)
}

/// The rest of [`truncate_div`], which has the sign of `a`; 0 where `b` is 0.
#[inline]
#[must_use]
pub fn truncate_mod<T: Integer>(a: T, b: T) -> T {
    match a.checked_div(b) {
        Some(quotient) => a.wrapping_sub(quotient.wrapping_mul(b)),
        None => T::ZERO,
    }
}

/// `⌊a / b⌋`, TensorFlow's `FloorDiv`; 0 where `b` is 0, which TensorFlow refuses.
#[inline]
#[must_use]
pub fn floor_div<T: Integer>(a: T, b: T) -> T {
    let quotient = truncate_div(a, b);
    if truncate_mod(a, b) != T::ZERO && a.is_negative() != b.is_negative() {
        quotient.wrapping_sub(T::ONE)
    } else {
        quotient
    }
}

/// The rest of [`floor_div`], which has the sign of `b`, TensorFlow's `FloorMod`; 0 where `b` is 0.
#[inline]
#[must_use]
pub fn floor_mod<T: Integer>(a: T, b: T) -> T {
    let rest = truncate_mod(a, b);
    if rest != T::ZERO && rest.is_negative() != b.is_negative() {
        rest.wrapping_add(b)
    } else {
        rest
    }
}

/// `a^b`, wrapped around, TensorFlow's `Pow`; 0 for a negative `b`, which TensorFlow refuses.
#[inline]
#[must_use]
pub fn pow<T: Integer>(a: T, b: T) -> T {
    if b.is_negative() {
        return T::ZERO;
    }
    let (mut power, mut square, mut rest) = (T::ONE, a, b);
    while rest != T::ZERO {
        let (half, odd) = rest.halve();
        if odd {
            power = power.wrapping_mul(square);
        }
        square = square.wrapping_mul(square);
        rest = half;
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_rounds_down() {
        for (a, b, quotient, rest) in [
            (7, 3, 2, 1),
            (-7, 3, -3, 2),
            (7, -3, -3, -2),
            (-7, -3, 2, -1),
            (6, -3, -2, 0),
            (5, 0, 0, 0),
            (i32::MIN, -1, i32::MIN, 0),
        ] {
            assert_eq!(
                (floor_div(a, b), floor_mod(a, b)),
                (quotient, rest),
                "{a} {b}"
            );
        }
        assert_eq!((floor_div(200_u8, 3), floor_mod(200_u8, 3)), (66, 2));
        assert_eq!((truncate_div(-7, 3), truncate_mod(-7, 3)), (-2, -1));
    }

    #[test]
    fn powers_wrap() {
        for (a, b, power) in [
            (3, 4, 81),
            (-2, 3, -8),
            (0, 0, 1),
            (2, 31, i32::MIN),
            (2, 32, 0),
            (2, -1, 0),
        ] {
            assert_eq!(pow(a, b), power, "{a} {b}");
        }
    }
}
