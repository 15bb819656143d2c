"""Branches that are known at run time only, with and without state, beside TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tfrc.compiler.frontend import Imported

STEPS = 4
"""Calls on one state: each side of a branch is taken."""

Body = Callable[[Any, Any, Any], dict[str, Any]]


@pytest.fixture
def steps(stateful: Callable[..., Imported]) -> Callable[[Body], Imported]:
    """`steps(body)`: see `stateful`."""
    return partial(stateful, calls=STEPS, n=0, autograph=False)


Steps = Callable[[Body], Imported]


def test_assignments_in_both_sides(steps: Steps) -> None:
    """What one side assigns is read there, and not on the other side."""

    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        error = tf.matmul(x, x @ v.a, transpose_a=True)
        v.n.assign_add(1)

        def update() -> Any:
            v.b.assign_add(error)
            v.a.assign_sub(0.1 * v.b)
            v.b.assign(tf.zeros_like(v.b))
            return tf.reduce_sum(v.a)

        def accumulate() -> Any:
            v.b.assign_add(error)
            return tf.reduce_sum(v.b)

        return {"y": tf.cond(v.n % 2 == 0, update, accumulate), "b": v.b.read_value()}

    steps(body)


def test_branches_nest(steps: Steps) -> None:
    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        v.n.assign_add(1)

        def outer() -> Any:
            v.c.assign(v.c * 2.0)
            return tf.cond(v.n > 2, lambda: v.c.assign_add(v.a[0]), lambda: v.c + 1.0)

        return {"y": x @ v.a + tf.cond(v.n % 2 == 0, outer, lambda: tf.sin(v.c))}

    steps(body)


def test_one_of_several(steps: Steps) -> None:
    """Numbers outside the range take the last branch."""

    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        y = x @ v.a
        sides = [lambda: y, lambda: tf.exp(y), lambda: v.c.assign_add([1.0, 2.0, 3.0]) + y]
        index = tf.cast(v.n - 1, tf.int32)
        v.n.assign_add(1)
        return {"y": tf.switch_case(index, sides)}

    steps(body)


def test_an_index_that_is_out_of_range_on_the_other_side(steps: Steps) -> None:
    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        n = v.n.assign_add(3)

        def rows() -> Any:
            return tf.cond(n < 4, lambda: tf.gather(v.a, [n]), lambda: tf.gather(v.b, [n - 5]))

        return {"row": tf.cond(n < 8, rows, lambda: v.b[:1])}

    steps(body)


def test_gradients_of_a_branch(steps: Steps) -> None:
    """The gradient of a branch is a branch; what one side alone computes goes from one to it."""

    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        with tf.GradientTape() as tape:
            y = x @ v.a
            y = tf.cond(v.n % 2 == 0, lambda: tf.tanh(y) * tf.exp(v.c), lambda: tf.square(y))
            loss = tf.reduce_mean(y)
        a, c = tape.gradient(loss, [v.a, v.c], unconnected_gradients="zero")
        v.a.assign_sub(0.1 * a)
        v.c.assign_sub(0.1 * c)
        v.n.assign_add(1)
        return {"loss": loss}

    steps(body)


def test_a_branch_in_a_loop(steps: Steps) -> None:
    def body(tf: Any, v: Any, x: Any) -> dict[str, Any]:
        def step(i: Any, y: Any) -> Any:
            big = tf.reduce_sum(y) > 0.0
            return i + 1, tf.cond(big, lambda: y - tf.cast(i, tf.float32), lambda: y + 1.5)

        v.n.assign_add(1)
        return {"y": tf.while_loop(lambda i, _: i < 3, step, (0, x @ v.a))[1]}

    steps(body)
