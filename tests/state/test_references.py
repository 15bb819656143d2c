"""TensorFlow 1's variables: optimizers and assignments in a SavedModel of a session."""

# TensorFlow has no types.
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend import Imported, ImportOptions, load

STEPS = 3

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    # From tf.compat.v1.train.
    "sgd": lambda train: train.GradientDescentOptimizer(0.1),
    "momentum": lambda train: train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    "adam": lambda train: train.AdamOptimizer(0.1),
    "adagrad": lambda train: train.AdagradOptimizer(0.1),
    "adadelta": lambda train: train.AdadeltaOptimizer(0.5),
    "rmsprop": lambda train: train.RMSPropOptimizer(0.1, momentum=0.5),
    "centered": lambda train: train.RMSPropOptimizer(0.1, centered=True),
    "ftrl": lambda train: train.FtrlOptimizer(0.1, l1_regularization_strength=0.01),
    "proximal": lambda train: train.ProximalAdagradOptimizer(0.1, l1_regularization_strength=0.01),
}

Body = Callable[[Any, Callable[[Any], Any], Any], Any]
"""From TensorFlow, what makes a variable of this shape, and `x`, to a signature's output."""


def save(path: Path, bodies: dict[str, Body]) -> Path:
    """A SavedModel with a signature of `x` for each body, of one session."""
    tf: Any = pytest.importorskip("tensorflow")
    v1 = tf.compat.v1
    rng = np.random.default_rng(3)
    of = v1.saved_model.utils.build_tensor_info

    def variable(shape: Any) -> Any:
        initial = rng.normal(size=shape).astype("f4")
        return v1.get_variable(f"v{rng.integers(2**31)}", initializer=initial, use_resource=False)

    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 4], "x")
        signatures: dict[str, Any] = {}
        for name, body in bodies.items():
            with v1.variable_scope(name):
                y = body(tf, variable, x)
                outputs = {"y": of(tf.identity(y, "y"))}
                signatures[name] = v1.saved_model.build_signature_def({"x": of(x)}, outputs)
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(path / "model"))
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()
    return path / "model"


def trained(make: Callable[[Any], Any]) -> Body:
    """A step on an embedding and a dense layer."""

    def body(tf: Any, variable: Callable[[Any], Any], x: Any) -> Any:
        table, kernel = variable((6, 3)), variable((3, 1))
        rows = tf.gather(table, tf.argmax(x, 1))
        loss = tf.reduce_mean(tf.square(tf.tanh(rows @ kernel) - x[:, :1]))
        step = make(tf.compat.v1.train).minimize(loss)
        with tf.control_dependencies([step]):
            return tf.identity(loss)

    return body


def test_optimizers(tmp_path: Path, agrees: Callable[..., Imported]) -> None:
    """Of dense and of sparse gradients, with tokens that occur twice."""
    bodies = {name: trained(make) for name, make in OPTIMIZERS.items()}
    calls = [name for name in bodies for _ in range(STEPS)]
    agrees(save(tmp_path, bodies), calls, (("O2", None),))


def test_assignments_and_their_results(tmp_path: Path, agrees: Callable[..., Imported]) -> None:
    """The result of an assignment is the variable; what follows it by control reads the value."""

    def body(tf: Any, variable: Callable[[Any], Any], x: Any) -> Any:
        v1 = tf.compat.v1
        a, b = variable((3,)), variable((3,))
        sums = v1.assign_add(a, tf.reduce_mean(x, 0)[:3])
        with tf.control_dependencies([v1.assign(b, sums * 2.0)]):
            rest = v1.assign_sub(a, b.read_value() * 0.25)
        return x[:, :3] * rest + b.read_value()

    agrees(save(tmp_path, {"run": body}), ["run"] * STEPS)


def test_a_variable_that_nothing_writes_is_a_constant(
    tmp_path: Path, agrees: Callable[..., Imported]
) -> None:
    def body(tf: Any, variable: Callable[[Any], Any], x: Any) -> Any:
        return x @ variable((4, 2))

    module = str(agrees(save(tmp_path, {"run": body}), ["run"]).module)
    assert "nn.variable" not in module


def test_other_ways_to_write_are_refused(tmp_path: Path) -> None:
    def body(tf: Any, variable: Callable[[Any], Any], x: Any) -> Any:
        v1 = tf.compat.v1
        a = v1.get_variable("count", initializer=np.int32(0), use_resource=False)
        return x[:, 0] + tf.cast(tf.raw_ops.CountUpTo(ref=a, limit=10), tf.float32)

    model = save(tmp_path, {"run": body})
    with pytest.raises(ModelError, match=r"'run/CountUpTo' \(CountUpTo\) is not compiled for a"):
        load(model, ImportOptions())
