//! The model, one statement for each kernel call.
//!
//! A comment names the TensorFlow node that a call computes. `part` says where a tensor lies in the arena and which shape
//! it has; `n` is the batch size. Constants hold the facts that do not depend on it.
#![allow(clippy::approx_constant, reason = "the numbers are the model's")]

use tf_layers::{
    Activation, Arena, BatchMatmul, BroadcastTo, Conv1d, Conv2d, Conv3d, DepthwiseConv2d, Element, Error, Gather,
    LayerNorm, Matmul, Mirror, Pad, Part, Pool2d, Pool3d, Reduce, Reduction, RowBands, SegmentSum, Slice, Softmax,
    Stage, Threads, Tile, Transpose, Weights, WinogradConv1d, WinogradConv2d, all, any, argmax, argmin, avg_pool2d,
    avg_pool3d, batch_matmul, broadcast_to, concat, conv1d, conv1d_winograd, conv2d_backprop_filter, conv2d_winograd,
    conv3d, conv3d_backprop_filter, depthwise_conv2d, depthwise_conv2d_backprop_filter, dynamic_conv1d, dynamic_conv2d,
    dynamic_conv3d, gather, layer_norm_in_place, log_softmax, map_any, map_any_in_place, matmul, max_pool2d,
    max_pool2d_grad, max_pool3d, max_pool3d_grad, mirror_pad, pack, pack_transposed, pad, random_bits, random_key,
    random_normal, random_truncated_normal, random_uniform, reduce, reduce_any, row_bands, same, segment_sum, slice,
    softmax, tile, transpose,
};

use crate::weights as w;

const CONV1D_0: Conv1d = Conv1d::new([8, 4], 8, 3).pads([2, 0]).activation(Activation::Elu(0.5));
const CONV3D_0: Conv3d = Conv3d::new([4, 4, 4, 2], 8, [3, 3, 3]).pads([1, 1, 1, 1, 1, 1]).groups(2);
const DEPTHWISE_CONV2D_0: DepthwiseConv2d = DepthwiseConv2d::new([8, 8, 4], [3, 3])
    .dilations([2, 2])
    .pads([2, 2, 2, 2])
    .multiplier(2)
    .activation(Activation::Relu6);
const MATMUL_0: Matmul = Matmul::new(4, 8).activation(Activation::Gelu);
const BATCH_MATMUL_0: BatchMatmul = BatchMatmul::new(8, 4, 8).transpose_b(true);
const BATCH_MATMUL_0_2: BatchMatmul = BatchMatmul::new(4, 8, 4).transpose_a(true);
const BATCH_MATMUL_0_3: BatchMatmul = BatchMatmul::new(6, 8, 5).transpose_b(true).heads(4, [true, true, false]);
const BATCH_MATMUL_0_2_2: BatchMatmul = BatchMatmul::new(6, 5, 8).heads(4, [false, true, true]);
const ROW_BANDS_0: RowBands<3> = RowBands::new(
    [
        Stage::Conv2d(Conv2d::new([66, 62, 5], 66, [1, 1]).activation(Activation::Relu6)),
        Stage::DepthwiseConv2d(
            DepthwiseConv2d::new([66, 62, 66], [3, 3]).pads([1, 1, 1, 1]).activation(Activation::LeakyRelu(0.1)),
        ),
        Stage::Conv2d(Conv2d::new([66, 62, 66], 5, [1, 1])),
    ],
    14,
)
.mean();
const CONV2D_WINOGRAD_0: WinogradConv2d =
    WinogradConv2d::new(Conv2d::new([28, 27, 16], 16, [3, 3]).pads([1, 1, 1, 1]).activation(Activation::Relu6), 4);
const CONV2D_WINOGRAD_0_2: WinogradConv2d =
    WinogradConv2d::new(Conv2d::new([6, 6, 64], 64, [3, 3]).pads([2, 0, 0, 2]).activation(Activation::Tanh), 2);
const CONV1D_WINOGRAD_0: WinogradConv1d =
    WinogradConv1d::new(Conv1d::new([200, 64], 64, 5).pads([4, 0]).activation(Activation::Sigmoid), 4);
const CONV2D_WINOGRAD_0_3: WinogradConv2d =
    WinogradConv2d::new(Conv2d::new([1, 200, 64], 48, [1, 5]).pads([0, 2, 0, 2]), 4);
const MATMUL_0_2: Matmul = Matmul::new(6, 20).activation(Activation::Relu);
const MATMUL_0_2_2: Matmul = Matmul::new(20, 6);
const MATMUL_0_3: Matmul = Matmul::new(6, 20);
const MAX_POOL: Pool2d = Pool2d::new([8, 8, 4], [3, 3], [2, 2], [0, 0, 1, 1]);
const AVG_POOL: Pool2d = Pool2d::with_zeros([8, 8, 4], [3, 2], [2, 2], [1, 0, 0, 0]);
const SUM: Reduce = Reduce::new(Reduction::Sum, 64, 4);
const MEAN: Reduce = Reduce::new(Reduction::Mean, 64, 4);
const MAX: Reduce = Reduce::new(Reduction::Max, 4, 1);
const MIN: Reduce = Reduce::new(Reduction::Min, 4, 1);
const PROD: Reduce = Reduce::new(Reduction::Prod, 8, 32);
const SOFTMAX_0: Softmax = Softmax::new(4, 1);
const LOG_SOFTMAX_0: Softmax = Softmax::new(8, 32);
const LAYER_NORM_0: LayerNorm = LayerNorm::new(4, 0.001);
const GATHER_0: Gather = Gather::new(1, 10, 4);
const CONV2D_BACKPROP_FILTER_0: Conv2d = Conv2d::new([8, 8, 4], 8, [3, 3]).strides([2, 2]).pads([0, 0, 1, 1]);
const CONV3D_BACKPROP_FILTER_0: Conv3d = Conv3d::new([4, 4, 4, 2], 2, [3, 3, 3]).pads([1, 1, 1, 1, 1, 1]);
const DEPTHWISE_CONV2D_BACKPROP_FILTER_0: DepthwiseConv2d =
    DepthwiseConv2d::new([8, 8, 4], [3, 3]).strides([2, 2]).pads([0, 0, 1, 1]).multiplier(2);
const MAX_POOL_GRAD: Pool2d = Pool2d::new([8, 8, 4], [3, 3], [2, 2], [0, 0, 1, 1]);
const SEGMENT_SUM_0: SegmentSum = SegmentSum::new(10, 32).skip_negative(true);
const SEGMENT_SUM_0_2: SegmentSum = SegmentSum::new(10, 1);
const MAX_POOL_2: Pool3d = Pool3d::new([4, 5, 6, 7], [2, 3, 2], [2, 2, 2], [0, 0, 1, 0, 0, 1]);
const AVG_POOL_2: Pool3d = Pool3d::new([4, 5, 6, 7], [2, 3, 2], [2, 2, 2], [0, 0, 1, 0, 0, 1]);
const MAX_POOL3D_GRAD_0: Pool3d = Pool3d::new([4, 5, 6, 7], [2, 3, 2], [2, 2, 2], [0, 0, 1, 0, 0, 1]);
const DYNAMIC_CONV1D_0: Conv1d = Conv1d::new([8, 4], 8, 3).pads([2, 0]).activation(Activation::Relu);
const DYNAMIC_CONV2D_0: Conv2d = Conv2d::new([8, 8, 4], 8, [3, 3]).strides([2, 2]);
const DYNAMIC_CONV3D_0: Conv3d = Conv3d::new([4, 4, 4, 2], 8, [3, 3, 3]).pads([1, 1, 1, 1, 1, 1]).groups(2);

/// What a call reads from the arena that reads nothing.
const NOTHING: [Part<u8>; 0] = [];

/// A tensor at byte `offset` of the arena.
fn part<T: Element, const RANK: usize>(offset: usize, shape: [usize; RANK]) -> Part<T> {
    Part::new(offset, shape.iter().product())
}

/// Bytes of the arena that `linear` needs for `n` examples.
pub(crate) fn linear_arena(n: usize) -> usize {
    6912 * n
}

/// Computes `linear` and says where its outputs are.
pub(crate) fn linear(
    weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    x: &[f32],
    t: &[f32],
    v_2: &[f32],
) -> Result<[Part<f32>; 7], Error> {
    // conv1d
    let scratch: Part<f32> = part(0, [40 * n]);
    let conv1d_0: Part<f32> = part(1728 * n, [n, 8, 8]);
    let [filter, bias] = weights.parts([w::CONV1D_0_FILTER, w::CONV1D_0_BIAS]);
    let ([], [scratch, out]) = arena.parts(NOTHING, [scratch, conv1d_0]);
    conv1d(threads, &CONV1D_0, t, filter, Some(bias), None, scratch, out);

    // conv3d
    let scratch: Part<f32> = part(0, [432 * n]);
    let conv3d_0: Part<f32> = part(1984 * n, [n, 4, 4, 4, 8]);
    let filter = weights.part(w::CONV3D_0_FILTER);
    let ([], [scratch, out]) = arena.parts(NOTHING, [scratch, conv3d_0]);
    conv3d(threads, &CONV3D_0, v_2, filter, None, None, scratch, out);

    // depthwise_conv2d
    let depthwise_conv2d_0: Part<f32> = part(4032 * n, [n, 8, 8, 8]);
    let [filter, bias] = weights.parts([w::DEPTHWISE_CONV2D_0_FILTER, w::CONV1D_0_BIAS]);
    let out = arena.part_mut(depthwise_conv2d_0);
    depthwise_conv2d(threads, &DEPTHWISE_CONV2D_0, x, filter, Some(bias), out);

    // matmul
    let matmul_0: Part<f32> = part(6080 * n, [n, 8, 8]);
    let [rhs, bias] = weights.parts([w::MATMUL_0_RHS, w::CONV1D_0_BIAS]);
    let out = arena.part_mut(matmul_0);
    matmul(threads, &MATMUL_0, t, rhs, Some(bias), None, out);

    // batch_matmul
    let scratch: Part<f32> = part(0, [64]);
    let batch_matmul_0: Part<f32> = part(6336 * n, [n, 8, 8]);
    let ([], [scratch, out]) = arena.parts(NOTHING, [scratch, batch_matmul_0]);
    batch_matmul(threads, &BATCH_MATMUL_0, t, t, scratch, out);

    // batch_matmul
    let scratch: Part<f32> = part(0, [160]);
    let batch_matmul_0_2: Part<f32> = part(6592 * n, [n, 4, 4]);
    let ([], [scratch, out]) = arena.parts(NOTHING, [scratch, batch_matmul_0_2]);
    batch_matmul(threads, &BATCH_MATMUL_0_2, t, t, scratch, out);

    // batch_matmul
    let scratch: Part<f32> = part(0, [64]);
    let batch_matmul_0_3: Part<f32> = part(6656 * n, [n, 8, 8]);
    let rhs = weights.part(w::BATCH_MATMUL_0_3_RHS);
    let ([], [scratch, out]) = arena.parts(NOTHING, [scratch, batch_matmul_0_3]);
    batch_matmul(threads, &BatchMatmul::new(8 * n, 4, 8), t, rhs, scratch, out);

    Ok([conv1d_0, conv3d_0, depthwise_conv2d_0, matmul_0, batch_matmul_0, batch_matmul_0_2, batch_matmul_0_3])
}

/// Bytes of the arena that `heads` needs for `n` examples.
pub(crate) fn heads_arena(n: usize) -> usize {
    1280 * n + 512
}

/// Computes `heads` and says where its outputs are.
pub(crate) fn heads(
    _weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    q: &[f32],
    k: &[f32],
) -> Result<[Part<f32>; 2], Error> {
    // batch_matmul
    let scratch: Part<f32> = part(0, [128]);
    let batch_matmul_0: Part<f32> = part(512, [n, 4, 6, 5]);
    let ([], [scratch, out]) = arena.parts(NOTHING, [scratch, batch_matmul_0]);
    batch_matmul(threads, &BATCH_MATMUL_0_3, q, k, scratch, out);

    // batch_matmul
    let scratch: Part<f32> = part(0, [80]);
    let batch_matmul_0_2: Part<f32> = part(512 * n + 512, [n, 6, 4, 8]);
    let (lhs, [scratch, out]) = arena.parts(batch_matmul_0, [scratch, batch_matmul_0_2]);
    batch_matmul(threads, &BATCH_MATMUL_0_2_2, lhs, k, scratch, out);

    Ok([batch_matmul_0, batch_matmul_0_2])
}

/// Bytes of the arena that `bands` needs for `n` examples.
pub(crate) fn bands_arena(n: usize) -> usize {
    81_920 * n + 491_072
}

/// Computes `bands` and says where its outputs are.
pub(crate) fn bands(
    weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    x: &[f32],
) -> Result<[Part<f32>; 2], Error> {
    // row_bands
    let scratch: Part<f32> = part(0, [122_760]);
    let row_bands_0: Part<f32> = part(491_072, [n, 66, 62, 5]);
    let row_bands_0_mean: Part<f32> = part(81_856 * n + 491_072, [n, 5]);
    let [filter_0, bias_0, filter_1, filter_2] = weights.parts([
        w::ROW_BANDS_0_FILTER_0,
        w::ROW_BANDS_0_BIAS_0,
        w::ROW_BANDS_0_FILTER_1,
        w::ROW_BANDS_0_FILTER_2,
    ]);
    let ([], [scratch, out, mean]) = arena.parts(NOTHING, [scratch, row_bands_0, row_bands_0_mean]);
    row_bands(
        threads,
        &ROW_BANDS_0,
        x,
        [(filter_0, Some(bias_0)), (filter_1, None), (filter_2, None)],
        Some(x),
        scratch,
        out,
        Some(mean),
    );

    Ok([row_bands_0, row_bands_0_mean])
}

/// Bytes of the arena that `winograd` needs for `n` examples.
pub(crate) fn winograd_arena(n: usize) -> usize {
    147_200 * n + 264_192
}

/// Computes `winograd` and says where its outputs are.
pub(crate) fn winograd(
    weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    x: &[f32],
    y: &[f32],
    s: &[f32],
) -> Result<[Part<f32>; 4], Error> {
    // conv2d_winograd
    let scratch: Part<f32> = part(0, [38_016]);
    let conv2d_winograd_0: Part<f32> = part(264_192, [n, 28, 27, 16]);
    let [filter, bias] = weights.parts([w::CONV2D_WINOGRAD_0_FILTER, w::CONV2D_WINOGRAD_0_BIAS]);
    let ([], [scratch, out]) = arena.parts(NOTHING, [scratch, conv2d_winograd_0]);
    conv2d_winograd(threads, &CONV2D_WINOGRAD_0, x, filter, Some(bias), Some(x), scratch, out);

    // conv2d_winograd
    let scratch: Part<f32> = part(0, [66_048]);
    let conv2d_winograd_0_2: Part<f32> = part(48_384 * n + 264_192, [n, 6, 6, 64]);
    let filter = weights.part(w::CONV2D_WINOGRAD_0_2_FILTER);
    let ([], [scratch, out]) = arena.parts(NOTHING, [scratch, conv2d_winograd_0_2]);
    conv2d_winograd(threads, &CONV2D_WINOGRAD_0_2, y, filter, None, None, scratch, out);

    // conv1d_winograd
    let scratch: Part<f32> = part(0, [33_024]);
    let conv1d_winograd_0: Part<f32> = part(57_600 * n + 264_192, [n, 200, 64]);
    let filter = weights.part(w::CONV1D_WINOGRAD_0_FILTER);
    let ([], [scratch, out]) = arena.parts(NOTHING, [scratch, conv1d_winograd_0]);
    conv1d_winograd(threads, &CONV1D_WINOGRAD_0, s, filter, None, Some(s), scratch, out);

    // conv2d_winograd
    let scratch: Part<f32> = part(0, [28_928]);
    let conv2d_winograd_0_3: Part<f32> = part(108_800 * n + 264_192, [n, 1, 200, 48]);
    let filter = weights.part(w::CONV2D_WINOGRAD_0_3_FILTER);
    let (input, [scratch, out]) = arena.parts(conv1d_winograd_0, [scratch, conv2d_winograd_0_3]);
    conv2d_winograd(threads, &CONV2D_WINOGRAD_0_3, input, filter, None, None, scratch, out);

    Ok([conv2d_winograd_0, conv2d_winograd_0_2, conv1d_winograd_0, conv2d_winograd_0_3])
}

/// Bytes of the arena that `packing` needs for `n` examples.
pub(crate) fn packing_arena(n: usize) -> usize {
    320 * n + 2048
}

/// Computes `packing` and says where its outputs are.
#[expect(clippy::too_many_arguments, reason = "one for each input of the signature")]
pub(crate) fn packing(
    _weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    x: &[f32],
    w_2: &[f32],
    b_2: &[f32],
    r: &[f32],
) -> Result<[Part<f32>; 3], Error> {
    // pack
    let pack_0: Part<f32> = part(0, [192]);
    let out = arena.part_mut(pack_0);
    pack(6, 20, w_2, out);

    // matmul
    let matmul_0: Part<f32> = part(2048, [n, 20]);
    let (rhs, out) = arena.parts(pack_0, matmul_0);
    matmul(threads, &MATMUL_0_2, x, rhs, Some(b_2), Some(r), out);

    // pack
    let pack_0_2: Part<f32> = part(768, [320]);
    let out = arena.part_mut(pack_0_2);
    pack_transposed(20, 6, w_2, out);

    // matmul
    let matmul_0_2: Part<f32> = part(128 * n + 2048, [n, 6]);
    let ([lhs, rhs], out) = arena.parts([matmul_0, pack_0_2], matmul_0_2);
    matmul(threads, &MATMUL_0_2_2, lhs, rhs, None, None, out);

    // matmul
    let matmul_0_3: Part<f32> = part(192 * n + 2048, [n, 20]);
    let ([lhs, rhs], out) = arena.parts([matmul_0_2, pack_0], matmul_0_3);
    matmul(threads, &MATMUL_0_3, lhs, rhs, None, None, out);

    Ok([matmul_0, matmul_0_2, matmul_0_3])
}

/// Bytes of the arena that `reduction` needs for `n` examples.
pub(crate) fn reduction_arena(n: usize) -> usize {
    4352 * n
}

/// Computes `reduction` and says where its outputs are.
#[allow(clippy::type_complexity, reason = "one for each output of the signature")]
pub(crate) fn reduction(
    weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    x: &[f32],
    b_2: &[u8],
    i: &[i32],
) -> Result<
    (
        Part<f32>,
        Part<f32>,
        Part<f32>,
        Part<f32>,
        Part<f32>,
        Part<f32>,
        Part<f32>,
        Part<u8>,
        Part<u8>,
        Part<i64>,
        Part<i32>,
        Part<f32>,
        Part<f32>,
        Part<i32>,
        Part<i32>,
        Part<i32>,
        Part<i32>,
    ),
    Error,
> {
    // max_pool
    let max_pool: Part<f32> = part(0, [n, 4, 4, 4]);
    let out = arena.part_mut(max_pool);
    max_pool2d(threads, &MAX_POOL, x, out);

    // avg_pool
    let avg_pool: Part<f32> = part(256 * n, [n, 4, 4, 4]);
    let out = arena.part_mut(avg_pool);
    avg_pool2d(threads, &AVG_POOL, x, out);

    // sum
    let sum: Part<f32> = part(512 * n, [n, 4]);
    let out = arena.part_mut(sum);
    reduce(threads, &SUM, x, out);

    // mean
    let mean: Part<f32> = part(576 * n, [n, 1, 1, 4]);
    let out = arena.part_mut(mean);
    reduce(threads, &MEAN, x, out);

    // max
    let max: Part<f32> = part(640 * n, [n, 8, 8]);
    let out = arena.part_mut(max);
    reduce(threads, &MAX, x, out);

    // min
    let min: Part<f32> = part(896 * n, [n, 8, 8]);
    let out = arena.part_mut(min);
    reduce(threads, &MIN, x, out);

    // prod
    let prod: Part<f32> = part(1152 * n, [n, 8, 4]);
    let out = arena.part_mut(prod);
    reduce(threads, &PROD, x, out);

    // all
    let all_0: Part<u8> = part(1280 * n, [n]);
    let out = arena.part_mut(all_0);
    all(4, 1, b_2, out);

    // any
    let any_0: Part<u8> = part(1344 * n, [n]);
    let out = arena.part_mut(any_0);
    any(4, 1, b_2, out);

    // arg_max
    let arg_max: Part<i64> = part(1408 * n, [n, 8, 8]);
    let out = arena.part_mut(arg_max);
    argmax(4, 1, x, out);

    // arg_min
    let arg_min: Part<i32> = part(1920 * n, [n, 8, 4]);
    let out = arena.part_mut(arg_min);
    argmin(8, 32, x, out);

    // softmax
    let softmax_0: Part<f32> = part(2048 * n, [n, 8, 8, 4]);
    let out = arena.part_mut(softmax_0);
    softmax(threads, &SOFTMAX_0, x, out);

    // log_softmax
    let log_softmax_0: Part<f32> = part(3072 * n, [n, 8, 8, 4]);
    let out = arena.part_mut(log_softmax_0);
    log_softmax(threads, &LOG_SOFTMAX_0, x, out);

    // layer_norm
    let [scale, offset] = weights.parts([w::LAYER_NORM_0_SCALE, w::LAYER_NORM_0_SCALE]);
    let out = arena.part_mut(log_softmax_0);
    layer_norm_in_place(threads, &LAYER_NORM_0, scale, offset, out);

    // sum
    let sum_2: Part<i32> = part(4096 * n, [n]);
    let out = arena.part_mut(sum_2);
    reduce_any(4, 1, i, out, 0, i32::wrapping_add);

    // prod
    let prod_2: Part<i32> = part(4160 * n, [n]);
    let out = arena.part_mut(prod_2);
    reduce_any(4, 1, i, out, 1, i32::wrapping_mul);

    // max
    let max_2: Part<i32> = part(4224 * n, [n]);
    let out = arena.part_mut(max_2);
    reduce_any(4, 1, i, out, i32::MIN, i32::max);

    // min
    let min_2: Part<i32> = part(4288 * n, [n]);
    let out = arena.part_mut(min_2);
    reduce_any(4, 1, i, out, i32::MAX, i32::min);

    Ok((
        max_pool,
        avg_pool,
        sum,
        mean,
        max,
        min,
        prod,
        all_0,
        any_0,
        arg_max,
        arg_min,
        softmax_0,
        log_softmax_0,
        sum_2,
        prod_2,
        max_2,
        min_2,
    ))
}

/// Bytes of the arena that `movement` needs for `n` examples.
pub(crate) fn movement_arena(n: usize) -> usize {
    1472 * n
}

/// Computes `movement` and says where its outputs are.
#[allow(clippy::type_complexity, reason = "one for each output of the signature")]
pub(crate) fn movement(
    weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    x: &[f32],
    i: &[i32],
    j: &[i64],
) -> Result<
    (
        Part<f32>,
        Part<f32>,
        Part<f32>,
        Part<f32>,
        Part<f32>,
        Part<f32>,
        Part<f32>,
        Part<f32>,
        Part<i64>,
        Part<f32>,
        Part<f32>,
    ),
    Error,
> {
    // transpose
    let transpose_0: Part<f32> = part(0, [n, 4, 8]);
    let out = arena.part_mut(transpose_0);
    transpose(threads, &Transpose::new([n, 8, 4], [0, 2, 1]), x, out);

    // slice
    let slice_0: Part<f32> = part(128 * n, [n, 4, 4]);
    let out = arena.part_mut(slice_0);
    slice(&Slice::new([n, 8, 4], [0, 7, 0], [1, -2, 1], [n, 4, 4]), x, out);

    // pad
    let pad_0: Part<f32> = part(192 * n, [n, 11, 4]);
    let out = arena.part_mut(pad_0);
    pad(&Pad::new([n, 8, 4], [0, 1, 0], [0, 2, 0]), x, 2.0, out);

    // mirror_pad
    let mirror_pad_0: Part<f32> = part(384 * n, [n, 11, 4]);
    let out = arena.part_mut(mirror_pad_0);
    mirror_pad(&Pad::new([n, 8, 4], [0, 1, 0], [0, 2, 0]), Mirror::Reflect, x, out);

    // concat
    let concat_0: Part<f32> = part(576 * n, [n, 12, 4]);
    let (input, out) = arena.parts(slice_0, concat_0);
    concat([input, x], [16, 32], out);

    // tile
    let tile_0: Part<f32> = part(768 * n, [n, 16, 4]);
    let out = arena.part_mut(tile_0);
    tile(&Tile::new([n, 8, 4], [1, 2, 1]), x, out);

    // reverse
    let reverse: Part<f32> = part(1024 * n, [n, 8, 4]);
    let out = arena.part_mut(reverse);
    slice(&Slice::reverse([n, 8, 4], [false, true, false]), x, out);

    // gather
    let gather_0: Part<f32> = part(1152 * n, [n, 3, 4]);
    let input = weights.part(w::GATHER_0_INPUT);
    let out = arena.part_mut(gather_0);
    gather(&GATHER_0, input, i, out)?;

    // map
    let map_0: Part<i64> = part(1216 * n, [n, 3]);
    let out = arena.part_mut(map_0);
    map_any(same(j), out, |x: i64| x.wrapping_neg());

    // map
    let out = arena.part_mut(map_0);
    map_any_in_place(out, (), |x: i64, (): ()| x.wrapping_mul(x));

    // map
    let out = arena.part_mut(map_0);
    map_any_in_place(out, same(j), |x: i64, y: i64| x.wrapping_sub(y));

    // map
    let out = arena.part_mut(map_0);
    map_any_in_place(out, (), |x: i64, (): ()| x.wrapping_neg());

    // broadcast_to
    let broadcast_to_0: Part<f32> = part(1280 * n, [n, 4]);
    let input = weights.part(w::BROADCAST_TO_0_INPUT);
    let out = arena.part_mut(broadcast_to_0);
    broadcast_to(&BroadcastTo::new([1, 1], [n, 4]), input, out);

    // copy
    let copy: Part<f32> = part(1344 * n, [n, 8, 4]);
    let out = arena.part_mut(copy);
    out.copy_from_slice(x);

    Ok((transpose_0, slice_0, pad_0, mirror_pad_0, concat_0, tile_0, reverse, gather_0, map_0, broadcast_to_0, copy))
}

/// Bytes of the arena that `gradient` needs for `n` examples.
pub(crate) fn gradient_arena(n: usize) -> usize {
    1024 * n + 71_360
}

/// Computes `gradient` and says where its outputs are.
#[expect(clippy::too_many_arguments, reason = "one for each input of the signature")]
#[allow(clippy::type_complexity, reason = "one for each output of the signature")]
pub(crate) fn gradient(
    _weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    x: &[f32],
    y: &[f32],
    v_2: &[f32],
    p: &[f32],
    i: &[i32],
    j: &[i64],
) -> Result<(Part<f32>, Part<f32>, Part<f32>, Part<f32>, Part<f32>, Part<i64>), Error> {
    // conv2d_backprop_filter
    let scratch: Part<f32> = part(0, [14_624]);
    let conv2d_backprop_filter_0: Part<f32> = part(68_032, [3, 3, 4, 8]);
    let ([], [scratch, out]) = arena.parts(NOTHING, [scratch, conv2d_backprop_filter_0]);
    conv2d_backprop_filter(threads, &CONV2D_BACKPROP_FILTER_0, x, y, scratch, out);

    // conv3d_backprop_filter
    let scratch: Part<f32> = part(0, [17_004]);
    let conv3d_backprop_filter_0: Part<f32> = part(69_184, [3, 3, 3, 2, 2]);
    let ([], [scratch, out]) = arena.parts(NOTHING, [scratch, conv3d_backprop_filter_0]);
    conv3d_backprop_filter(threads, &CONV3D_BACKPROP_FILTER_0, v_2, v_2, scratch, out);

    // depthwise_conv2d_backprop_filter
    let depthwise_conv2d_backprop_filter_0: Part<f32> = part(69_632, [3, 3, 4, 2]);
    let out = arena.part_mut(depthwise_conv2d_backprop_filter_0);
    depthwise_conv2d_backprop_filter(threads, &DEPTHWISE_CONV2D_BACKPROP_FILTER_0, x, y, out);

    // max_pool_grad
    let max_pool_grad: Part<f32> = part(69_952, [n, 8, 8, 4]);
    let out = arena.part_mut(max_pool_grad);
    max_pool2d_grad(threads, &MAX_POOL_GRAD, x, p, out);

    // segment_sum
    let segment_sum_0: Part<f32> = part(1024 * n + 69_952, [10, 8, 4]);
    let out = arena.part_mut(segment_sum_0);
    segment_sum(threads, &SEGMENT_SUM_0, x, i, out)?;

    // segment_sum
    let segment_sum_0_2: Part<i64> = part(1024 * n + 71_232, [10]);
    let out = arena.part_mut(segment_sum_0_2);
    segment_sum(threads, &SEGMENT_SUM_0_2, j, j, out)?;

    Ok((
        conv2d_backprop_filter_0,
        conv3d_backprop_filter_0,
        depthwise_conv2d_backprop_filter_0,
        max_pool_grad,
        segment_sum_0,
        segment_sum_0_2,
    ))
}

/// Bytes of the arena that `volume` needs for `n` examples.
pub(crate) fn volume_arena(n: usize) -> usize {
    4288 * n
}

/// Computes `volume` and says where its outputs are.
pub(crate) fn volume(
    _weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    v_2: &[f32],
) -> Result<[Part<f32>; 2], Error> {
    // max_pool
    let max_pool: Part<f32> = part(448 * n, [n, 2, 2, 4, 7]);
    let out = arena.part_mut(max_pool);
    max_pool3d(threads, &MAX_POOL_2, v_2, out);

    // avg_pool
    let avg_pool: Part<f32> = part(0, [n, 2, 2, 4, 7]);
    let out = arena.part_mut(avg_pool);
    avg_pool3d(threads, &AVG_POOL_2, v_2, out);

    // max_pool3d_grad
    let max_pool3d_grad_0: Part<f32> = part(896 * n, [n, 4, 5, 6, 7]);
    let (gradient, out) = arena.parts(avg_pool, max_pool3d_grad_0);
    max_pool3d_grad(threads, &MAX_POOL3D_GRAD_0, v_2, gradient, out);

    Ok([max_pool, max_pool3d_grad_0])
}

/// Bytes of the arena that `dynamic` needs for `n` examples.
pub(crate) fn dynamic_arena(n: usize) -> usize {
    4352 * n + 3456
}

/// Computes `dynamic` and says where its outputs are.
#[expect(clippy::too_many_arguments, reason = "one for each input of the signature")]
pub(crate) fn dynamic(
    _weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    x: &[f32],
    t: &[f32],
    v_2: &[f32],
    f1: &[f32],
    f2: &[f32],
    f3: &[f32],
    b_2: &[f32],
) -> Result<[Part<f32>; 3], Error> {
    // dynamic_conv1d
    let scratch: Part<f32> = part(0, [40 * n + 192]);
    let dynamic_conv1d_0: Part<f32> = part(1728 * n + 3456, [n, 8, 8]);
    let ([], [scratch, out]) = arena.parts(NOTHING, [scratch, dynamic_conv1d_0]);
    dynamic_conv1d(threads, &DYNAMIC_CONV1D_0, t, f1, Some(b_2), None, scratch, out);

    // dynamic_conv2d
    let scratch: Part<f32> = part(0, [576]);
    let dynamic_conv2d_0: Part<f32> = part(1984 * n + 3456, [n, 3, 3, 8]);
    let ([], [scratch, out]) = arena.parts(NOTHING, [scratch, dynamic_conv2d_0]);
    dynamic_conv2d(threads, &DYNAMIC_CONV2D_0, x, f2, None, None, scratch, out);

    // dynamic_conv3d
    let scratch: Part<f32> = part(0, [432 * n + 864]);
    let dynamic_conv3d_0: Part<f32> = part(2304 * n + 3456, [n, 4, 4, 4, 8]);
    let ([], [scratch, out]) = arena.parts(NOTHING, [scratch, dynamic_conv3d_0]);
    dynamic_conv3d(threads, &DYNAMIC_CONV3D_0, v_2, f3, None, None, scratch, out);

    Ok([dynamic_conv1d_0, dynamic_conv2d_0, dynamic_conv3d_0])
}

/// Bytes of the arena that `random` needs for `n` examples.
pub(crate) fn random_arena(n: usize) -> usize {
    512 * n + 64
}

/// Computes `random` and says where its outputs are.
#[allow(clippy::type_complexity, reason = "one for each output of the signature")]
pub(crate) fn random(
    _weights: &Weights,
    threads: &Threads,
    arena: &mut Arena,
    n: usize,
    s: &[i64],
    _x: &[f32],
) -> Result<(Part<u64>, Part<u32>, Part<u64>, Part<f32>, Part<f64>, Part<f32>, Part<f64>, Part<f32>, Part<f64>), Error>
{
    // random_key
    let random_key_0: Part<u64> = part(0, [3]);
    let out = arena.part_mut(random_key_0);
    random_key(s, out);

    // random
    let random_2: Part<u64> = part(0, [1]);
    let random_3: Part<u64> = part(8, [2]);
    let random: Part<u32> = part(64, [n, 5]);
    let ([key, counter], out) = arena.parts([random_2, random_3], random);
    random_bits(threads, key, counter, out);

    // random
    let random_4: Part<u64> = part(64 * n + 64, [n, 5]);
    let ([key, counter], out) = arena.parts([random_2, random_3], random_4);
    random_bits(threads, key, counter, out);

    // random
    let random_5: Part<f32> = part(128 * n + 64, [n, 5]);
    let ([key, counter], out) = arena.parts([random_2, random_3], random_5);
    random_uniform(threads, key, counter, out);

    // random
    let random_6: Part<f64> = part(192 * n + 64, [n, 5]);
    let ([key, counter], out) = arena.parts([random_2, random_3], random_6);
    random_uniform(threads, key, counter, out);

    // random
    let random_7: Part<f32> = part(256 * n + 64, [n, 5]);
    let ([key, counter], out) = arena.parts([random_2, random_3], random_7);
    random_normal(threads, key, counter, out);

    // random
    let random_8: Part<f64> = part(320 * n + 64, [n, 5]);
    let ([key, counter], out) = arena.parts([random_2, random_3], random_8);
    random_normal(threads, key, counter, out);

    // random
    let random_9: Part<f32> = part(384 * n + 64, [n, 5]);
    let ([key, counter], out) = arena.parts([random_2, random_3], random_9);
    random_truncated_normal(threads, key, counter, out);

    // random
    let random_10: Part<f64> = part(448 * n + 64, [n, 5]);
    let ([key, counter], out) = arena.parts([random_2, random_3], random_10);
    random_truncated_normal(threads, key, counter, out);

    Ok((random_key_0, random, random_4, random_5, random_6, random_7, random_8, random_9, random_10))
}
