//! Every operation on every instruction set of the machine, against the same operation on single numbers.

use super::{Isa, Simd, WithSimd, dispatch};

/// Signs, halves, infinities, NaN, subnormals, and numbers beyond the integers of `f32`.
const SPECIAL: [f32; 32] = [
    0.0,
    -0.0,
    0.5,
    -0.5,
    1.5,
    -1.5,
    2.5,
    -2.5,
    0.49999997,
    -0.49999997,
    1.0,
    -1.0,
    3.25,
    -3.75,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    1e-40,
    -1e-40,
    8388607.5,
    -8388607.5,
    8388609.0,
    1e10,
    -1e10,
    6.0,
    100.7,
    -100.3,
    7.0,
    -7.0,
    1e-3,
    4194304.5,
    -4194305.5,
];

struct Check;

fn same(got: f32, expected: f32) -> bool {
    got.to_bits() == expected.to_bits() || (got.is_nan() && expected.is_nan())
}

/// Compares `vector` with `scalar` in every lane, for all pairs of special numbers.
#[track_caller]
fn check<S: Simd>(
    s: S,
    name: &str,
    vector: impl Fn(S::F32, S::F32) -> S::F32,
    scalar: impl Fn(f32, f32) -> f32,
) {
    for a in SPECIAL.chunks_exact(S::LANES) {
        for turn in 0..SPECIAL.len() {
            let mut b = SPECIAL;
            b.rotate_left(turn);
            let mut got = vec![0.0; S::LANES];
            s.store(vector(s.load(a), s.load(&b)), &mut got);
            for i in 0..S::LANES {
                let expected = scalar(a[i], b[i]);
                assert!(
                    same(got[i], expected),
                    "{:?} {name}({}, {}) = {}, expected {expected}",
                    S::ISA,
                    a[i],
                    b[i],
                    got[i]
                );
            }
        }
    }
}

impl WithSimd for Check {
    type Output = Isa;

    #[inline(always)]
    fn call<S: Simd>(self, s: S) -> Isa {
        check(s, "add", |a, b| a + b, |a, b| a + b);
        check(s, "sub", |a, b| a - b, |a, b| a - b);
        check(s, "mul", |a, b| a * b, |a, b| a * b);
        check(s, "div", |a, b| a / b, |a, b| a / b);
        check(s, "neg", |a, _| -a, |a, _| -a);
        check(
            s,
            "min",
            |a, b| s.min(a, b),
            |a, b| if a < b { a } else { b },
        );
        check(
            s,
            "max",
            |a, b| s.max(a, b),
            |a, b| if a > b { a } else { b },
        );
        check(s, "abs", |a, _| s.abs(a), |a, _| a.abs());
        check(s, "sqrt", |a, _| s.sqrt(a), |a, _| a.sqrt());
        check(s, "round", |a, _| s.round(a), |a, _| a.round_ties_even());
        check(s, "floor", |a, _| s.floor(a), |a, _| a.floor());
        check(s, "ceil", |a, _| s.ceil(a), |a, _| a.ceil());
        check(
            s,
            "less",
            |a, b| s.select(s.less(a, b), a, b),
            |a, b| if a < b { a } else { b },
        );
        check(
            s,
            "less_equal",
            |a, b| s.select(s.less_equal(a, b), s.splat(1.0), b),
            |a, b| if a <= b { 1.0 } else { b },
        );
        check(
            s,
            "equal and not_equal",
            |a, b| s.select(s.equal(a, b) & !s.not_equal(a, b), s.splat(1.0), b),
            |a, b| if a == b { 1.0 } else { b },
        );
        check(
            s,
            "greater or greater_equal",
            |a, b| s.select(s.greater(a, b) | s.greater_equal(a, b), s.splat(1.0), b),
            |a, b| if a >= b { 1.0 } else { b },
        );
        check(
            s,
            "any and all",
            |a, b| {
                let mask = s.less(a, b);
                assert_ne!(s.any(mask), s.all(!mask));
                s.select(mask, a, b)
            },
            |a, b| if a < b { a } else { b },
        );
        let small = |x: f32| x.clamp(-1e6, 1e6);
        let clamp = |a| s.min(s.splat(1e6), s.max(s.splat(-1e6), a));
        check(
            s,
            "to_i32",
            |a, _| s.to_f32(s.to_i32(s.select(s.equal(a, a), clamp(a), s.zero()))),
            |a, _| {
                if a.is_nan() {
                    0.0
                } else {
                    small(a).round_ties_even() + 0.0
                }
            },
        );
        check(
            s,
            "integers",
            |a, b| {
                let (a, b) = (s.bitcast_i32(a), s.bitcast_i32(b));
                let sum = (a + b) ^ (a - b) ^ (a & b) ^ (a | b);
                s.bitcast_f32(s.shift_left(sum, 3) ^ s.shift_right(sum, 5) ^ s.splat_i32(77))
            },
            |a, b| {
                let (a, b) = (a.to_bits() as i32, b.to_bits() as i32);
                let sum = a.wrapping_add(b) ^ a.wrapping_sub(b) ^ (a & b) ^ (a | b);
                f32::from_bits(((sum << 3) ^ (sum >> 5) ^ 77) as u32)
            },
        );
        check(
            s,
            "equal_i32",
            |a, b| {
                s.select(
                    s.equal_i32(s.bitcast_i32(a), s.bitcast_i32(b)),
                    s.splat(1.0),
                    a,
                )
            },
            |a, b| if a.to_bits() == b.to_bits() { 1.0 } else { a },
        );
        // Fused or not, the result is one of two.
        for (a, b, c) in [(3.1, 2.3, -7.13), (1e-30, 1e-30, 1.0), (1.5, 2.0, 0.25)] {
            let mut got = [0.0; 16];
            s.store(s.mul_add(s.splat(a), s.splat(b), s.splat(c)), &mut got);
            assert!(
                got[..S::LANES]
                    .iter()
                    .all(|&x| x == a.mul_add(b, c) || x == a * b + c)
            );
        }
        for n in -252..=254_i16 {
            for x in [0.5, 1.0, -1.9999999, 1.2345679] {
                let mut got = [0.0; 16];
                s.store(s.mul_exp2(s.splat(x), s.splat(f32::from(n))), &mut got);
                let expected = (f64::from(x) * f64::from(n).exp2()) as f32;
                assert!(got[..S::LANES].iter().all(|&got| same(got, expected)));
            }
        }
        for count in 0..=S::LANES + 1 {
            let x: Vec<f32> = (1..=count).map(|i| i as f32).collect();
            let mut full = [-1.0; 16];
            s.store(s.load_partial(&x), &mut full);
            for (i, &lane) in full[..S::LANES].iter().enumerate() {
                assert_eq!(lane, if i < count { (i + 1) as f32 } else { 0.0 });
            }
            let mut out = [-1.0; 32];
            s.store_partial(s.splat(2.0), &mut out[..count]);
            let written = count.min(S::LANES);
            assert!(out[..written].iter().all(|&x| x == 2.0));
            assert!(out[written..].iter().all(|&x| x == -1.0));
        }
        for stride in [4, 5, 16, 67] {
            let x: Vec<f32> = (0..(S::LANES - 1) * stride + 4).map(|i| i as f32).collect();
            for (column, v) in s.load_columns(&x, stride).into_iter().enumerate() {
                let mut lanes = [-1.0; 16];
                s.store(v, &mut lanes);
                for (row, &lane) in lanes[..S::LANES].iter().enumerate() {
                    assert_eq!(lane, (row * stride + column) as f32);
                }
            }
        }
        let half = s.half();
        let x: Vec<f32> = (0..48).map(|i| i as f32).collect();
        let lanes = |v: S::F32| {
            let mut lanes = vec![-1.0; S::LANES];
            s.store(v, &mut lanes);
            lanes
        };
        for (lane, zipped) in lanes(s.zip(half.load(&x), half.load(&x[20..])))
            .into_iter()
            .enumerate()
        {
            assert_eq!(zipped, (lane / 2 + lane % 2 * 20) as f32);
        }
        let mut sums = [-1.0; 16];
        half.store(s.add_pairs(s.load(&x)), &mut sums);
        for (lane, &sum) in sums[..S::Half::LANES].iter().enumerate() {
            let expected = if lane < S::LANES / 2 { 4 * lane + 1 } else { 0 };
            assert_eq!(sum, expected as f32);
        }
        // SAFETY: there are two elements.
        let pair = lanes(unsafe { s.splat_pair(x[7..].as_ptr()) });
        assert_eq!(pair, [7.0, 8.0].repeat(S::LANES / 2));
        assert_eq!(lanes(s.splat_even(3.0)), [3.0, 0.0].repeat(S::LANES / 2));
        let ramp: Vec<f32> = (0..S::LANES).map(|i| ((i * 7) % S::LANES) as f32).collect();
        let last = (S::LANES - 1) as f32;
        assert_eq!(s.reduce_sum(s.load(&ramp)), last * (last + 1.0) / 2.0);
        assert_eq!(s.reduce_max(s.load(&ramp) - s.splat(100.0)), last - 100.0);
        assert_eq!(s.reduce_min(s.load(&ramp) + s.splat(5.0)), 5.0);
        S::ISA
    }
}

#[test]
fn operations_agree_with_scalars_on_every_instruction_set() {
    for isa in Isa::available() {
        let vectors = match isa {
            Isa::Amx => Isa::Avx512,
            isa => isa,
        };
        assert_eq!(isa.force(|| dispatch(Check)), vectors);
    }
}

#[test]
fn force_puts_the_active_instruction_set_back() {
    Isa::Portable.force(|| assert_eq!(Isa::active(), Isa::Portable));
    let widest = Isa::available().next_back().unwrap();
    widest.force(|| assert_eq!(Isa::active(), widest));
}
