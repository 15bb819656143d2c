//! The model, one statement for each kernel call.
//!
//! A comment names the TensorFlow node that a call computes. `part` says where a tensor lies in the arena and which shape
//! it has; `n` is the batch size. Constants hold the facts that do not depend on it.
#![allow(clippy::approx_constant, reason = "the numbers are the model's")]

use tf_layers::{
    Arena, Element, Error, Gather, Part, Region, Threads, Transpose, Weights, channel, gather, map, map_any, math,
    same, simd::Simd, transpose,
};

use crate::weights as w;

const LOOKUP_GATHER_V2: Gather = Gather::new(1, 10, 4);
const TRANSPOSE_0: Transpose<2> = Transpose::new([3, 2], [1, 0]);

/// `0.5 / elu(((maximum(exp(x), 0.5) - y) · (maximum(exp(x), 0.5) - y)))`.
struct ExpMaximumToDiv;

impl Region<2> for ExpMaximumToDiv {
    #[inline(always)]
    fn eval<S: Simd>(&self, s: S, [x, y]: [S::F32; 2]) -> S::F32 {
        let sub = s.max(s.splat(0.5), math::exp(s, x)) - y;
        let mul = sub * sub;
        let elu = s.select(s.greater(mul, s.zero()), mul, s.splat(0.3) * math::expm1(s, mul));
        s.splat(0.5) / elu
    }
}

/// A tensor at byte `offset` of the arena.
fn part<T: Element, const RANK: usize>(offset: usize, shape: [usize; RANK]) -> Part<T> {
    Part::new(offset, shape.iter().product())
}

/// Bytes of the arena that `predict` needs for `n` examples.
pub(crate) fn predict_arena(n: usize) -> usize {
    704 * n
}

/// Computes `serving_default` and says where its outputs are.
pub(crate) fn predict(
    weights: &Weights,
    _threads: &Threads,
    arena: &mut Arena,
    n: usize,
    tokens: &[i32],
    type_: &[u8],
) -> Result<(Part<f32>, Part<u8>), Error> {
    // lookup/SelectV2
    let lookup: Part<i32> = part(0, [n, 5]);
    let out = arena.part_mut(lookup);
    map_any(
        (same(tokens), same(type_)),
        out,
        |(x, y): (i32, u8)| if y != 0 { if x < 0 { x.wrapping_add(10) } else { x } } else { 0 },
    );

    // lookup/GatherV2
    let lookup_gather_v2: Part<f32> = part(512 * n, [n, 5, 4]);
    let input = weights.part(w::LOOKUP_GATHER_V2_INPUT);
    let (indices, out) = arena.parts(lookup, lookup_gather_v2);
    gather(&LOOKUP_GATHER_V2, input, indices, out)?;

    // known/Greater
    let known: Part<u8> = part(640 * n, [n, 5]);
    let (input, out) = arena.parts(lookup, known);
    map_any(same(input), out, |x: i32| u8::from(x > 0));

    Ok((lookup_gather_v2, known))
}

/// Bytes of the arena that `match_` needs.
pub(crate) fn match_arena(_n: usize) -> usize {
    128
}

/// Computes `match` and says where its outputs are.
pub(crate) fn match_(
    _weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    _n: usize,
    x: &[f32],
    y: &[f32],
) -> Result<Part<f32>, Error> {
    // scale/truediv
    let scale_truediv: Part<f32> = part(0, [3, 2]);
    let out = arena.part_mut(scale_truediv);
    map(threads, &ExpMaximumToDiv, [same(x), channel(y)], out);

    // transpose
    let transpose_0: Part<f32> = part(64, [2, 3]);
    let (input, out) = arena.parts(scale_truediv, transpose_0);
    transpose(threads, &TRANSPOSE_0, input, out);

    Ok(transpose_0)
}
