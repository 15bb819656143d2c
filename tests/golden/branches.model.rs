//! The model, one statement for each kernel call.
//!
//! A comment names the TensorFlow node that a call computes. `part` says where a tensor lies in the arena and which shape
//! it has; `n` is the batch size. Constants hold the facts that do not depend on it.
#![allow(clippy::approx_constant, reason = "the numbers are the model's")]

use tf_layers::{
    Arena, Element, Error, Part, Reduce, Reduction, Region, Threads, Weights, map_any, map_in_place, reduce, same,
    simd::Simd,
};

use crate::state as v;

/// `x + y`.
struct Add;

impl Region<2> for Add {
    #[inline(always)]
    fn eval<S: Simd>(&self, _: S, [x, y]: [S::F32; 2]) -> S::F32 {
        x + y
    }
}

/// A tensor at byte `offset` of the arena.
fn part<T: Element, const RANK: usize>(offset: usize, shape: [usize; RANK]) -> Part<T> {
    Part::new(offset, shape.iter().product())
}

/// Bytes of the arena that `train` needs for `n` examples.
pub(crate) fn train_arena(n: usize) -> usize {
    384
}

/// Computes `train` and says where its outputs are.
pub(crate) fn train(
    _weights: &Weights,
    variables: &mut Arena,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    x: &[f32],
) -> Result<Part<f32>, Error> {
    // Sum
    let sum: Part<f32> = part(0, []);
    let out = arena.part_mut(sum);
    reduce(threads, &Reduce::new(Reduction::Sum, 4 * n, 1), x, out);

    // Greater
    let greater: Part<u8> = part(64, []);
    let (input, out) = arena.parts(sum, greater);
    map_any(same(input), out, |x: f32| u8::from(x > 0.0));

    let cond: Part<f32> = part(128, [4]);
    if arena.part(greater)[0] != 0 && variables.part(v::FROZEN)[0] == 0 {
        // cond/Max
        let out = arena.part_mut(cond);
        reduce(threads, &Reduce::new(Reduction::Max, n, 4), x, out);

        // cond/AssignAddVariableOp
        let out = variables.part_mut(v::TOTAL);
        let input = arena.part(cond);
        map_in_place(threads, &Add, out, [same(input)]);
    }

    // ReadVariableOp
    let read_variable_op: Part<f32> = part(320, [4]);
    let input = variables.part(v::TOTAL);
    let out = arena.part_mut(read_variable_op);
    out.copy_from_slice(input);

    Ok(read_variable_op)
}
