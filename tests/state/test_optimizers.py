"""Optimizers: TensorFlow's fused updates, and every configuration of Keras's on the adder."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import training_models

from tfrc.compiler.frontend import Imported

STEPS = 3

KINDS = (("O2", None),)
"""Planned memory, which is all that differs between optimizers."""

BETAS = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3}

FUSED: dict[str, tuple[int, dict[str, Any]]] = {
    # The op, how many variables it takes, its other operands and attributes.
    "ResourceApplyGradientDescent": (1, {"alpha": 0.1}),
    "ResourceApplyMomentum": (2, {"lr": 0.1, "momentum": 0.9}),
    "ResourceApplyMomentum nesterov": (2, {"lr": 0.1, "momentum": 0.9, "use_nesterov": True}),
    "ResourceApplyKerasMomentum": (2, {"lr": 0.1, "momentum": 0.9}),
    "ResourceApplyKerasMomentum nesterov": (
        2,
        {"lr": 0.1, "momentum": 0.9, "use_nesterov": True},
    ),
    "ResourceApplyAdam": (3, BETAS | {"beta1_power": 0.9, "beta2_power": 0.99}),
    "ResourceApplyAdam nesterov": (
        3,
        BETAS | {"beta1_power": 0.9, "beta2_power": 0.99, "use_nesterov": True},
    ),
    "ResourceApplyAdamWithAmsgrad": (4, BETAS | {"beta1_power": 0.9, "beta2_power": 0.99}),
    "ResourceApplyAdaMax": (3, BETAS | {"beta1_power": 0.9}),
    "ResourceApplyAdagrad": (2, {"lr": 0.1}),
    "ResourceApplyAdagradV2": (2, {"lr": 0.1, "epsilon": 1e-3, "update_slots": False}),
    "ResourceApplyAdadelta": (3, {"lr": 0.1, "rho": 0.9, "epsilon": 1e-3}),
    "ResourceApplyRMSProp": (3, {"lr": 0.1, "rho": 0.9, "momentum": 0.5, "epsilon": 1e-3}),
    "ResourceApplyCenteredRMSProp": (
        4,
        {"lr": 0.1, "rho": 0.9, "momentum": 0.5, "epsilon": 5.0},
    ),
    "ResourceApplyFtrl": (3, {"lr": 0.1, "l1": 0.1, "l2": 0.2, "lr_power": -0.5}),
    "ResourceApplyFtrlV2": (
        3,
        {"lr": 0.1, "l1": 0.1, "l2": 0.2, "l2_shrinkage": 0.1, "lr_power": -0.5},
    ),
    "ResourceApplyFtrlV2 lr": (
        3,
        {
            "lr": 0.1,
            "l1": 0.1,
            "l2": 0.2,
            "l2_shrinkage": 0.1,
            "lr_power": -0.5,
            "multiply_linear_by_lr": True,
        },
    ),
}

GRADIENT = {"ResourceApplyGradientDescent": "delta"}
"""What an op calls the gradient, if not `grad`."""


def fused(tf: Any, key: str, rng: np.random.Generator) -> Any:
    """A module whose `run` makes one step of an op. Its variables are positive, as slots are."""
    count, keywords = FUSED[key]
    op = key.split()[0]
    raw = getattr(tf.raw_ops, op)
    module = tf.Module()
    module.slots = [
        tf.Variable(rng.uniform(0.5, 1.5, (4, 3)).astype("f4"), name=f"v{i}") for i in range(count)
    ]
    names = list(inspect.signature(raw).parameters)[:count]

    def step(x: Any) -> dict[str, Any]:
        handles = dict(zip(names, (v.handle for v in module.slots), strict=True))
        gradient = {GRADIENT.get(op, "grad"): tf.reduce_sum(x, 0)[:, None] * [[1.0, -0.5, 0.1]]}
        raw(**handles, **keywords, **gradient)
        return {"x": x + 1.0}

    spec = tf.TensorSpec([None, 4], tf.float32, "x")
    module.run = tf.function(step, input_signature=[spec])
    return module


def test_fused_updates_of_optimizers(tmp_path: Any, agrees: Callable[..., Imported]) -> None:
    tf: Any = pytest.importorskip("tensorflow")
    rng = np.random.default_rng(5)
    root = tf.Module()
    root.modules = {key.replace(" ", "_"): fused(tf, key, rng) for key in FUSED}
    signatures = {name: module.run for name, module in root.modules.items()}
    tf.saved_model.save(root, tmp_path / "model", signatures=signatures)
    agrees(tmp_path / "model", [name for name in signatures for _ in range(STEPS)], KINDS)


@pytest.fixture
def adder() -> Any:
    """The example, whose functions make the SavedModel."""
    pytest.importorskip("tensorflow")
    return training_models.adder()


@pytest.mark.parametrize("name", training_models.OPTIMIZERS)
def test_every_optimizer_of_keras(
    name: str, adder: Any, tmp_path: Any, agrees: Callable[..., Imported]
) -> None:
    import keras

    keras.utils.set_random_seed(3)
    adder.save(str(tmp_path / "model"), training_models.OPTIMIZERS[name](keras.optimizers))
    agrees(tmp_path / "model", ["train"] * STEPS + ["pred"], KINDS)
