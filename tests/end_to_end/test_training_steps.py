"""Losses and their gradients by every weight, from tf.GradientTape to a crate: one training step.

Weights are inputs here, so that a step is a function. Each pass is verified on the way, up to the
kernel calls in their planned arena; the crate then compares itself with TensorFlow within 1e-5 of
the largest magnitude of each output.
"""

# TensorFlow has no types.
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crates import needs_cargo, succeed

import tfrc

tf: Any = pytest.importorskip("tensorflow")

pytestmark = [
    pytest.mark.slow,
    needs_cargo,
]


def perceptron(x: Any, y: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    """Dense layers, dropout, and a cross entropy of labels."""
    h = tf.nn.relu(x @ w1 + b1)
    h = tf.nn.experimental.stateless_dropout(h, 0.3, [3, 5])
    return tf.nn.sparse_softmax_cross_entropy_with_logits(y, h @ w2 + b2)


def convolutions(
    x: Any, y: Any, k1: Any, scale: Any, offset: Any, d: Any, k2: Any, w: Any, b: Any
) -> Any:
    """Convolutions of each kind, pools, batch norms in both of their spellings, and a dropout whose
    generator is state."""
    h = tf.nn.conv2d(x, k1, 1, "SAME")
    h, _, _ = tf.compat.v1.nn.fused_batch_norm(h, scale, offset, is_training=True)
    h = tf.nn.max_pool2d(tf.nn.relu(h), 2, 2, "SAME")
    h = tf.nn.conv2d(tf.nn.depthwise_conv2d(h, d, [1] * 4, "SAME"), k2, 2, "VALID")
    mean, variance = tf.nn.moments(h, [0, 1, 2])
    h = tf.nn.batch_normalization(h, mean, variance, None, None, 1e-3)
    h = tf.nn.avg_pool2d(tf.nn.gelu(h, approximate=False), 2, 1, "SAME")
    h = tf.nn.dropout(h, 0.2, seed=3)
    return tf.nn.softmax_cross_entropy_with_logits(y, tf.reshape(h, [-1, 72]) @ w + b)


def recurrent(x: Any, y: Any, k: Any, r: Any, b: Any, w: Any) -> Any:
    """A loop over an LSTM cell (Hochreiter and Schmidhuber 1997), its gradients in another."""
    batch = tf.shape(x)[0]
    h = c = tf.zeros([batch, 6])
    for step in tf.range(5):
        tf.autograph.experimental.set_loop_options(maximum_iterations=5)
        i, f, g, o = tf.split(tf.gather(x, step, axis=1) @ k + h @ r + b, 4, 1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
    return tf.square(h @ w - y)


def transformer(
    x: Any, y: Any, e: Any, q: Any, k: Any, v: Any, o: Any, g: Any, b: Any, f1: Any, f2: Any
) -> Any:
    """An embedding that is the last layer as well, attention (Vaswani et al. 2017), layer norms."""

    def norm(h: Any) -> Any:
        mean, variance = tf.nn.moments(h, [-1], keepdims=True)
        return (h - mean) * tf.math.rsqrt(variance + 1e-6) * g + b

    h = tf.gather(e, x)
    queries, keys, values = (tf.einsum("btd,dhk->bthk", norm(h), w) for w in (q, k, v))
    scores = tf.nn.softmax(tf.einsum("bthk,bshk->bhts", queries, keys) / 2.0)
    h += tf.einsum("bthk,hkd->btd", tf.einsum("bhts,bshk->bthk", scores, values), o)
    h += tf.matmul(tf.nn.gelu(tf.matmul(norm(h), f1), approximate=True), f2)
    logits = tf.matmul(h, e, transpose_b=True)[:, -1]
    return tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)


def spec(*shape: int | None, dtype: str = "float32") -> Any:
    return tf.TensorSpec(shape, dtype)


def head(n: int) -> Any:
    return spec(8, 2, n)


STEPS: dict[Callable[..., Any], dict[str, Any]] = {
    perceptron: {
        "x": spec(None, 10), "y": spec(None, dtype="int32"),
        "w1": spec(10, 16), "b1": spec(16), "w2": spec(16, 5), "b2": spec(5),
    },
    convolutions: {
        "x": spec(None, 14, 14, 3), "y": spec(None, 4),
        "k1": spec(3, 3, 3, 8), "scale": spec(8), "offset": spec(8),
        "d": spec(3, 3, 8, 1), "k2": spec(3, 3, 8, 8), "w": spec(72, 4), "b": spec(4),
    },
    recurrent: {
        "x": spec(None, 5, 4), "y": spec(None, 2),
        "k": spec(4, 24), "r": spec(6, 24), "b": spec(24), "w": spec(6, 2),
    },
    transformer: {
        "x": spec(None, 6, dtype="int32"), "y": spec(None, dtype="int32"), "e": spec(11, 8),
        "q": head(4), "k": head(4), "v": head(4), "o": spec(2, 4, 8),
        "g": spec(8), "b": spec(8), "f1": spec(8, 16), "f2": spec(16, 8),
    },
}  # fmt: skip
"""The inputs of each step: `x`, `y`, and the weights."""


def gradients(loss: Callable[..., Any]) -> Any:
    """The concrete function that computes the mean loss, and its gradient by every weight."""

    def step(**inputs: Any) -> dict[str, Any]:
        weights = {name: v for name, v in inputs.items() if name not in ("x", "y")}
        with tf.GradientTape() as tape:
            tape.watch(list(weights.values()))
            mean = tf.reduce_mean(loss(**inputs))
        found = tape.gradient(mean, weights)
        return {"loss": mean, **{f"d_{name}": v for name, v in found.items()}}

    named = {n: tf.TensorSpec(s.shape, s.dtype, name=n) for n, s in STEPS[loss].items()}
    return tf.function(step).get_concrete_function(**named)


def test_training_steps_agree(tmp_path: Path) -> None:
    module = tf.Module()
    signatures = {loss.__name__: gradients(loss) for loss in STEPS}
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=signatures)
    crate = tmp_path / "steps"
    tfrc.compile(tmp_path / "model", crate, runtime="path", verify_each=True)
    done = succeed(crate, "test", "--quiet", "--release", "--test", "predictions")
    # One more is about the generator's file.
    assert f"{len(STEPS) + 1} passed" in done
