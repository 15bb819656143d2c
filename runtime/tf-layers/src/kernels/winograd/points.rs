//! The transforms along one axis: F(M, R) for M results of R taps.

use crate::simd::Simd;

/// The most points of an axis.
pub(super) const MOST: usize = 8;

/// A vector for each of the first points or results of an axis; the others are zeros.
pub(crate) type Line<S> = [<S as Simd>::F32; MOST];

/// The one-dimensional transforms F(M, N - M + 1).
pub(crate) trait Points: Send + Sync + 'static {
    /// The results of a tile.
    const M: usize;
    /// The pixels of a patch, and the points.
    const N: usize;
    /// `Bᵀ d`.
    fn input<S: Simd>(s: S, d: Line<S>) -> Line<S>;
    /// `Aᵀ m`.
    fn output<S: Simd>(s: S, m: Line<S>) -> Line<S>;
}

/// The vectors, and zeros behind them.
#[inline(always)]
fn line<S: Simd, const N: usize>(s: S, x: [S::F32; N]) -> Line<S> {
    let mut line = [s.zero(); MOST];
    line[..N].copy_from_slice(&x);
    line
}

/// F(1, 1), which leaves everything as it is.
pub(crate) struct F1;

impl Points for F1 {
    const M: usize = 1;
    const N: usize = 1;

    #[inline(always)]
    fn input<S: Simd>(_: S, d: Line<S>) -> Line<S> {
        d
    }

    #[inline(always)]
    fn output<S: Simd>(_: S, m: Line<S>) -> Line<S> {
        m
    }
}

/// F(2, 3) at the points 0, 1, -1 and ∞.
pub(crate) struct F2;

impl Points for F2 {
    const M: usize = 2;
    const N: usize = 4;

    #[inline(always)]
    fn input<S: Simd>(s: S, d: Line<S>) -> Line<S> {
        line(s, [d[2] - d[0], d[2] + d[1], d[2] - d[1], d[3] - d[1]])
    }

    #[inline(always)]
    fn output<S: Simd>(s: S, m: Line<S>) -> Line<S> {
        line(s, [m[0] + (m[1] + m[2]), (m[1] - m[2]) + m[3]])
    }
}

/// F(4, 3) at the points 0, ±5/8, ±3/2 and ∞, which round to a quarter of the error of the usual ±1 and ±2; their
/// squares and the products of these are exact.
pub(crate) struct F4;

impl F4 {
    const A: f32 = 0.625;
    const B: f32 = 1.5;
    const A2: f32 = Self::A * Self::A;
    const B2: f32 = Self::B * Self::B;
}

impl Points for F4 {
    const M: usize = 4;
    const N: usize = 6;

    #[inline(always)]
    fn input<S: Simd>(s: S, d: Line<S>) -> Line<S> {
        let [a, b] = [Self::A, Self::B].map(|x| s.splat(x));
        let (minus_a2, minus_b2) = (s.splat(-Self::A2), s.splat(-Self::B2));
        let (sum, product) = (s.splat(-Self::A2 - Self::B2), s.splat(Self::A2 * Self::B2));
        let (even_a, odd_a) = (
            s.mul_add(minus_b2, d[2], d[4]),
            s.mul_add(minus_b2, d[1], d[3]),
        );
        let (even_b, odd_b) = (
            s.mul_add(minus_a2, d[2], d[4]),
            s.mul_add(minus_a2, d[1], d[3]),
        );
        let (odd_a, odd_b) = (a * odd_a, b * odd_b);
        let points = [
            s.mul_add(product, d[0], s.mul_add(sum, d[2], d[4])),
            even_a + odd_a,
            even_a - odd_a,
            even_b + odd_b,
            even_b - odd_b,
            s.mul_add(product, d[1], s.mul_add(sum, d[3], d[5])),
        ];
        line(s, points)
    }

    #[inline(always)]
    fn output<S: Simd>(s: S, m: Line<S>) -> Line<S> {
        let [a, b, a2, b2] = [Self::A, Self::B, Self::A2, Self::B2].map(|x| s.splat(x));
        let (a3, b3) = (s.splat(Self::A2 * Self::A), s.splat(Self::B2 * Self::B));
        let (even_a, odd_a) = (m[1] + m[2], m[1] - m[2]);
        let (even_b, odd_b) = (m[3] + m[4], m[3] - m[4]);
        let pixels = [
            m[0] + (even_a + even_b),
            s.mul_add(a, odd_a, b * odd_b),
            s.mul_add(a2, even_a, b2 * even_b),
            s.mul_add(a3, odd_a, s.mul_add(b3, odd_b, m[5])),
        ];
        line(s, pixels)
    }
}

/// F(4, 5) at the points 0, ±1/2, ±1, ±2 and ∞; all factors are exact.
pub(crate) struct F4Of5;

impl Points for F4Of5 {
    const M: usize = 4;
    const N: usize = 8;

    #[inline(always)]
    fn input<S: Simd>(s: S, d: Line<S>) -> Line<S> {
        // `(x² - b²) (x² - c²)` for the two pairs of points besides ±a, on the even and on the odd pixels.
        let pair = |sum: f32, product: f32| {
            let (sum, product) = (s.splat(-sum), s.splat(product));
            let even = s.mul_add(product, d[2], s.mul_add(sum, d[4], d[6]));
            let odd = s.mul_add(product, d[1], s.mul_add(sum, d[3], d[5]));
            (even, odd)
        };
        let (even_a, odd_a) = pair(5.0, 4.0);
        let (even_b, odd_b) = pair(4.25, 1.0);
        let (even_c, odd_c) = pair(1.25, 0.25);
        let (odd_a, odd_c) = (s.splat(0.5) * odd_a, odd_c + odd_c);
        let middle = s.splat(5.25);
        let points = [
            s.mul_add(middle, d[2] - d[4], d[6] - d[0]),
            even_a + odd_a,
            even_a - odd_a,
            even_b + odd_b,
            even_b - odd_b,
            even_c + odd_c,
            even_c - odd_c,
            s.mul_add(middle, d[3] - d[5], d[7] - d[1]),
        ];
        line(s, points)
    }

    #[inline(always)]
    fn output<S: Simd>(s: S, m: Line<S>) -> Line<S> {
        let [half, quarter, eighth] = [0.5, 0.25, 0.125].map(|x| s.splat(x));
        let [two, four, eight] = [2.0, 4.0, 8.0].map(|x| s.splat(x));
        let (even_a, odd_a) = (m[1] + m[2], m[1] - m[2]);
        let (even_b, odd_b) = (m[3] + m[4], m[3] - m[4]);
        let (even_c, odd_c) = (m[5] + m[6], m[5] - m[6]);
        let pixels = [
            m[0] + even_a + (even_b + even_c),
            s.mul_add(half, odd_a, s.mul_add(two, odd_c, odd_b)),
            s.mul_add(quarter, even_a, s.mul_add(four, even_c, even_b)),
            s.mul_add(eighth, odd_a, s.mul_add(eight, odd_c, odd_b)) + m[7],
        ];
        line(s, pixels)
    }
}
