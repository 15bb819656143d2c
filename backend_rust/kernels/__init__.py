"""One line of Rust for each kernel: the whole table, a file for each kind."""

from __future__ import annotations

from xdsl.dialects.builtin import f32

from tfrc.backend_rust.calls import Call, Printed
from tfrc.backend_rust.kernels import linear, maps, movement, reduction
from tfrc.backend_rust.kernels.registry import PRINTERS
from tfrc.backend_rust.options import EmitError
from tfrc.ir.dtype import TENSORFLOW_NAME
from tfrc.ir.rt import POOLS, PRODUCTS

KINDS = (linear, maps, movement, reduction)
"""The files, each of which registers its kernels."""

FUNCTIONS = frozenset(
    "all any argmax argmin avg_pool2d avg_pool3d batch_matmul broadcast broadcast_to channel "
    "columns concat conv1d conv1d_winograd conv2d conv2d_backprop_filter conv2d_winograd conv3d "
    "conv3d_backprop_filter copy_columns cumsum depthwise_conv2d "
    "depthwise_conv2d_backprop_filter dynamic_conv1d dynamic_conv2d dynamic_conv3d gather "
    "integer layer_norm layer_norm_in_place layers log_softmax log_softmax_in_place map "
    "map_any map_any_in_place map_columns map_columns_beside map_in_place math matmul "
    "max_pool2d max_pool2d_grad max_pool3d max_pool3d_grad "
    "middle mirror_pad one_hot pack pack_transposed packed_len pad random_bits random_key "
    "random_normal random_truncated_normal random_uniform reduce reduce_any resize_bilinear "
    "resize_nearest roofline row_bands rows same scalar segment_sum simd slice softmax "
    "softmax_in_place split tile transpose".split()
)
"""What tf-layers exports under a lower-case name, so that no variable hides it."""


F32_ONLY = frozenset(
    "conv1d conv1d_winograd conv2d conv2d_winograd conv3d dynamic_conv1d dynamic_conv2d "
    "dynamic_conv3d "
    "conv2d_backprop_filter conv3d_backprop_filter depthwise_conv2d "
    "depthwise_conv2d_backprop_filter row_bands pack matmul batch_matmul max_pool max_pool_grad "
    "max_pool3d_grad avg_pool softmax log_softmax layer_norm".split()
)
"""Kernels that compute on f32 and on nothing else."""


IN_COLUMNS = PRODUCTS | POOLS | {"row_bands", "map", "copy"}
"""Kernels that work on columns of a wider tensor."""


def print_call(call: Call) -> Printed:
    """The call in Rust. EmitError for a kernel, or an element type of it, that does not exist."""
    if call.kernel not in PRINTERS:
        raise EmitError(f"rt.call @{call.kernel}: there is no such kernel in tf-layers")
    for operand in call.operands if call.kernel in F32_ONLY else ():
        if operand.element != f32:
            raise EmitError(
                f"rt.call @{call.kernel}: its {operand.role} is {TENSORFLOW_NAME[operand.element]},"
                " but tf-layers has this kernel for float32 only: cast the model to float32"
            )
    for operand in (*call.operands, *call.outs) if call.kernel not in IN_COLUMNS else ():
        if operand.columns:
            raise EmitError(f"rt.call @{call.kernel}: its {operand.role} cannot be rt.columns")
    return PRINTERS[call.kernel](call)
