//! The model, one statement for each kernel call.
//!
//! A comment names the TensorFlow node that a call computes. `part` says where a tensor lies in the arena and which shape
//! it has; `n` is the batch size. Constants hold the facts that do not depend on it.
#![allow(clippy::approx_constant, reason = "the numbers are the model's")]

use tf_layers::{
    Activation, Arena, Conv2d, DepthwiseConv2d, Element, Error, Matmul, Part, Reduce, Reduction, Threads, Weights,
    concat, conv2d, depthwise_conv2d, matmul, reduce,
};

use crate::weights as w;

const CONV2D_0: Conv2d =
    Conv2d::new([8, 8, 3], 8, [3, 3]).strides([2, 2]).pads([0, 0, 1, 1]).activation(Activation::LeakyRelu(0.2));
const DEPTHWISE: DepthwiseConv2d = DepthwiseConv2d::new([4, 4, 8], [3, 3]).pads([1, 1, 1, 1]);
const GROUPED: Conv2d = Conv2d::new([4, 4, 8], 8, [1, 1]).groups(2);
const POOL: Reduce = Reduce::new(Reduction::Mean, 16, 16);
const MATMUL_0: Matmul = Matmul::new(16, 8);

/// What a call reads from the arena that reads nothing.
const NOTHING: [Part<u8>; 0] = [];

/// A tensor at byte `offset` of the arena.
fn part<T: Element, const RANK: usize>(offset: usize, shape: [usize; RANK]) -> Part<T> {
    Part::new(offset, shape.iter().product())
}

/// Bytes of the arena that `predict` needs for `n` examples.
pub(crate) fn predict_arena(n: usize) -> usize {
    2112 * n + 261_632
}

/// Computes `serving_default` and says where its outputs are.
///
/// The nodes that the comments name are below `net/`.
pub(crate) fn predict(
    weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    input_2: &[f32],
) -> Result<[Part<f32>; 2], Error> {
    // conv2d/Conv2D, conv2d/BiasAdd, activation/LeakyRelu
    let scratch: Part<f32> = part(0, [65_400]);
    let conv2d_0: Part<f32> = part(261_632, [n, 4, 4, 8]);
    let [filter, bias] = weights.parts([w::CONV2D_0_FILTER, w::CONV2D_0_BIAS]);
    let ([], [scratch, out]) = arena.parts(NOTHING, [scratch, conv2d_0]);
    conv2d(threads, &CONV2D_0, input_2, filter, Some(bias), None, scratch, out);

    // depthwise/depthwise
    let depthwise: Part<f32> = part(512 * n + 261_632, [n, 4, 4, 8]);
    let filter = weights.part(w::DEPTHWISE_FILTER);
    let (input, out) = arena.parts(conv2d_0, depthwise);
    depthwise_conv2d(threads, &DEPTHWISE, input, filter, None, out);

    // grouped/Conv2D, add/AddV2
    let grouped: Part<f32> = part(1600 * n + 261_632, [n, 4, 4, 8]);
    let filter = weights.part(w::GROUPED_FILTER);
    let ([input, residual], out) = arena.parts([depthwise, conv2d_0], grouped);
    conv2d(threads, &GROUPED, input, filter, None, Some(residual), &mut [], out);

    // concat
    let concat_0: Part<f32> = part(512 * n + 261_632, [n, 4, 4, 16]);
    let (inputs, out) = arena.parts([conv2d_0, grouped], concat_0);
    concat(inputs, [8, 8], out);

    // pool/Mean
    let pool: Part<f32> = part(261_632, [n, 16]);
    let (input, out) = arena.parts(concat_0, pool);
    reduce(threads, &POOL, input, out);

    // matmul/MatMul
    let matmul_0: Part<f32> = part(1536 * n + 261_632, [n, 8]);
    let rhs = weights.part(w::MATMUL_0_RHS);
    let (lhs, out) = arena.parts(pool, matmul_0);
    matmul(threads, &MATMUL_0, lhs, rhs, None, None, out);

    Ok([matmul_0, grouped])
}
