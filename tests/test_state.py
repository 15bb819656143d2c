"""Signatures that write variables: TensorFlow's outputs and variables, call after call.

Each case runs a few times on one state in TensorFlow, in the meaning of `nn` and in planned memory.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from tfrc.compiler.context import context
from tfrc.compiler.frontend import Imported, ImportOptions, load
from tfrc.compiler.module import argument_names, functions, result_names
from tfrc.compiler.pass_manager import PassManager, parse_passes
from tfrc.ir import nn, reference, rt, rt_reference
from tfrc.ir.weights import CompilerContext
from tfrc.passes import PIPELINES

Array = NDArray[Any]

TOLERANCE = 1e-5
"""Relative to the largest magnitude: what the compiler promises for float32."""

STEPS = 3
"""Calls on one state: what the first leaves is what the second starts with."""

BATCH = 5


def compiled(model: Any, level: str, until: str | None = None) -> tuple[Imported, CompilerContext]:
    """The import after a level's passes, all of them or those before `until`."""
    imported = load(model, ImportOptions())
    ctx = context(imported.weights)
    specs = PIPELINES[level]
    PassManager(parse_passes(specs[: specs.index(until)] if until else specs)).run(
        ctx, imported.module
    )
    return imported, ctx


def call(
    module: ModuleOp,
    ctx: CompilerContext,
    name: str,
    inputs: dict[str, Array],
    state: reference.State,
) -> dict[str, Array]:
    """The outputs of a signature on `state`, at the `nn` level or the `rt` level."""
    function = functions(module)[name]
    names = argument_names(function)
    arguments = [inputs[each] for each in names[: len(inputs)]]
    if rt.ARENA in function.attributes:
        results = rt_reference.run(function, arguments, ctx.weights, arena=True, state=state)
        return dict(zip(names[len(inputs) :], results, strict=True))
    results = reference.run(function, arguments, ctx.weights, state=state)
    return dict(zip(result_names(function), results, strict=True))


def close(actual: Array, expected: Array, what: str) -> None:
    """Integers are equal; floats agree relative to the largest magnitude."""
    assert actual.shape == expected.shape, what
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(actual, expected, err_msg=what)
        return
    scale = max(float(np.abs(expected).max(initial=0.0)), 1e-30)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * scale, err_msg=what)


def agrees(model: Any, calls: Sequence[str], seed: int = 0) -> Imported:
    """TensorFlow, `nn` and `rt` of all levels give the same for `calls` of signatures."""
    kinds = [("O2", "select-kernels"), ("O0", None), ("O2", None)]
    runs = [(*compiled(model, level, until), reference.State()) for level, until in kinds]
    runner = runs[0][0].runner
    runner.reset()
    rng = np.random.default_rng(seed)
    for step, name in enumerate(calls):
        inputs = {
            key: rng.normal(size=[BATCH if d.scale else int(d) for d in info.shape]).astype("f4")
            for key, info in runs[0][0].signatures[name].inputs.items()
            if info.shape is not None
        }
        expected = runner(name, inputs)
        variables = runner.variables()
        for (level, until), (imported, ctx, state) in zip(kinds, runs, strict=True):
            where = f"step {step}, {name}, {level} {until or 'rt'}: "
            outputs = call(imported.module, ctx, name, inputs, state)
            for key, array in expected.items():
                close(outputs[key], array, where + key)
            for op in imported.module.ops:
                if isinstance(op, nn.VariableOp):
                    value = state.get(op.key, ctx.weights[op.key])
                    close(value, variables[op.key], f"{where}variable {op.key}")
    return runs[-1][0]


Body = Callable[[Any, Any, Any], dict[str, Any]]


@pytest.fixture
def steps(tmp_path: Any) -> Callable[[Body], Imported]:
    """`steps(body)`: the SavedModel of `body(tf, variables, x)` agrees over some calls.

    The variables `a` and `b` are [4, 3], `c` is [3] and `n` an int64; `x` is [batch, 4].
    """
    tf: Any = pytest.importorskip("tensorflow")

    def check(body: Body) -> Imported:
        rng = np.random.default_rng(3)
        root = tf.Module()
        for name, shape in (("a", (4, 3)), ("b", (4, 3)), ("c", (3,))):
            setattr(root, name, tf.Variable(rng.normal(size=shape).astype("f4")))
        root.n = tf.Variable(7, dtype=tf.int64)
        spec = tf.TensorSpec([None, 4], tf.float32, "x")
        root.run = tf.function(lambda x: body(tf, root, x), input_signature=[spec])
        tf.saved_model.save(root, tmp_path / "model", signatures={"run": root.run})
        return agrees(tmp_path / "model", ["run"] * STEPS)

    return check


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


def test_fused_updates_of_optimizers(tmp_path: Any) -> None:
    tf: Any = pytest.importorskip("tensorflow")
    rng = np.random.default_rng(5)
    root = tf.Module()
    root.modules = {key.replace(" ", "_"): fused(tf, key, rng) for key in FUSED}
    signatures = {name: module.run for name, module in root.modules.items()}
    tf.saved_model.save(root, tmp_path / "model", signatures=signatures)
    agrees(tmp_path / "model", [name for name in signatures for _ in range(STEPS)])
