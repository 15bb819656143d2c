"""The kernel of each `nn` operation: one table.

A kernel has the name of its operation and takes the operation's properties as static facts. What is
particular (packed weights, scratch) is in the functions below. The formulas of scratch are those
that tf-layers documents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import prod
from typing import Any, cast

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import Attribute, Operation, SSAValue

from tfrc.ir import nn, reference
from tfrc.ir.nn.base import get_ints, ints
from tfrc.ir.nn.gradient import FilterGradientOp
from tfrc.ir.nn.linear import ConvOp, EpilogueOp
from tfrc.ir.reference import semantic_properties
from tfrc.ir.rt import DYNAMIC, PACKED, PRODUCTS, REGISTER_TILE
from tfrc.ir.shape import Dim, DimsAttr, count, shape_of
from tfrc.ir.weights import Measure
from tfrc.passes import winograd
from tfrc.passes.tuning import fastest, layer_of

PANEL = 16
"""Columns of a panel of packed weights."""

FALLIBLE = frozenset({"gather", "segment_sum"})
"""Kernels that refuse what they are given: an index is out of range."""

IN_PLACE: dict[str, frozenset[str]] = {
    **dict.fromkeys(PRODUCTS, frozenset({"residual"})),
    "map": frozenset({"inputs"}),
    "softmax": frozenset({"input"}),
    "log_softmax": frozenset({"input"}),
    "layer_norm": frozenset({"input"}),
}
"""Kernel → the operands that it may overwrite."""

PER_THREAD = frozenset({"batch_matmul", "conv1d_winograd", "conv2d_winograd", "row_bands"})
"""Kernels of which each thread computes parts by itself, in scratch of its own."""

PADDED_BLOCK = 65536
"""Elements of padded input that a convolution makes at a time, if one sample has fewer."""


class Packing(StrEnum):
    """The order in which a kernel reads a constant."""

    PLAIN = "plain"
    PANELS = "panels"
    WINOGRAD2 = "winograd2"
    WINOGRAD4 = "winograd4"


@dataclass(frozen=True)
class Selected:
    """A kernel: its name, static facts, the packing of its constants, its scratch buffers.

    `packs` are operands that are packed at run time before the call, and whether each lies there
    transposed.
    """

    name: str
    static: Mapping[str, Attribute]
    packings: Mapping[str, Packing] = field(default_factory=dict[str, Packing])
    scratch: tuple[Dim, ...] = ()
    packs: Mapping[str, bool] = field(default_factory=dict[str, bool])


def is_constant(value: SSAValue) -> bool:
    """Whether the weight file holds `value`."""
    return isinstance(value.owner, nn.WeightOp | nn.ConstantOp)


def named_operands(op: Operation) -> list[tuple[str, SSAValue]]:
    """The operands of an operation with the names of its definition; a variadic one repeats it."""
    pairs: list[tuple[str, SSAValue]] = []
    for name, value in reference.named_operands(op, list(op.operands)).items():
        values = cast(list[SSAValue], value if isinstance(value, list) else [value])
        pairs += [(name, each) for each in values]
    return pairs


def plain(op: Operation) -> Selected:
    """The kernel of the same name."""
    return Selected(op.name.removeprefix("nn."), semantic_properties(op))


def conv(op: ConvOp) -> Selected:
    """A convolution; with padding it needs room for a padded block.

    Along an axis where the filter has one tap, that holds only what the tap sees. A filter that is
    known at run time only is packed into scratch.
    """
    pads = get_ints(op.pads)
    rank = len(pads) // 2
    scratch = Dim(0, 0)
    if max(pads) > 0:
        batch, *spatial, channels = shape_of(op.input)
        windows, taps = shape_of(op.result)[1:-1], shape_of(op.filter)
        extents = [
            int(windows[i]) if taps[i] == Dim(0, 1) else int(d) + pads[i] + pads[rank + i]
            for i, d in enumerate(spatial)
        ]
        scratch = padded_block(batch, prod(extents) * int(channels))
    name, packings = op.name.removeprefix("nn."), {"filter": Packing.PANELS}
    if not is_constant(op.filter):
        *kernel, outputs = shape_of(op.filter)
        groups = int(op.groups.value.data)
        scratch = (
            scratch + packed_length(count(tuple(kernel)), Dim(0, int(outputs) // groups)) * groups
        )
        name, packings = f"{DYNAMIC}{name}", {}
    needed = (scratch,) if scratch != Dim(0, 0) else ()
    return Selected(name, semantic_properties(op), packings, needed)


def conv_winograd(op: ConvOp, tile: int) -> Selected:
    """A convolution by Winograd's minimal filtering: its filter is transformed and packed."""
    name = f"{op.name.removeprefix('nn.')}_winograd"
    static = {**semantic_properties(op), "tile": IntegerAttr(tile, i64)}
    packings = {"filter": Packing(f"winograd{tile}")}
    return Selected(name, static, packings, (winograd.scratch(op, tile),))


def padded_block(batch: Dim, sample: int) -> Dim:
    """Elements that a convolution pads at a time, for samples of `sample` elements with padding.

    The kernel takes no more samples together than fit into `PADDED_BLOCK`, but one at least. If
    that is several, the block grows with the batch: a line, which for one sample is exact.
    """
    together = max(1, PADDED_BLOCK // max(sample, 1))
    if batch.is_static:
        return Dim(0, min(int(batch), together) * sample)
    return batch * sample if together > 1 else Dim(0, sample)


def packed_length(k: Dim, n: Dim) -> Dim:
    """Elements of a [k, n] matrix in panels."""
    return k * (-(-int(n) // PANEL) * PANEL)


def matmul(op: nn.MatMulOp) -> Selected:
    """A product with packed weights; those that are known at run time only are packed first."""
    if op.transpose_lhs is not None:
        return batch_matmul(op)
    static = dict(semantic_properties(op))
    if is_constant(op.rhs) and op.transpose_rhs is None:
        return Selected("matmul", static, {"rhs": Packing.PANELS})
    static.pop("transpose_rhs", None)
    k, n = shape_of(op.rhs) if op.transpose_rhs is None else reversed(shape_of(op.rhs))
    if not n.is_static:
        return batch_matmul(op)
    static[PACKED] = DimsAttr.of([k, n])
    return Selected("matmul", static, packs={"rhs": op.transpose_rhs is not None})


def batch_matmul(op: nn.MatMulOp | nn.BatchMatMulOp) -> Selected:
    """A product of two operands of which neither is packed: it packs `rhs` into scratch."""
    is_batch = isinstance(op, nn.BatchMatMulOp)
    left, right = op.shapes if is_batch else (shape_of(op.lhs), shape_of(op.rhs))
    k, n = (right[-1], right[-2]) if op.transpose_rhs else (right[-2], right[-1])
    one = packed_length(k, n)
    if op.transpose_lhs:
        one = one + left[-1] * left[-2]
    return Selected("batch_matmul", semantic_properties(op), {}, (one,))


PATCHES = 131072
"""Elements of packed patches that the gradient of a filter is computed from at a time."""


def filter_gradient(op: FilterGradientOp) -> Selected:
    """The gradient of a filter: patches of the input and the gradient, packed block by block."""
    *kernel, outputs = shape_of(op.result)
    k = count(tuple(kernel))
    wide = int(packed_length(Dim(0, 1), k))
    pixels = min(max(PATCHES // max(wide, 1), 16), 256)
    scratch = (outputs + wide) * pixels + k * outputs
    return Selected(op.name.removeprefix("nn."), semantic_properties(op), {}, (scratch,))


def has_epilogue_kernel(op: EpilogueOp) -> bool:
    """Whether the kernel of `op` can end in everything that the operation ends in."""
    match op:
        case nn.MatMulOp():
            bare = op.bias is None and op.residual is None and op.activation is None
            return bare or matmul(op).name == "matmul"
        case nn.DepthwiseConv2DOp():
            return op.residual is None
        case _:
            return True


KERNELS: dict[type[Operation], Callable[[Any], Selected]] = {
    nn.Conv1DOp: conv,
    nn.Conv2DOp: conv,
    nn.Conv3DOp: conv,
    nn.MatMulOp: matmul,
    nn.BatchMatMulOp: batch_matmul,
    nn.Conv2DBackpropFilterOp: filter_gradient,
    nn.Conv3DBackpropFilterOp: filter_gradient,
}
"""Every operation on whole tensors but `nn.reshape`, which is a view."""

KERNELS.update({op: plain for op in nn.TENSOR_OPS if op not in (nn.ReshapeOp, *KERNELS)})


def select(
    op: Operation, exact_convolution: bool = False, measure: Measure | None = None
) -> Selected:
    """The kernel of an operation in `KERNELS`: by the rules, or the fastest by `measure`.

    `exact_convolution` rules Winograd's filtering out.
    """
    selected, tile = KERNELS[type(op)](op), None
    # A filter that is known at run time only is not transformed.
    is_exact = exact_convolution or (isinstance(op, ConvOp) and not is_constant(op.filter))
    if isinstance(op, ConvOp) and not is_exact:
        tile = winograd.best_tile(op)
    way = None
    if measure is not None and selected.name in PRODUCTS:
        layer = layer_of(op)
        way = fastest(measure(layer), tile, is_exact) if layer is not None else None
    if way is not None:
        tile = way.winograd_tile
    if isinstance(op, ConvOp) and tile is not None:
        return conv_winograd(op, tile)
    if way is None or way.register_tile is None:
        return selected
    return replace(selected, static={**selected.static, REGISTER_TILE: ints(way.register_tile)})
