"""Random numbers are TensorFlow's own, bit for bit."""

# TensorFlow and Keras have no types.
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfrc.ir import reference

tf: Any = pytest.importorskip("tensorflow")
raw: Any = tf.raw_ops

SEEDS = [(1, 2), (-7, 2**31 - 1), (0, 0)]


def check(function: Any, compiled: Any, dtype: str = "int32", ulps: int = 0) -> None:
    """`function` of a seed, for several seeds; floats may be `ulps` roundings of 1 apart."""
    traced = tf.function(function, input_signature=[tf.TensorSpec((2,), dtype)])
    imported, func, _ = compiled(traced)
    for seed in SEEDS:
        arrays = [np.array(seed, dtype)]
        theirs = [np.asarray(t) for t in tf.nest.flatten(traced(*arrays))]
        for ours, expected in zip(
            reference.run(func, arrays, imported.weights), theirs, strict=True
        ):
            assert ours.dtype == expected.dtype
            if ulps:
                atol = ulps * np.finfo(expected.dtype).eps
                np.testing.assert_allclose(ours, expected, rtol=0, atol=atol)
            else:
                np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_key_and_counter(dtype: str, compiled: Any) -> None:
    check(lambda seed: raw.StatelessRandomGetKeyCounter(seed=seed), compiled, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 6, 103])
@pytest.mark.parametrize(
    ("function", "ulps"),
    # A normal number is a product of a sine and the root of a logarithm, each of one rounding.
    [("stateless_uniform", 0), ("stateless_normal", 8), ("stateless_truncated_normal", 8)],
)
def test_floats(function: str, ulps: int, dtype: str, size: int, compiled: Any) -> None:
    draw = tf.random.__dict__[function]
    check(lambda seed: draw([size], seed, dtype=dtype), compiled, ulps=ulps)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32", "uint64"])
def test_full_integers(dtype: str, compiled: Any) -> None:
    check(lambda s: tf.random.stateless_uniform([3, 5], s, None, None, dtype), compiled)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_integers(dtype: str, compiled: Any) -> None:
    check(lambda s: tf.random.stateless_uniform([3, 5], s, -5, 17, dtype), compiled)


@pytest.mark.parametrize("op", ["Uniform", "Normal"])
def test_without_a_key(op: str, compiled: Any) -> None:
    function = raw.__dict__[f"StatelessRandom{op}"]
    check(lambda seed: function(shape=[7], seed=seed), compiled, ulps=8)


def test_shape_of_the_batch(agrees: Any) -> None:
    """Dropout: a mask for each element of the batch."""
    agrees(lambda x: tf.nn.experimental.stateless_dropout(x, 0.4, [3, 5]), (None, 5, 3))
