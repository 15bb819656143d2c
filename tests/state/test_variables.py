"""Variables that are read and assigned in all orders, beside TensorFlow.

Each case runs a few times on one state in TensorFlow, in the meaning of `nn` and in planned memory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tfrc.compiler.context import context
from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend import Imported, ImportOptions, load
from tfrc.compiler.module import functions
from tfrc.compiler.pass_manager import PassManager, parse_passes
from tfrc.ir import rt
from tfrc.passes import PIPELINES

STEPS = 3
"""Calls on one state: what the first leaves is what the second starts with."""

Body = Callable[[Any, Any, Any], dict[str, Any]]


@pytest.fixture
def steps(stateful: Callable[..., Imported]) -> Callable[[Body], Imported]:
    """`steps(body)`: see `stateful`."""
    return partial(stateful, calls=STEPS, n=7, autograph=True)


Steps = Callable[[Body], Imported]


def copies(imported: Imported) -> int:
    """How many values are copied into variables."""
    return sum(
        isinstance(op, rt.CallOp)
        and op.kernel_name == "copy"
        and isinstance(op.outs[0].owner, rt.VariableOp)
        for op in imported.module.walk()
    )


def test_an_update_lies_where_the_variable_did(steps: Steps) -> None:
    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        error = x @ v.a + v.c
        v.b.assign(0.9 * v.b + tf.matmul(x, error, transpose_a=True))
        v.a.assign_sub(0.1 * v.b)
        v.c.assign_sub(0.1 * tf.reduce_sum(error, 0))
        v.n.assign_add(2)
        return {"error": error}

    assert copies(steps(body)) == 0


def test_reads_see_what_was_assigned_before_them(steps: Steps) -> None:
    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        before = v.c.read_value()
        v.c.assign(tf.reduce_mean(x @ v.a, 0))
        middle = v.c.read_value()
        v.c.assign_add(before)
        return {"before": before, "middle": middle, "after": v.c.read_value()}

    steps(body)


def test_variables_change_places(steps: Steps) -> None:
    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        a = v.a.read_value()
        v.a.assign(v.b)
        v.b.assign(a)
        return {"y": x @ v.a}

    steps(body)


def test_a_value_of_two_variables_and_of_an_output(steps: Steps) -> None:
    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        value = tf.matmul(x, x @ v.b, transpose_a=True) + v.a
        v.a.assign(value)
        v.b.assign(value)
        return {"value": value, "more": value * 2.0}

    steps(body)


def test_each_new_value_needs_the_other_old_one(steps: Steps) -> None:
    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        a, b = v.a.read_value(), v.b.read_value()
        v.a.assign(tf.tanh(a + 2.0 * b))
        v.b.assign(tf.tanh(b - 2.0 * a))
        return {"y": x @ a}

    steps(body)


def test_an_old_value_is_read_behind_the_new_one(steps: Steps) -> None:
    """The product needs both: the new value cannot be computed over the old one."""

    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        old = v.a.read_value()
        v.a.assign(old * 0.5 + tf.reduce_mean(x))
        return {"y": tf.matmul(v.a.read_value(), old, transpose_b=True)}

    assert copies(steps(body)) == 1


def test_constants_inputs_and_parts_are_assigned(steps: Steps) -> None:
    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        first = v.a[1]
        sums = tf.reshape(tf.reduce_sum(x, 0)[:3], [1, 3])
        v.a.assign(tf.concat([v.b[:2], sums, v.a[3:]], 0))
        v.c.assign([1.0, 2.0, 3.0])
        v.b.assign(v.a * 2.0)
        return {"first": first}

    steps(body)


def test_a_state_that_no_output_shows(steps: Steps) -> None:
    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        v.n.assign(v.n * 3 + 1)
        return {"x": x + tf.cast(v.n, tf.float32)}

    steps(body)


def test_what_can_fail_comes_before_what_writes(steps: Steps) -> None:
    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        v.a.assign(tf.tanh(v.a))
        rows = tf.gather(v.b, tf.argmax(x, 1))
        return {"rows": rows}

    module = steps(body).module
    (function,) = functions(module).values()
    calls = [op for op in function.body.block.ops if isinstance(op, rt.CallOp)]
    written = [any(isinstance(out.owner, rt.VariableOp) for out in op.outs) for op in calls]
    gather = [op.kernel_name for op in calls].index("gather")
    assert written.index(True) > gather


def test_rows_are_updated_by_their_index(steps: Steps) -> None:
    """The gradient of an embedding, where a row may occur twice."""

    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        tokens = tf.argmax(x, 1)
        with tf.GradientTape() as tape:
            rows = tf.nn.embedding_lookup(v.a, tokens)
            loss = tf.reduce_sum(tf.sin(rows))
        slices = tape.gradient(loss, v.a)
        v.a.scatter_sub(tf.IndexedSlices(0.1 * slices.values, slices.indices))
        v.b.scatter_add(tf.IndexedSlices(rows, tokens))
        return {"rows": rows, "updated": v.a.read_value()}

    steps(body)


def test_rows_and_elements_are_replaced_and_read(steps: Steps) -> None:
    """Of two updates of a row, the last one stays."""

    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        tokens = tf.argmax(x, 1, tf.int32)
        element = v.a.gather_nd(tf.stack([tokens, tokens // 2], 1))
        v.a.scatter_update(tf.IndexedSlices(x[:, :3], tokens))
        v.c.scatter_update(tf.IndexedSlices([1.0, 2.0, 3.0], [2, 0, 2]))
        return {"element": element, "a": v.a.read_value()}

    steps(body)


def test_gradients_of_rows_are_added_up(steps: Steps) -> None:
    """What tf_keras's optimizers do with the gradient of an embedding, but with 1 added to it."""

    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        tokens = tf.argmax(x, 1, tf.int32)
        different, positions = tf.unique(tokens)
        sums = tf.math.unsorted_segment_sum(x[:, :3], positions, tf.shape(different)[0])
        v.b.scatter_add(tf.IndexedSlices(tf.square(sums) + 1.0, different))
        scale = tf.math.rsqrt(tf.square(tf.gather(v.b, different)) + 0.1)
        v.a.scatter_sub(tf.IndexedSlices(0.1 * sums * scale, different))
        v.b.scatter_update(tf.IndexedSlices(sums, different))
        return {"a": v.a.read_value(), "b": v.b.read_value()}

    steps(body)


def test_how_many_rows_are_different_is_not_known(tmp_path: Any) -> None:
    tf: Any = pytest.importorskip("tensorflow")
    root = tf.Module()
    spec = tf.TensorSpec([8], tf.int32, "x")
    root.run = tf.function(lambda x: {"n": tf.size(tf.unique(x)[0])}, input_signature=[spec])
    tf.saved_model.save(root, tmp_path / "model", signatures={"run": root.run})
    imported = load(tmp_path / "model", ImportOptions())
    passes = PassManager(parse_passes(PIPELINES["O0"]))
    with pytest.raises(ModelError, match=r"Unique x1 .*only sparse updates of variables"):
        passes.run(context(imported.weights), imported.module)
