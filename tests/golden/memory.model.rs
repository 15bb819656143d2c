//! The model, one statement for each kernel call.
//!
//! A comment names the TensorFlow node that a call computes. `part` says where a tensor lies in the arena and which shape
//! it has; `n` is the batch size. Constants hold the facts that do not depend on it.
#![allow(clippy::approx_constant, reason = "the numbers are the model's")]

use tf_layers::{
    Activation, Arena, Columns, Conv2d, Element, Error, Matmul, Pad, Part, Pool2d, Reduce, Reduction, Region, Slice,
    Softmax, Threads, Weights, avg_pool2d, channel, columns, conv2d, copy_columns, map, map_columns,
    map_columns_beside, math, matmul, max_pool2d, pad, reduce, same, simd::Simd, slice, softmax,
};

use crate::weights as w;

const CONV2D_0: Conv2d = Conv2d::new([6, 6, 8], 8, [1, 1]).activation(Activation::Relu);
const CONV2D_0_2: Conv2d = Conv2d::new([6, 6, 8], 8, [3, 3]).pads([1, 1, 1, 1]);
const CONV2D_0_3: Conv2d = Conv2d::new([6, 6, 8], 8, [1, 1]).activation(Activation::Relu6).accumulate();
const SOFTMAX_0: Softmax = Softmax::new(288, 1);
const MATMUL_0: Matmul = Matmul::new(288, 288).activation(Activation::Tanh);
const MAX_POOL: Pool2d = Pool2d::new([6, 6, 8], [3, 3], [2, 2], [1, 1, 1, 1]).columns(0, 24);
const CONV2D_0_4: Conv2d = Conv2d::new([3, 3, 8], 8, [1, 1]).columns(8, 24);
const CONV2D_0_5: Conv2d =
    Conv2d::new([3, 3, 16], 8, [3, 3]).pads([1, 1, 1, 1]).activation(Activation::HardSwish).columns(16, 24);
const CONV2D_0_6: Conv2d = Conv2d::new([3, 3, 24], 8, [1, 1]).activation(Activation::Gelu).columns(24, 32);
const MEAN: Reduce = Reduce::new(Reduction::Mean, 9, 32);
const CONV2D_0_7: Conv2d = Conv2d::new([4, 4, 8], 8, [1, 1]);
const CONV2D_0_2_2: Conv2d = Conv2d::new([4, 4, 8], 8, [3, 3]).pads([1, 1, 1, 1]).columns(0, 40);
const CONV2D_0_8: Conv2d =
    Conv2d::new([4, 4, 8], 8, [3, 3]).pads([1, 1, 1, 1]).activation(Activation::Relu).accumulate().columns(0, 40);
const AVG_POOL: Pool2d = Pool2d::new([4, 4, 8], [3, 3], [1, 1], [1, 1, 1, 1]);
const MATMUL_0_2: Matmul = Matmul::new(8, 8).activation(Activation::Sigmoid).columns(16, 40);
const SOFTMAX_0_2: Softmax = Softmax::new(4, 1);
const SOFTMAX_0_2_2: Softmax = Softmax::new(6, 1);
const CONV2D_0_9: Conv2d = Conv2d::new([9, 9, 8], 8, [1, 1]).strides([2, 2]).crop([1, 1, 0, 0]).columns(0, 24);
const AVG_POOL_2: Pool2d = Pool2d::new([4, 4, 8], [3, 3], [1, 1], [1, 1, 1, 1]).input_columns(0, 24);
const MAX_POOL_2: Pool2d = Pool2d::new([9, 9, 8], [3, 3], [2, 2], [0, 0, 0, 0]).columns(16, 24);

/// What a call reads from the arena that reads nothing.
const NOTHING: [Part<u8>; 0] = [];

/// `x · y`.
struct Mul;

impl Region<2> for Mul {
    #[inline(always)]
    fn eval<S: Simd>(&self, _: S, [x, y]: [S::F32; 2]) -> S::F32 {
        x * y
    }
}

/// `x + y`.
struct Add;

impl Region<2> for Add {
    #[inline(always)]
    fn eval<S: Simd>(&self, _: S, [x, y]: [S::F32; 2]) -> S::F32 {
        x + y
    }
}

/// `exp(x)`.
struct Exp;

impl Region<1> for Exp {
    #[inline(always)]
    fn eval<S: Simd>(&self, s: S, [x]: [S::F32; 1]) -> S::F32 {
        math::exp(s, x)
    }
}

/// `y - x`.
struct Sub;

impl Region<2> for Sub {
    #[inline(always)]
    fn eval<S: Simd>(&self, _: S, [x, y]: [S::F32; 2]) -> S::F32 {
        y - x
    }
}

/// A tensor at byte `offset` of the arena.
fn part<T: Element, const RANK: usize>(offset: usize, shape: [usize; RANK]) -> Part<T> {
    Part::new(offset, shape.iter().product())
}

/// Bytes of the arena that `residuals` needs for `n` examples.
pub(crate) fn residuals_arena(n: usize) -> usize {
    6656 * n
}

/// Computes `residuals` and says where its outputs are.
pub(crate) fn residuals(
    weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    x: &[f32],
) -> Result<[Part<f32>; 2], Error> {
    // conv2d
    let conv2d_0: Part<f32> = part(2048 * n, [n, 6, 6, 8]);
    let [filter, bias] = weights.parts([w::CONV2D_0_FILTER, w::CONV2D_0_BIAS]);
    let out = arena.part_mut(conv2d_0);
    conv2d(threads, &CONV2D_0, x, filter, Some(bias), None, &mut [], out);

    // conv2d
    let scratch: Part<f32> = part(0, [512 * n]);
    let conv2d_0_2: Part<f32> = part(3200 * n, [n, 6, 6, 8]);
    let [filter, bias] = weights.parts([w::CONV2D_0_2_FILTER, w::CONV2D_0_BIAS]);
    let (input, [scratch, out]) = arena.parts(conv2d_0, [scratch, conv2d_0_2]);
    conv2d(threads, &CONV2D_0_2, input, filter, Some(bias), None, scratch, out);

    // conv2d
    let filter = weights.part(w::CONV2D_0_FILTER);
    let (input, out) = arena.parts(conv2d_0_2, conv2d_0);
    conv2d(threads, &CONV2D_0_3, input, filter, None, None, &mut [], out);

    // conv2d
    let scratch: Part<f32> = part(0, [512 * n]);
    let conv2d_0_3: Part<f32> = part(4352 * n, [n, 6, 6, 8]);
    let filter = weights.part(w::CONV2D_0_2_FILTER);
    let ([input, residual], [scratch, out]) = arena.parts([conv2d_0, conv2d_0], [scratch, conv2d_0_3]);
    conv2d(threads, &CONV2D_0_2, input, filter, None, Some(residual), scratch, out);

    // softmax
    let softmax_0: Part<f32> = part(3200 * n, [n, 288]);
    let (input, out) = arena.parts(conv2d_0_3, softmax_0);
    softmax(threads, &SOFTMAX_0, input, out);

    // matmul
    let matmul_0: Part<f32> = part(5504 * n, [n, 288]);
    let rhs = weights.part(w::MATMUL_0_RHS);
    let ([lhs, residual], out) = arena.parts([softmax_0, conv2d_0_3], matmul_0);
    matmul(threads, &MATMUL_0, lhs, rhs, None, Some(residual), out);

    Ok([conv2d_0_3, matmul_0])
}

/// Bytes of the arena that `dense_block` needs for `n` examples.
pub(crate) fn dense_block_arena(n: usize) -> usize {
    3200 * n
}

/// Computes `dense_block` and says where its outputs are.
pub(crate) fn dense_block(
    weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    x: &[f32],
) -> Result<Part<f32>, Error> {
    // max_pool
    let concat_0: Part<f32> = part(0, [n, 3, 3, 24]);
    let out = arena.part_mut(concat_0);
    max_pool2d(threads, &MAX_POOL, x, out);

    // map
    let map_0: Part<f32> = part(896 * n, [n, 3, 3, 8]);
    let input_1 = weights.part(w::MAP_0_INPUT_1);
    let (input_0, out) = arena.parts(concat_0, map_0);
    map(threads, &Mul, [columns(&Columns::new(0, 8, 24), input_0), channel(input_1)], out);

    // conv2d
    let filter = weights.part(w::CONV2D_0_FILTER);
    let (input, out) = arena.parts(map_0, concat_0);
    conv2d(threads, &CONV2D_0_4, input, filter, None, None, &mut [], out);

    // map
    let map_0_2: Part<f32> = part(2496 * n, [n, 3, 3, 16]);
    let input_1 = weights.part(w::MAP_0_2_INPUT_1);
    let (input_0, out) = arena.parts(concat_0, map_0_2);
    map(threads, &Mul, [columns(&Columns::new(0, 16, 24), input_0), channel(input_1)], out);

    // conv2d
    let scratch: Part<f32> = part(896 * n, [400 * n]);
    let filter = weights.part(w::CONV2D_0_FILTER_2);
    let (input, [scratch, out]) = arena.parts(map_0_2, [scratch, concat_0]);
    conv2d(threads, &CONV2D_0_5, input, filter, None, None, scratch, out);

    // map
    let map_0_3: Part<f32> = part(2048 * n, [n, 3, 3, 24]);
    let input_1 = weights.part(w::MAP_0_3_INPUT_1);
    let (input_0, out) = arena.parts(concat_0, map_0_3);
    map(threads, &Mul, [same(input_0), channel(input_1)], out);

    // conv2d
    let concat_0_2: Part<f32> = part(896 * n, [n, 3, 3, 32]);
    let filter = weights.part(w::CONV2D_0_FILTER_3);
    let (input, out) = arena.parts(map_0_3, concat_0_2);
    conv2d(threads, &CONV2D_0_6, input, filter, None, None, &mut [], out);

    // copy
    let (input, out) = arena.parts(concat_0, concat_0_2);
    copy_columns(&Columns::new(0, 24, 32), input, out);

    // mean
    let mean: Part<f32> = part(3072 * n, [n, 32]);
    let (input, out) = arena.parts(concat_0_2, mean);
    reduce(threads, &MEAN, input, out);

    Ok(mean)
}

/// Bytes of the arena that `branches` needs for `n` examples.
pub(crate) fn branches_arena(n: usize) -> usize {
    4224 * n
}

/// Computes `branches` and says where its outputs are.
pub(crate) fn branches(
    weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    x: &[f32],
) -> Result<Part<f32>, Error> {
    // conv2d
    let conv2d_0: Part<f32> = part(1152 * n, [n, 4, 4, 8]);
    let filter = weights.part(w::CONV2D_0_FILTER);
    let out = arena.part_mut(conv2d_0);
    conv2d(threads, &CONV2D_0_7, x, filter, None, None, &mut [], out);

    // conv2d
    let scratch: Part<f32> = part(0, [288 * n]);
    let concat_0: Part<f32> = part(1664 * n, [n, 4, 4, 40]);
    let filter = weights.part(w::CONV2D_0_2_FILTER);
    let ([], [scratch, out]) = arena.parts(NOTHING, [scratch, concat_0]);
    conv2d(threads, &CONV2D_0_2_2, x, filter, None, None, scratch, out);

    // conv2d
    let scratch: Part<f32> = part(0, [288 * n]);
    let filter = weights.part(w::CONV2D_0_2_FILTER);
    let (input, [scratch, out]) = arena.parts(conv2d_0, [scratch, concat_0]);
    conv2d(threads, &CONV2D_0_8, input, filter, None, None, scratch, out);

    // avg_pool
    let avg_pool: Part<f32> = part(1152 * n, [n, 4, 4, 8]);
    let out = arena.part_mut(avg_pool);
    avg_pool2d(threads, &AVG_POOL, x, out);

    // matmul
    let rhs = weights.part(w::MATMUL_0_RHS_2);
    let (lhs, out) = arena.parts(avg_pool, concat_0);
    matmul(threads, &MATMUL_0_2, lhs, rhs, None, None, out);

    // map
    let (input, out) = arena.parts(avg_pool, concat_0);
    map_columns_beside(threads, &Add, [16], [same(input)], &Columns::new(24, 8, 40), out);

    // copy
    let out = arena.part_mut(concat_0);
    copy_columns(&Columns::new(8, 8, 40), x, out);

    // copy
    let (input, out) = arena.parts(avg_pool, concat_0);
    copy_columns(&Columns::new(32, 8, 40), input, out);

    Ok(concat_0)
}

/// Bytes of the arena that `parts` needs for `n` examples.
pub(crate) fn parts_arena(n: usize) -> usize {
    320 * n + 128
}

/// Computes `parts` and says where its outputs are.
pub(crate) fn parts(
    _weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    x: &[f32],
    y: &[f32],
) -> Result<[Part<f32>; 2], Error> {
    // softmax
    let softmax_0: Part<f32> = part(0, [n, 8, 4]);
    let out = arena.part_mut(softmax_0);
    softmax(threads, &SOFTMAX_0_2, x, out);

    // slice
    let slice_0: Part<f32> = part(128 * n, [n, 5, 3]);
    let (input, out) = arena.parts(softmax_0, slice_0);
    slice(&Slice::new([n, 8, 4], [0, 2, 1], [1, 1, 1], [n, 5, 3]), input, out);

    // pad
    let pad_0: Part<f32> = part(192 * n, [n, 10, 3]);
    let (input, out) = arena.parts(slice_0, pad_0);
    pad(&Pad::new([n, 5, 3], [0, 3, 0], [0, 2, 0]), input, 0.5, out);

    // softmax
    let softmax_0_2: Part<f32> = part(64 * n, [4, 6]);
    let out = arena.part_mut(softmax_0_2);
    softmax(threads, &SOFTMAX_0_2_2, y, out);

    // map
    let map_0_2: Part<f32> = part(64 * n + 48, [2, 6]);
    let concat_0: Part<f32> = part(320 * n, [2, 12]);
    let (input, out) = arena.parts(map_0_2, concat_0);
    map_columns(threads, &Exp, [same(input)], &Columns::new(0, 6, 12), out);

    // copy
    let copy: Part<f32> = part(64 * n, [2, 6]);
    let (input, out) = arena.parts(copy, concat_0);
    copy_columns(&Columns::new(6, 6, 12), input, out);

    Ok([pad_0, concat_0])
}

/// Bytes of the arena that `pools` needs for `n` examples.
pub(crate) fn pools_arena(n: usize) -> usize {
    2048 * n
}

/// Computes `pools` and says where its outputs are.
pub(crate) fn pools(
    weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    x: &[f32],
) -> Result<Part<f32>, Error> {
    // conv2d
    let concat_0: Part<f32> = part(512 * n, [n, 4, 4, 24]);
    let filter = weights.part(w::CONV2D_0_FILTER);
    let out = arena.part_mut(concat_0);
    conv2d(threads, &CONV2D_0_9, x, filter, None, None, &mut [], out);

    // avg_pool
    let avg_pool: Part<f32> = part(0, [n, 4, 4, 8]);
    let (input, out) = arena.parts(concat_0, avg_pool);
    avg_pool2d(threads, &AVG_POOL_2, input, out);

    // map
    let (input, out) = arena.parts(avg_pool, concat_0);
    map_columns_beside(threads, &Sub, [0], [same(input)], &Columns::new(8, 8, 24), out);

    // max_pool
    let out = arena.part_mut(concat_0);
    max_pool2d(threads, &MAX_POOL_2, x, out);

    Ok(concat_0)
}
