"""Undo what Keras makes of a dilated convolution.

    %1 = tf.node "SpaceToBatchND"(%x, %block, %paddings)
    %2 = tf.node "Conv2D"(%1, %w) {padding = "VALID"}        ⇒   %3 = tf.node "Conv2D"(%x, %w) {
    %3 = tf.node "BatchToSpaceND"(%2, %block, %crops)                 dilations = block,
                                                                      padding = "EXPLICIT",
                                                                      explicit_paddings = … }

A convolution without padding on every `d`-th element is the convolution with dilation `d`, on the
input padded by `paddings`. Its stride is 1, so leaving out the first `crops` results is the same as
padding by so many elements less: the pads are `paddings - crops`. In one dimension Keras puts an
ExpandDims before the convolution and a Squeeze behind it, which stay. A convolution in three
dimensions has no explicit padding in TensorFlow, and gets a `Pad` in front.

Legal if each of the nodes is the only user of the one before, block, paddings and crops are
constants, and no pad is negative. It saves two copies of the image and makes the batch one again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, ModuleOp, StringAttr, TensorType, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from tfrc.ir import nn
from tfrc.ir.shape import element_of, shape_of, tensor
from tfrc.ir.tf import NodeOp
from tfrc.ir.weights import weights_of
from tfrc.passes.attributes import integers, text
from tfrc.passes.constants import Constants

CONVOLUTIONS = frozenset({"Conv2D", "Conv3D", "DepthwiseConv2dNative"})


def node_of(value: SSAValue, *ops: str) -> NodeOp | None:
    """The node that makes `value` for one use, if it is one of `ops`."""
    owner = value.owner
    if isinstance(owner, NodeOp) and owner.op.data in ops and value.has_one_use():
        return owner
    return None


def _list(values: Sequence[int]) -> Attribute:
    return ArrayAttr([IntegerAttr(v, i64) for v in values])


@dataclass(frozen=True)
class _Dilated:
    """The nodes of one dilated convolution, and its numbers for each spatial dimension."""

    split: NodeOp
    expand: NodeOp | None
    convolution: NodeOp
    squeeze: NodeOp | None
    merge: NodeOp
    block: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


def match(merge: NodeOp, constants: Constants) -> _Dilated | None:
    """The dilated convolution that ends in a BatchToSpaceND."""
    squeeze = node_of(merge.inputs[0], "Squeeze")
    convolution = node_of((squeeze or merge).inputs[0], *CONVOLUTIONS)
    if convolution is None:
        return None
    expand = node_of(convolution.inputs[0], "ExpandDims")
    split = node_of((expand or convolution).inputs[0], "SpaceToBatchND")
    if split is None or (expand is None) != (squeeze is None):
        return None
    attrs = convolution.attrs.data
    rank = 5 if convolution.op.data == "Conv3D" else 4
    ones = (1,) * rank
    plain = (
        text(attrs, "padding") == "VALID"
        and not text(attrs, "data_format", "NHWC").startswith("NC")
        and integers(attrs, "strides", ones) == integers(attrs, "dilations", ones) == ones
    )
    known = [constants.dims(v) for v in (*split.inputs[1:], *merge.inputs[1:])]
    numbers = [[int(d) for d in dims] for dims in known if dims is not None and _static(dims)]
    if not plain or len(numbers) < 4:
        return None
    block, paddings, same_block, crops = numbers
    pads = np.array(paddings) - np.array(crops)
    spatial = rank - 2 if expand is None else rank - 3
    if block != same_block or len(block) != spatial or pads.min() < 0:
        return None
    missing = (0,) * (rank - 2 - spatial)
    if expand is not None and not _is_row(expand, squeeze, constants):
        return None
    return _Dilated(
        split,
        expand,
        convolution,
        squeeze,
        merge,
        (*(1 for _ in missing), *block),
        (*missing, *(int(p) for p in pads[::2])),
        (*missing, *(int(p) for p in pads[1::2])),
    )


def _static(dims: Sequence[object]) -> bool:
    return all(getattr(d, "is_static", False) for d in dims)


def _is_row(expand: NodeOp, squeeze: NodeOp | None, constants: Constants) -> bool:
    """Whether the image is one row high: dimension 1 is inserted and taken out again."""
    axis = constants.dims(expand.inputs[1])
    if axis is None or squeeze is None or not _static(axis):
        return False
    rank = len(shape_of(squeeze.inputs[0]))
    named = integers(squeeze.attrs.data, "squeeze_dims", integers(squeeze.attrs.data, "axis"))
    return int(axis[0]) in (1, 1 - rank) and named in ((1,), (1 - rank,))


def _with_type(node: NodeOp, inputs: Sequence[SSAValue], type_: Attribute) -> NodeOp:
    copy = NodeOp(node.op.data, inputs, node.attrs.data, [type_], node.location)
    copy.outputs[0].name_hint = node.outputs[0].name_hint
    return copy


class SpaceToBatchToDilation(RewritePattern):
    def __init__(self, constants: Constants):
        self.constants = constants

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: NodeOp, rewriter: PatternRewriter, /) -> None:
        if op.op.data != "BatchToSpaceND":
            return
        found = match(op, self.constants)
        if found is None or not isinstance(op.outputs[0].type, TensorType):
            return
        image = found.split.inputs[0]
        if not isinstance(image.type, TensorType):
            return
        row = found.expand is not None
        if found.expand is not None:
            n, size, channels = shape_of(image)
            expanded = tensor(element_of(image), (n, 1, size, channels))
            expand = _with_type(found.expand, [image, found.expand.inputs[1]], expanded)
            rewriter.insert(expand)
            image = expand.outputs[0]
        n, *sizes, channels = shape_of(op.outputs[0])
        out = tensor(element_of(op.outputs[0]), (n, *sizes, channels))
        result = tensor(element_of(op.outputs[0]), (n, *([1] if row else []), *sizes, channels))
        last = self.convolution(found, image, result, rewriter)
        if found.squeeze is not None:
            last = _with_type(found.squeeze, [last.outputs[0]], out)
            rewriter.insert(last)
        rewriter.replace(op, [], list(last.outputs))
        for node in (found.squeeze, found.convolution, found.expand, found.split):
            if node is not None:
                rewriter.erase(node)

    def convolution(
        self, found: _Dilated, image: SSAValue, result: Attribute, rewriter: PatternRewriter
    ) -> NodeOp:
        """Insert the dilated convolution, after a Pad if it cannot pad by itself."""
        old = found.convolution
        attrs: dict[str, Attribute] = {
            **old.attrs.data,
            "dilations": _list([1, *found.block, 1]),
        }
        before, after = [0, *found.before, 0], [0, *found.after, 0]
        if old.op.data == "Conv3D":
            image = self.padded(old, image, before, after, rewriter)
        elif any((*before, *after)):
            pairs = [v for pair in zip(before, after, strict=True) for v in pair]
            attrs |= {"padding": StringAttr("EXPLICIT"), "explicit_paddings": _list(pairs)}
        conv = NodeOp(old.op.data, [image, old.inputs[1]], attrs, [result], old.location)
        conv.outputs[0].name_hint = old.outputs[0].name_hint
        rewriter.insert(conv)
        return conv

    def padded(
        self,
        node: NodeOp,
        image: SSAValue,
        before: Sequence[int],
        after: Sequence[int],
        rewriter: PatternRewriter,
    ) -> SSAValue:
        """`image` with zeros around it."""
        shape = [d + b + a for d, b, a in zip(shape_of(image), before, after, strict=True)]
        pads = nn.ConstantOp.of(np.array([before, after], np.int32).T)
        attrs: Mapping[str, Attribute] = {"T": element_of(image)}
        pad = NodeOp("Pad", [image, pads.result], attrs, [tensor(element_of(image), shape)])
        pad.location = pads.location = node.location
        rewriter.insert([pads, pad])
        return pad.outputs[0]


@dataclass(frozen=True)
class SpaceToBatchToDilationPass(ModulePass):
    """Turn a convolution between SpaceToBatchND and BatchToSpaceND into a dilated one."""

    name = "space-to-batch-to-dilation"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        constants = Constants(weights_of(ctx))
        PatternRewriteWalker(SpaceToBatchToDilation(constants)).rewrite_module(op)
