"""Random operations that keep a generator, beside TensorFlow, call after call on one state.

Uniform numbers and integers are TensorFlow's to the bit: a multiple of 2⁻²³ or 2⁻⁵² becomes the
integer before it is compared. Normal numbers, of sines and logarithms, agree within the tolerance.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfrc.compiler.context import context
from tfrc.compiler.draws import draw_inputs
from tfrc.compiler.frontend import Imported, ImportOptions, load
from tfrc.compiler.pass_manager import PassManager, parse_passes
from tfrc.compiler.verify_each import VerifyEach
from tfrc.ir import nn
from tfrc.passes import PIPELINES

CALLS = 4

SIZES = (0, 1, 3, 257)
"""Around the numbers of a block, two or four; one counter in its turn for each."""

LARGE = 30_001
"""More than one thread draws at a time."""

SEEDS = {"seed": 87654321, "seed2": -5}
"""Both halves of the counter's upper word are taken."""


def save(tmp_path: Path, body: Callable[[Any], dict[str, Any]]) -> Any:
    """A SavedModel with the signature `run`, of `x`: [batch, 3]."""
    tf: Any = pytest.importorskip("tensorflow")
    root = tf.Module()
    spec = tf.TensorSpec([None, 3], tf.float32, "x")
    root.run = tf.function(body, input_signature=[spec])
    tf.saved_model.save(root, tmp_path / "model", signatures={"run": root.run})
    return tmp_path / "model"


def draws(tf: Any, size: int, prefix: str) -> dict[str, Any]:
    """Numbers of each op and type."""
    raw, shape = tf.raw_ops, [size]
    single = raw.RandomUniform(shape=shape, dtype=tf.float32, **SEEDS)
    double = raw.RandomUniform(shape=shape, dtype=tf.float64, seed=1, seed2=2**40)
    numbers = {
        "f32": tf.cast(single * 2.0**23, tf.int32),
        "f64": tf.cast(double * 2.0**52, tf.int64),
        "normal": raw.RandomStandardNormal(shape=shape, dtype=tf.float32, **SEEDS),
        "truncated": raw.TruncatedNormal(shape=shape, dtype=tf.float32, **SEEDS),
        "normal64": raw.RandomStandardNormal(shape=shape, dtype=tf.float64, seed=-1, seed2=0),
        "truncated64": raw.TruncatedNormal(shape=shape, dtype=tf.float64, seed=0, seed2=9),
        "i32": raw.RandomUniformInt(shape=shape, minval=-5, maxval=17, **SEEDS),
        "i64": raw.RandomUniformInt(
            shape=shape, minval=tf.constant(-(2**62), tf.int64), maxval=2**62, **SEEDS
        ),
    }
    return {f"{prefix}{key}": value for key, value in numbers.items()}


def test_each_call_takes_the_generator_further(
    tmp_path: Path, agrees: Callable[..., Imported]
) -> None:
    tf: Any = pytest.importorskip("tensorflow")

    def body(x: Any) -> dict[str, Any]:
        outputs = {"x": x + 1.0}
        for size in SIZES:
            outputs |= draws(tf, size, f"of_{size}_")
        return outputs

    agrees(save(tmp_path, body), ["run"] * CALLS)


def test_a_large_tensor(tmp_path: Path, agrees: Callable[..., Imported]) -> None:
    tf: Any = pytest.importorskip("tensorflow")

    def body(x: Any) -> dict[str, Any]:
        return {"x": x + 1.0, **draws(tf, LARGE, "")}

    agrees(save(tmp_path, body), ["run"] * 2, (("O2", "select-kernels"),))


def test_as_many_numbers_as_the_batch_has(tmp_path: Path, agrees: Callable[..., Imported]) -> None:
    """Two draws of one seed and size are of generators of their own, which run side by side."""
    tf: Any = pytest.importorskip("tensorflow")

    def body(x: Any) -> dict[str, Any]:
        masks = [
            tf.raw_ops.RandomUniform(shape=tf.shape(x), dtype=tf.float32, seed=3) for _ in "ab"
        ]
        kept = tf.where(masks[0] < 0.3, 0.0, x)
        return {"kept": kept, "difference": masks[0] - masks[1]}

    imported = agrees(save(tmp_path, body), ["run"] * CALLS)
    keys = [op.key for op in imported.module.ops if isinstance(op, nn.VariableOp)]
    assert keys == ["run/RandomUniform:counter", "run/RandomUniform_1:counter"]


def test_generators_that_are_variables(tmp_path: Path, agrees: Callable[..., Imported]) -> None:
    """`tf.random.Generator`, also where nobody wants what was drawn."""
    tf: Any = pytest.importorskip("tensorflow")
    root = tf.Module()
    root.generator = tf.random.Generator.from_seed(-7)

    def body(x: Any) -> dict[str, Any]:
        generator = root.generator
        outputs = {
            "f32": tf.cast(generator.uniform([257]) * 2.0**23, tf.int32),
            "normal": generator.normal(tf.shape(x)),
            "i32": generator.uniform([5], -3, 9, tf.int32),
            "i64": generator.uniform_full_int([3], tf.int64),
        }
        generator.truncated_normal([3])
        return outputs

    root.run = tf.function(body, input_signature=[tf.TensorSpec([None, 3], tf.float32, "x")])
    tf.saved_model.save(root, tmp_path / "model", signatures={"run": root.run})
    agrees(tmp_path / "model", ["run"] * CALLS)


def test_a_generator_may_begin_anew(tmp_path: Path) -> None:
    """`--verify-each` runs the module after every pass, and TensorFlow once."""
    tf: Any = pytest.importorskip("tensorflow")

    def body(x: Any) -> dict[str, Any]:
        return {"y": x + tf.random.uniform(tf.shape(x), seed=3)}

    imported = load(save(tmp_path, body), ImportOptions())
    each = VerifyEach(draw_inputs(imported.module), imported.runner)
    passes = PassManager(parse_passes(PIPELINES["O2"]), [each])
    passes.run(context(imported.weights), imported.module)


def test_a_generator_in_a_branch_and_in_a_loop(
    tmp_path: Path, agrees: Callable[..., Imported]
) -> None:
    """It goes on where it draws: in the branch that is taken, once in each turn of the loop."""
    tf: Any = pytest.importorskip("tensorflow")

    def body(x: Any) -> dict[str, Any]:
        def noise(seed: int) -> Any:
            return tf.random.uniform([2], seed=seed)

        either = tf.cond(tf.reduce_sum(x) > 0.0, lambda: noise(1), lambda: noise(2) - 1.0)
        total = tf.zeros([2])
        for _ in tf.range(3):
            total += noise(4)
        return {"either": either, "total": total}

    agrees(save(tmp_path, body), ["run"] * CALLS)


def test_operations_without_a_seed_get_one(tmp_path: Path, agrees: Callable[..., Imported]) -> None:
    tf: Any = pytest.importorskip("tensorflow")

    def body(x: Any) -> dict[str, Any]:
        return {"y": tf.nn.dropout(x, 0.4), "z": tf.nn.dropout(x, 0.4)}

    # The seed of the program, which another test may have set, would be that of the operations.
    tf.random.set_seed(None)
    model = save(tmp_path, body)
    with_seeds = agrees(model, ["run"] * CALLS)
    (warning,) = load(model, ImportOptions()).warnings
    assert warning.startswith("2 random operations have no seed in 'run' (dropout/random_uniform/")
    x = {"x": np.ones((64, 3), np.float32)}
    first = with_seeds.runner("run", x)
    assert not np.array_equal(first["y"], first["z"])
    with_seeds.runner.reset()
    again = load(model, ImportOptions()).runner
    again.reset()
    np.testing.assert_array_equal(with_seeds.runner("run", x)["y"], again("run", x)["y"])
