"""Optimizers: TensorFlow's fused updates, and every configuration of Keras's on the adder."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import training_models

from tfrc.compiler.context import context
from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend import Imported, ImportOptions, load
from tfrc.compiler.pass_manager import PassManager, parse_passes
from tfrc.passes import PIPELINES

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
    "ResourceApplyProximalGradientDescent": (1, {"alpha": 0.1, "l1": 0.7, "l2": 0.2}),
    "ResourceApplyProximalAdagrad": (2, {"lr": 0.1, "l1": 0.7, "l2": 0.2}),
    "ResourceApplyAdagradDA": (
        3,
        {"lr": 0.1, "l1": 0.3, "l2": 0.2, "global_step": np.int64(2)},
    ),
}

GRADIENT: dict[str, str] = dict.fromkeys(
    ("ResourceApplyGradientDescent", "ResourceApplyProximalGradientDescent"), "delta"
)
"""What an op calls the gradient, if not `grad`."""

SPARSE = {
    key.replace("ResourceApply", "ResourceSparseApply"): value
    for key, value in FUSED.items()
    if not any(op in key for op in ("ApplyGradientDescent", "Adam", "AdaMax"))
}
"""The same for rows."""


def fused(tf: Any, key: str, rng: np.random.Generator) -> Any:
    """A module whose `run` makes one step of an op. Its variables are positive, as slots are."""
    count, keywords = (FUSED | SPARSE)[key]
    op = key.split()[0]
    raw = getattr(tf.raw_ops, op)
    module = tf.Module()
    module.slots = [
        tf.Variable(rng.uniform(0.5, 1.5, (4, 3)).astype("f4"), name=f"v{i}") for i in range(count)
    ]
    names = list(inspect.signature(raw).parameters)[:count]

    def step(x: Any) -> dict[str, Any]:
        handles = dict(zip(names, (v.handle for v in module.slots), strict=True))
        if key in SPARSE:
            rows, positions = tf.unique(tf.argmax(x, 1, tf.int32))
            sums = tf.math.unsorted_segment_sum(x[:, :3], positions, tf.shape(rows)[0])
            gradient = {"grad": sums, "indices": rows}
        else:
            every = tf.reduce_sum(x, 0)[:, None] * [[1.0, -0.5, 0.1]]
            gradient = {GRADIENT.get(op, "grad"): every}
        raw(**handles, **keywords, **gradient)
        return {"x": x + 1.0}

    spec = tf.TensorSpec([None, 4], tf.float32, "x")
    module.run = tf.function(step, input_signature=[spec])
    return module


@pytest.mark.parametrize("ops", [FUSED, SPARSE], ids=["dense", "sparse"])
def test_fused_updates_of_optimizers(
    ops: dict[str, Any], tmp_path: Any, agrees: Callable[..., Imported]
) -> None:
    tf: Any = pytest.importorskip("tensorflow")
    rng = np.random.default_rng(5)
    root = tf.Module()
    root.modules = {key.replace(" ", "_"): fused(tf, key, rng) for key in ops}
    signatures = {name: module.run for name, module in root.modules.items()}
    tf.saved_model.save(root, tmp_path / "model", signatures=signatures)
    agrees(tmp_path / "model", [name for name in signatures for _ in range(STEPS)], KINDS)


def test_rows_that_may_repeat_are_refused(tmp_path: Any) -> None:
    tf: Any = pytest.importorskip("tensorflow")
    root = tf.Module()
    root.v, root.slot = tf.Variable(tf.ones([4, 3])), tf.Variable(tf.ones([4, 3]))

    def step(x: Any) -> dict[str, Any]:
        tf.raw_ops.ResourceSparseApplyAdagrad(
            var=root.v.handle, accum=root.slot.handle, lr=0.1, grad=x[:, :3],
            indices=tf.argmax(x, 1),
        )  # fmt: skip
        return {"x": x}

    spec = tf.TensorSpec([None, 4], tf.float32, "x")
    root.run = tf.function(step, input_signature=[spec])
    tf.saved_model.save(root, tmp_path / "model", signatures={"run": root.run})
    imported = load(tmp_path / "model", ImportOptions())
    passes = PassManager(parse_passes(PIPELINES["O0"]))
    with pytest.raises(ModelError, match=r"SparseApplyAdagrad x1 .*: its indices may repeat"):
        passes.run(context(imported.weights), imported.module)


LEGACY: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda kind: kind.SGD(0.1, momentum=0.9, nesterov=True),
    "Adagrad": lambda kind: kind.Adagrad(0.1),
    "Adadelta": lambda kind: kind.Adadelta(0.5),
    "Adam": lambda kind: kind.Adam(0.1, amsgrad=True),
    "Adamax": lambda kind: kind.Adamax(0.1),
    "Nadam": lambda kind: kind.Nadam(0.1),
    "RMSprop": lambda kind: kind.RMSprop(0.1),
    "RMSprop momentum": lambda kind: kind.RMSprop(0.1, momentum=0.5),
    "RMSprop centered": lambda kind: kind.RMSprop(0.1, centered=True),
    "Ftrl": lambda kind: kind.Ftrl(0.1, l1_regularization_strength=0.01),
}


def test_embeddings_with_the_optimizers_of_older_keras(
    tmp_path: Any, agrees: Callable[..., Imported]
) -> None:
    """An embedding of random weights; tokens occur more than once."""
    tf: Any = pytest.importorskip("tensorflow")
    tf_keras: Any = pytest.importorskip("tf_keras")
    rng = np.random.default_rng(7)
    root = tf.Module()

    def trained(make: Callable[[Any], Any]) -> Any:
        module = tf.Module()
        module.table = tf.Variable(rng.normal(size=(6, 3)).astype("f4"))
        module.dense = tf.Variable(rng.normal(size=(3, 1)).astype("f4"))
        module.optimizer = make(tf_keras.optimizers.legacy)

        def step(x: Any) -> dict[str, Any]:
            with tf.GradientTape() as tape:
                rows = tf.nn.embedding_lookup(module.table, tf.argmax(x, 1))
                loss = tf.reduce_mean(tf.square(rows @ module.dense - x[:, :1]))
            variables = [module.table, module.dense]
            module.optimizer.apply_gradients(
                zip(tape.gradient(loss, variables), variables, strict=True)
            )
            return {"loss": loss}

        spec = tf.TensorSpec([None, 4], tf.float32, "x")
        module.run = tf.function(step, input_signature=[spec])
        return module

    root.modules = {name.replace(" ", "_"): trained(make) for name, make in LEGACY.items()}
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
