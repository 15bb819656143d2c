"""How closely a crate's own test holds it to TensorFlow.

Two orders of summation differ in the last bits, and every layer passes the difference on: in
float32, TensorFlow itself is about 1e-5 away from the same network in float64 after 100 layers.
Some models amplify rounding more than that (a logarithm of nearly silent bins, a quotient by a
small variance). How much is measured: TensorFlow runs again on inputs that are rounded otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from tfrc.backend_rust import Features
from tfrc.compiler.frontend import Runner
from tfrc.compiler.recording import run
from tfrc.compiler.verify_each import distance
from tfrc.ir.tf import NodeOp
from tfrc.ir.weights import Array

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


ULP = 2.0**-23
"""The distance of float32 numbers, relative to the least of their binade."""

MARGIN = 2.0
"""How much more than the nudged inputs the roundings of all layers may move an output."""

LARGEST = 1e-2
"""No tolerance is larger, however ill-conditioned the model is."""


def sensitivity(runner: Runner, features: Mapping[str, Features], tries: int = 2) -> float:
    """How far outputs and variables move, relative to their magnitude, if inputs move by an ulp."""
    result = 0.0
    for seed in range(tries):
        rng = np.random.default_rng(seed)
        for signature, recorded in features.items():
            nudged = {name: nudge(array, rng) for name, array in recorded.inputs.items()}
            moved = run(runner, signature, nudged, recorded.steps)
            for expected, actual in zip((recorded.outputs, recorded.variables), moved, strict=True):
                for name, array in expected.items():
                    if array.dtype.kind == "f":
                        result = max(result, distance(actual[name], array))
    return result


def nudge(array: Array, rng: np.random.Generator) -> Array:
    """An array of floats with every element off by an ulp at most; any other as it is."""
    if array.dtype.kind != "f":
        return array
    factors = 1 + rng.uniform(-ULP, ULP, array.shape)
    return (array.astype(np.float64) * factors).astype(array.dtype)


def allowance(least: float, moved: float) -> float:
    """The tolerance of a crate's test: `least`, or what the model's sensitivity calls for."""
    return max(least, min(float(f"{MARGIN * moved:.1e}"), LARGEST))
