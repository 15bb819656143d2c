"""Calls, loops and branches; variables inside them; recurrent layers."""

# Lambdas on tensors of TensorFlow, which has no type stubs:
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.dialects.func import FuncOp, ReturnOp

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend import Imported, ImportOptions, load
from tfrc.ir.nn.constant import WeightOp
from tfrc.ir.shape import text
from tfrc.ir.tf import NodeOp, PartialType, ResourceType, UnrankedType


def nodes(imported: Imported) -> list[NodeOp]:
    return [op for op in imported.module.walk() if isinstance(op, NodeOp)]


def functions(imported: Imported) -> dict[str, FuncOp]:
    return {op.sym_name.data: op for op in imported.module.walk() if isinstance(op, FuncOp)}


def check_functions(imported: Imported) -> None:
    """Operands of control flow have the types of its functions' arguments and results."""
    imported.module.verify()
    by_name = functions(imported)
    for node in nodes(imported):
        for key, value in node.attrs.data.items():
            if not isinstance(value, SymbolRefAttr):
                continue
            callee = by_name[value.root_reference.data]
            first = 0 if node.op.data.endswith("While") else 1
            assert list(callee.function_type.inputs) == list(node.inputs.types)[first:]
            if key in ("body", "then_branch", "else_branch"):
                assert list(callee.function_type.outputs) == list(node.outputs.types)
    for function in by_name.values():
        last = function.body.block.last_op
        assert isinstance(last, ReturnOp)
        assert [v.type for v in last.operands] == list(function.function_type.outputs)


def test_calls_are_inlined(models: Any) -> None:
    tf = models.tf
    inner = tf.function(lambda x: tf.nn.relu(x, name="relu"))

    def body(x: Any) -> Any:
        with tf.name_scope("a"):
            y = inner(x)
        with tf.name_scope("b"):
            return inner(y)

    imported = load(models.function(body, models.spec([None, 4])))
    assert [n.node_name for n in nodes(imported) if n.op.data == "Relu"] == ["a/relu", "b/relu"]
    assert len(functions(imported)) == 1


def test_a_loop_and_a_branch(models: Any) -> None:
    tf = models.tf
    weight = tf.Variable(models.random(4, 4), name="weight")

    def body(x: Any) -> Any:
        y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y @ weight), (0, x))[1]
        return tf.cond(tf.reduce_sum(x) > 0, lambda: y @ weight, lambda: -y)

    imported = load(models.function(body, models.spec([None, 4])))
    check_functions(imported)
    assert {n.op.data.removeprefix("Stateless") for n in nodes(imported)} >= {"While", "If"}
    assert not [n for n in nodes(imported) if ResourceType() in n.inputs.types]
    assert list(imported.weights) == ["weight"]
    assert len([op for op in imported.module.walk() if isinstance(op, WeightOp)]) == 2
    output = imported.signatures["serving_default"].outputs["output_0"]
    assert text(output.shape or ()) == "Nx4"
    x = np.ones((2, 4), np.float32)
    y = x
    for _ in range(4):
        y = y @ weight.numpy()
    actual = imported.runner("serving_default", {"x": x})["output_0"]
    models.close(actual, y)


def test_a_loop_that_changes_a_shape(models: Any) -> None:
    tf = models.tf

    def body(x: Any) -> Any:
        return tf.while_loop(
            lambda i, y: i < 3,
            lambda i, y: (i + 1, tf.concat([y, y], 1)),
            (0, x),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, None])),
        )[1]

    imported = load(models.function(body, models.spec([None, 4])))
    imported.module.verify()
    loop = next(n for n in nodes(imported) if n.op.data.endswith("While"))
    assert '!tf.partial<"N, ?", f32>' in [str(t) for t in loop.outputs.types]


@pytest.mark.parametrize("package", ["keras", "tf_keras"])
@pytest.mark.parametrize("layer", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("sequences", [False, True])
def test_recurrent_layers_have_full_shapes(
    models: Any, package: str, layer: str, sequences: bool
) -> None:
    keras = getattr(models, package)
    x = keras.Input((5, 3), name="x")
    y = getattr(keras.layers, layer)(4, return_sequences=sequences)(x)
    model = models.randomize(keras.Model(x, keras.layers.Dense(2, name="y")(y)))
    imported = load(model)
    check_functions(imported)
    info = imported.signatures["serving_default"]
    assert text(info.outputs["y"].shape or ()) == ("Nx5x2" if sequences else "Nx2")
    unknown = [
        node.node_name
        for node in nodes(imported)
        for value in node.outputs
        if isinstance(value.type, PartialType | UnrankedType)
    ]
    assert unknown == []
    data = models.random(3, 5, 3)
    actual = imported.runner("serving_default", {"x": data})["y"]
    models.close(actual, model(data))


def test_gathering_from_a_variable(models: Any) -> None:
    table = models.tf.Variable(models.random(30, 4), name="table")
    function = models.function(lambda i: table.sparse_read(i), models.spec([None, 3], "int32", "i"))
    imported = load(function)
    assert "GatherV2" in [n.op.data for n in nodes(imported)]
    index = np.array([[1, 2, 29]], np.int32)
    actual = imported.runner("serving_default", {"i": index})["output_0"]
    models.equal(actual, table.numpy()[index])


def test_variables_that_a_signature_writes_stay(models: Any) -> None:
    total = models.tf.Variable(2.0, name="total")

    def add(x: Any) -> Any:
        total.assign_add(x)
        return total * 2.0

    imported = load(
        {
            "add": models.function(add, models.spec([])),
            "get": models.function(lambda: total.read_value()),
        }
    )
    check_functions(imported)
    assert [n.op.data for n in nodes(imported) if "Identity" not in n.op.data] == [
        *("VarHandleOp", "AssignAddVariableOp", "ReadVariableOp", "Mul"),
        *("VarHandleOp", "ReadVariableOp"),
    ]
    handles = [n for n in nodes(imported) if n.op.data == "VarHandleOp"]
    assert {str(n.attrs.data["key"]) for n in handles} == {'"total"'}
    assert imported.weights["total"] == 2.0
    run = imported.runner
    assert run("add", {"x": np.array(3, np.float32)})["output_0"] == 10
    assert run("get", {})["output_0"] == 5
    run.reset()
    assert run("get", {})["output_0"] == 2


def test_dataflow_control_flow_is_refused(models: Any) -> None:
    def build(tf: Any) -> None:
        tf.disable_control_flow_v2()
        x = tf.placeholder("float32", [None, 2], name="x")
        y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2.0), (0, x), name="loop")
        tf.identity(y[1], name="y")
        tf.enable_control_flow_v2()

    with pytest.raises(ModelError, match=r"TensorFlow 1 control flow.*lower_control_flow=False"):
        load(models.graph(build))


def test_a_branch_on_a_constant_is_taken(models: Any) -> None:
    """TensorFlow 1 freezes a learning phase as a placeholder whose default is False."""

    def build(tf: Any) -> None:
        tf.disable_control_flow_v2()
        x = tf.placeholder("float32", [None, 2], name="x")
        training = tf.placeholder_with_default(False, [], name="keras_learning_phase")
        y = tf.cond(training, lambda: tf.exp(x), lambda: x * tf.constant([2.0, 3.0]))
        z = tf.cond(training, lambda: tf.zeros([2]), lambda: tf.ones([2]))
        tf.add(y, z, name="y")
        tf.enable_control_flow_v2()

    imported = load(models.graph(build), ImportOptions(outputs=("y",)))
    imported.module.verify()
    assert [n.op.data for n in nodes(imported)] in (["Mul", "AddV2"], ["Mul", "Add"])
    x = models.random(3, 2)
    models.close(imported.runner("serving_default", {"x": x})["y"], x * [2, 3] + 1)


def test_a_branch_on_data_is_refused(models: Any) -> None:
    def build(tf: Any) -> None:
        tf.disable_control_flow_v2()
        x = tf.placeholder("float32", [None, 2], name="x")
        y = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.exp(x), lambda: -x)
        tf.identity(y, name="y")
        tf.enable_control_flow_v2()

    with pytest.raises(ModelError, match=r"TensorFlow 1 control flow.*lower_control_flow=False"):
        load(models.graph(build))
