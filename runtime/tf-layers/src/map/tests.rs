use super::*;
use crate::simd::Isa;
use crate::strided::tests::{flat, tensor};

/// `2 a + b c`: exact for small integers, and different in each operand.
struct Chain;

fn chain([a, b, c]: [f32; 3]) -> f32 {
    2.0 * a + b * c
}

impl Region<3> for Chain {
    #[inline(always)]
    fn eval<S: Simd>(&self, s: S, [a, b, c]: [S::F32; 3]) -> S::F32 {
        s.mul_add(b, c, a * s.splat(2.0))
    }
}

fn counted(length: usize, first: i32) -> Vec<f32> {
    (first..).take(length).map(|i| (i % 1000) as f32).collect()
}

/// On every instruction set, with one thread and two, and in place of the first operand.
fn check(a: &[f32], b: Operand, c: Operand, expected: &[f32]) {
    for isa in Isa::available() {
        isa.force(|| {
            for threads in [Threads::single(), Threads::new(2)] {
                let mut out = vec![-1.0; a.len()];
                map(&threads, &Chain, [same(a), b, c], &mut out);
                assert_eq!(out, expected, "{} {b:?} {c:?}", isa.name());
                out.copy_from_slice(a);
                map_in_place(&threads, &Chain, &mut out, [b, c]);
                assert_eq!(out, expected, "{} {b:?} {c:?}, in place", isa.name());
            }
        });
    }
}

fn check_broadcast<const R: usize>(
    out_shape: [usize; R],
    b_shape: [usize; R],
    c_shape: [usize; R],
) {
    let a = counted(out_shape.iter().product(), 1);
    let b = counted(b_shape.iter().product(), 5);
    let c = counted(c_shape.iter().product(), 900);
    let at = |shape: [usize; R], index: &[usize]| {
        let source: [usize; R] =
            std::array::from_fn(|axis| if shape[axis] == 1 { 0 } else { index[axis] });
        flat(&shape, &source)
    };
    let expected = tensor(&out_shape, |index| {
        chain([
            a[flat(&out_shape, index)],
            b[at(b_shape, index)],
            c[at(c_shape, index)],
        ])
    });
    let operands = [
        broadcast(&b, b_shape, out_shape),
        broadcast(&c, c_shape, out_shape),
    ];
    check(&a, operands[0], operands[1], &expected);
}

#[test]
fn every_length_around_the_vectors_and_the_block() {
    let lengths = (0..=50).chain([255, 256, 257, 271, 513, 20_000]);
    for length in lengths {
        check_broadcast([length], [length], [1]);
    }
}

#[test]
fn every_pattern_of_repetition() {
    for out_shape in [
        [2, 3, 5, 7],
        [3, 1, 40, 17],
        [1, 2, 3, 300],
        [2, 300, 1, 3],
        [2, 70, 70, 2],
    ] {
        for bits in 0..16 {
            let b_shape = std::array::from_fn(|axis| {
                if bits >> axis & 1 == 0 {
                    1
                } else {
                    out_shape[axis]
                }
            });
            check_broadcast(out_shape, b_shape, out_shape);
            check_broadcast(out_shape, b_shape, [1, 1, 1, out_shape[3]]);
        }
    }
    check_broadcast(
        [2, 3, 2, 3, 2, 3, 2, 3],
        [1, 3, 1, 3, 1, 3, 1, 3],
        [2, 1, 2, 1, 2, 1, 2, 1],
    );
}

#[test]
fn columns_of_wider_tensors_are_read_and_written() {
    const OTHER: f32 = -7.0;
    for (rows, first, width, of) in [
        (0, 0, 3, 5),
        (1, 2, 70, 90),
        (7, 0, 1, 4),
        (9, 16, 32, 64),
        (40, 3, 300, 310),
        (3000, 1, 17, 20),
    ] {
        let p = Columns::new(first, width, of);
        let wide = counted(rows * of, 1);
        let a: Vec<f32> = (0..rows * width)
            .map(|i| wide[i / width * of + first + i % width])
            .collect();
        let (b, c) = (counted(rows * width, 5), counted(width, 900));
        let mut plain = vec![0.0; rows * width];
        let operands = [same(&a), same(&b), channel(&c)];
        map(&Threads::single(), &Chain, operands, &mut plain);
        for isa in Isa::available() {
            isa.force(|| {
                for threads in [Threads::single(), Threads::new(3)] {
                    let operands = [columns(&p, &wide), same(&b), channel(&c)];
                    let mut out = vec![0.0; rows * width];
                    map(&threads, &Chain, operands, &mut out);
                    assert_eq!(out, plain, "{} {p:?}", isa.name());
                    let mut out = vec![OTHER; rows * of];
                    map_columns(&threads, &Chain, operands, &p, &mut out);
                    for (i, &x) in out.iter().enumerate() {
                        let wanted = match (i % of).checked_sub(first) {
                            Some(column) if column < width => plain[i / of * width + column],
                            _ => OTHER,
                        };
                        assert_eq!(x, wanted, "{} {p:?}: element {i}", isa.name());
                    }
                }
            });
        }
    }
}

#[test]
fn columns_beside_the_result_are_operands() {
    for (rows, [first, a, b], width, of) in [
        (1, [0, 3, 6], 3, 9),
        (7, [70, 0, 140], 70, 210),
        (3000, [17, 35, 0], 17, 52),
        (0, [0, 3, 6], 3, 9),
    ] {
        let p = Columns::new(first, width, of);
        let wide = counted(rows * of, 1);
        let c = counted(width, 900);
        let [x, y] = [a, b].map(|first| Columns::new(first, width, of));
        let mut wanted = wide.clone();
        let operands = [columns(&x, &wide), columns(&y, &wide), channel(&c)];
        map_columns(&Threads::single(), &Chain, operands, &p, &mut wanted);
        for isa in Isa::available() {
            isa.force(|| {
                for threads in [Threads::single(), Threads::new(3)] {
                    let mut out = wide.clone();
                    map_columns_beside(&threads, &Chain, [a, b], [channel(&c)], &p, &mut out);
                    assert_eq!(out, wanted, "{} {p:?}", isa.name());
                    let mut out = wide.clone();
                    let operands = [columns(&y, &wide), channel(&c)];
                    map_columns_beside(&threads, &Chain, [a], operands, &p, &mut out);
                    assert_eq!(out, wanted, "{} {p:?}", isa.name());
                }
            });
        }
    }
}

#[test]
#[should_panic = "map_columns: 3 columns from 2 on are not beside"]
fn refuses_columns_that_overlap() {
    let p = Columns::new(0, 3, 9);
    let operands = [same(&[0.0; 3]), channel(&[0.0; 3])];
    map_columns_beside(&Threads::single(), &Chain, [2], operands, &p, &mut [0.0; 9]);
}

#[test]
fn short_forms_are_broadcasts() {
    let (n, hw, channels) = (2, 6, 35);
    let shape = [n, hw, channels];
    let a = counted(n * hw * channels, 1);
    let cases = [
        (1, 1, channels),
        (n, hw, 1),
        (n, 1, channels),
        (1, 1, 1),
        (n, hw, channels),
    ];
    for (case, (bn, bhw, bc)) in cases.into_iter().enumerate() {
        let b = counted(bn * bhw * bc, 3);
        let short = match case {
            0 => channel(&b),
            1 => rows(&b, channels),
            2 => middle(&b, hw, channels),
            3 => scalar(&b),
            _ => same(&b),
        };
        let mut expected = vec![0.0; a.len()];
        let long = broadcast(&b, [bn, bhw, bc], shape);
        map(
            &Threads::single(),
            &Chain,
            [same(&a), long, long],
            &mut expected,
        );
        check(&a, short, short, &expected);
    }
}

#[test]
fn other_types() {
    let (mask, a, b) = ([1_u8, 0, 0, 1], [1_i64, 2, 3, 4], [10_i64]);
    let mut out = [0_i64; 4];
    map_any(
        (same(&mask), same(&a), scalar(&b)),
        &mut out,
        |(m, a, b)| if m == 1 { a } else { b },
    );
    assert_eq!(out, [1, 10, 10, 4]);
    map_any_in_place(&mut out, channel(&[1_i32, 2]), |y, x| y - i64::from(x));
    assert_eq!(out, [0, 8, 9, 2]);
    map_any_in_place(&mut out, (same(&a),), |y, x| y * x);
    assert_eq!(out, [0, 16, 27, 8]);
    map_any_in_place(&mut out, (), |y, ()| -y);
    assert_eq!(out, [0, -16, -27, -8]);
    let x = counted(1000, 0);
    let mut squares = vec![0_u32; 1000];
    map_any(
        (same(&x), rows(&[1_u32, 2], 500)),
        &mut squares,
        |(x, k)| x as u32 * k,
    );
    assert_eq!(
        (squares[499], squares[500], squares[999]),
        (499, 1000, 1998)
    );
}

#[test]
#[should_panic = "map: an operand of 3 elements is repeated to MultipleOf(3), but the result has 4"]
fn refuses_operands_that_do_not_fit() {
    map_in_place(
        &Threads::single(),
        &Chain,
        &mut [0.0; 4],
        [channel(&[0.0; 3]), scalar(&[0.0])],
    );
}

#[test]
#[should_panic = "map: an operand of 1 elements is repeated to Exactly(1), but the result has 4"]
fn refuses_one_element_for_all_unless_told() {
    map_in_place(
        &Threads::single(),
        &Chain,
        &mut [0.0; 4],
        [same(&[0.0]), scalar(&[0.0])],
    );
}
