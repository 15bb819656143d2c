//! The model, one statement for each kernel call.
//!
//! A comment names the TensorFlow node that a call computes. `part` says where a tensor lies in the arena and which shape
//! it has; `n` is the batch size. Constants hold the facts that do not depend on it.
#![allow(clippy::approx_constant, reason = "the numbers are the model's")]

use tf_layers::{
    Activation, Arena, Element, Error, Matmul, Part, Region, Softmax, Threads, Weights, channel, map_in_place, matmul,
    simd::Simd, softmax,
};

use crate::weights as w;

const DENSE: Matmul = Matmul::new(4, 16).activation(Activation::Relu);
const LOGITS: Matmul = Matmul::new(16, 3);
const LOGITS_SOFTMAX: Softmax = Softmax::new(3, 1);

/// `(hard_sigmoid(x) · x) + y`.
struct HardSigmoidMulAdd;

impl Region<2> for HardSigmoidMulAdd {
    #[inline(always)]
    fn eval<S: Simd>(&self, s: S, [x, y]: [S::F32; 2]) -> S::F32 {
        let hard_sigmoid = s.min(s.splat(6.0), s.max(s.zero(), x + s.splat(3.0))) * s.splat(1.0 / 6.0);
        hard_sigmoid * x + y
    }
}

/// A tensor at byte `offset` of the arena.
fn part<T: Element, const RANK: usize>(offset: usize, shape: [usize; RANK]) -> Part<T> {
    Part::new(offset, shape.iter().product())
}

/// Bytes of the arena that `predict` needs for `n` examples.
pub(crate) fn predict_arena(n: usize) -> usize {
    192 * n
}

/// Computes `serving_default` and says where its outputs are.
///
/// The nodes that the comments name are below `mlp/`.
pub(crate) fn predict(
    weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    x: &[f32],
) -> Result<Part<f32>, Error> {
    // dense/Relu
    let dense: Part<f32> = part(0, [n, 16]);
    let [rhs, bias] = weights.parts([w::DENSE_RHS, w::DENSE_BIAS]);
    let out = arena.part_mut(dense);
    matmul(threads, &DENSE, x, rhs, Some(bias), None, out);

    // gate/mul
    let input = weights.part(w::DENSE_BIAS);
    let out = arena.part_mut(dense);
    map_in_place(threads, &HardSigmoidMulAdd, out, [channel(input)]);

    // logits/MatMul
    let logits: Part<f32> = part(64 * n, [n, 3]);
    let rhs = weights.part(w::LOGITS_RHS);
    let (lhs, out) = arena.parts(dense, logits);
    matmul(threads, &LOGITS, lhs, rhs, None, None, out);

    // logits/Softmax
    let logits_softmax: Part<f32> = part(128 * n, [n, 3]);
    let (input, out) = arena.parts(logits, logits_softmax);
    softmax(threads, &LOGITS_SOFTMAX, input, out);

    Ok(logits_softmax)
}
