"""How closely a crate's own test holds it to TensorFlow.

Two orders of summation differ in the last bits, and every layer passes the difference on: in
float32, TensorFlow itself is about 1e-5 away from the same network in float64 after 100 layers.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from tfrc.ir.tf import NodeOp

USUAL = 1e-5
"""Of the largest magnitude of an output."""

DEEP = 1e-4
"""The same, of a network of more than `DEEP_LAYERS` layers."""

DEEP_LAYERS = 100

LAYERS = frozenset(
    "Conv2D Conv3D DepthwiseConv2dNative Conv2DBackpropInput MatMul BatchMatMul BatchMatMulV2 "
    "BatchMatMulV3 Einsum FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Rsqrt".split()
)
"""Operations that stand for a layer with variables; Rsqrt for a norm that is written out."""


def tolerance(module: ModuleOp) -> float:
    """The tolerance for a `tf` module, relative to the largest magnitude of an output."""
    layers = sum(isinstance(op, NodeOp) and op.op.data in LAYERS for op in module.walk())
    return DEEP if layers > DEEP_LAYERS else USUAL
