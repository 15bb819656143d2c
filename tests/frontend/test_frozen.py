"""Frozen graphs: what is imported, under which names, in which order."""

# Lambdas on tensors of TensorFlow, which has no type stubs:
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr, f32
from xdsl.dialects.func import FuncOp

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend import ImportOptions, load
from tfrc.ir.nn.constant import ConstantOp, WeightOp
from tfrc.ir.shape import Dim, N
from tfrc.ir.tf import NodeOp, UnrankedType, node_name


def nodes(module: ModuleOp) -> list[NodeOp]:
    return [op for op in module.walk() if isinstance(op, NodeOp)]


def ops(module: ModuleOp) -> list[str]:
    return [node.op.data for node in nodes(module)]


def function(module: ModuleOp, name: str = "serving_default") -> FuncOp:
    return next(op for op in module.walk() if isinstance(op, FuncOp) and op.sym_name.data == name)


def test_a_frozen_network(models: Any) -> None:
    kernel = models.tf.Variable(models.random(4, 20), name="dense/kernel")
    bias = models.tf.Variable(models.random(20), name="dense/bias")

    def body(x: Any) -> Any:
        return models.tf.nn.relu(models.tf.nn.bias_add(x @ kernel, bias, name="dense/BiasAdd"))

    path = models.frozen(models.function(body, models.spec([None, 4])))
    imported = load(path)
    imported.module.verify()
    info = imported.signatures["serving_default"]
    assert {k: (v.element, v.shape) for k, v in info.inputs.items()} == {"x": (f32, (N, Dim(0, 4)))}
    assert {k: v.shape for k, v in info.outputs.items()} == {"Identity": (N, Dim(0, 20))}

    text = str(function(imported.module))
    assert '@serving_default(%x: tensor<?x4xf32> {tf.name = "x"})' in text
    assert '(tensor<?x20xf32> {tf.name = "Identity"})' in text
    weights = [op for op in imported.module.walk() if isinstance(op, WeightOp)]
    constants = [op for op in imported.module.walk() if isinstance(op, ConstantOp)]
    models.equal(imported.weights[weights[0].key], kernel.numpy())
    models.equal(constants[0].array, bias.numpy())
    assert [n.node_name for n in nodes(imported.module) if n.op.data == "BiasAdd"] == [
        "dense/BiasAdd"
    ]
    x = models.random(3, 4)
    (actual,) = imported.runner("serving_default", {"x": x}).values()
    models.close(actual, np.maximum(x @ kernel.numpy() + bias.numpy(), 0))


def test_text_and_binary_give_the_same_module(models: Any) -> None:
    text = models.text('node { name: "y" op: "Relu" input: "x" attr { key: "T" '
                       "value { type: DT_FLOAT } } }")  # fmt: skip
    graph_def = models.tf.compat.v1.GraphDef()
    from_text = load(text)
    module: Any = __import__("google.protobuf.text_format", fromlist=["Parse"])
    module.Parse(text.read_text(), graph_def)
    assert str(load(models.write(graph_def)).module) == str(from_text.module)
    assert str(load(text).module) == str(from_text.module)


def test_missing_attributes_have_their_defaults(models: Any) -> None:
    text = 'node { name: "y" op: "MatMul" input: "x" input: "x" ' \
           'attr { key: "T" value { type: DT_FLOAT } } ' \
           'attr { key: "transpose_b" value { b: true } } }'  # fmt: skip
    imported = load(models.text(text), ImportOptions(input_shapes={"x": (3, 4)}))
    (node,) = nodes(imported.module)
    assert str(node.attrs.data["transpose_a"]) == "false"
    assert str(node.attrs.data["transpose_b"]) == "true"


def test_dead_nodes_are_left_out_and_control_edges_order(models: Any) -> None:
    def build(tf: Any) -> None:
        x = tf.placeholder("float32", [None, 2], name="x")
        tf.placeholder("float32", [], name="unused_control_flow_input")
        dead = tf.exp(x, name="dead")
        del dead
        check = tf.Assert(tf.reduce_all(x > 0), [x], name="check")
        with tf.control_dependencies([check]):
            y = tf.negative(x, name="y")
        tf.identity(y, name="out")

    imported = load(models.graph(build), ImportOptions(outputs=("out",)))
    assert ops(imported.module) == ["Neg", "Identity"]


def test_sinks_are_the_outputs(models: Any) -> None:
    def build(tf: Any) -> None:
        x = tf.placeholder("float32", [None, 6], name="x")
        tf.identity(tf.split(x, 2, axis=1, name="halves")[0], name="first")
        tf.nn.top_k(x, 2, name="top")
        tf.summary.scalar("mean", tf.reduce_mean(x))
        tf.group(x, name="done")

    imported = load(models.graph(build))
    assert list(imported.signatures["serving_default"].outputs) == ["first", "top", "top:1"]


def test_leftovers_that_depend_on_no_input_are_no_outputs(models: Any) -> None:
    def build(tf: Any) -> None:
        x = tf.placeholder("float32", [None, 2], name="x")
        w = tf.identity(tf.constant([1.0, 2.0]), name="w/ReadVariableOp")
        tf.identity(w, name="leftover")
        tf.multiply(x, w, name="y")

    imported = load(models.graph(build))
    assert list(imported.signatures["serving_default"].outputs) == ["y"]


def test_a_graph_of_constants_has_outputs(models: Any) -> None:
    imported = load(models.graph(lambda tf: tf.identity(tf.constant([1.0]), name="one")))
    assert list(imported.signatures["serving_default"].outputs) == ["one"]


def test_cutting_in_the_middle(models: Any) -> None:
    def build(tf: Any) -> None:
        audio = tf.placeholder("string", [], name="file")
        samples = tf.io.decode_raw(audio, "float32", name="decode")
        features = tf.reshape(samples, [1, 6], name="Reshape")
        tf.tanh(tf.negative(features, name="negative"), name="score")

    path = models.graph(build)
    with pytest.raises(ModelError, match=r"'file' .* has the type string.*--inputs"):
        load(path)
    for name in ("Reshape", "Reshape:0"):
        imported = load(path, ImportOptions(inputs=(name,), outputs=("score:0",)))
        assert ops(imported.module) == ["Neg", "Tanh"]
        info = imported.signatures["serving_default"]
        assert [(k, v.shape) for k, v in info.inputs.items()] == [
            ("Reshape", (Dim(0, 1), Dim(0, 6)))
        ]
        assert list(info.outputs) == ["score"]
    batch = load(path, ImportOptions(("Reshape",), ("score",), {"Reshape": (None, 6)}))
    assert batch.signatures["serving_default"].outputs["score"].shape == (N, Dim(0, 6))
    x = models.random(3, 6)
    actual = batch.runner("serving_default", {"Reshape": x})["score"]
    models.close(actual, np.tanh(-x))
    inner = load(path, ImportOptions(("Reshape",), ("negative", "score")))
    assert list(inner.signatures["serving_default"].outputs) == ["negative", "score"]


def test_a_placeholder_with_default_is_its_default(models: Any) -> None:
    def build(tf: Any) -> None:
        x = tf.placeholder("float32", [None, 2], name="x")
        rate = tf.placeholder_with_default(np.float32(0.5), [], name="rate")
        tf.multiply(x, rate, name="y")

    path = models.graph(build)
    assert list(load(path).signatures["serving_default"].inputs) == ["x"]
    x = models.random(3, 2)
    actual = load(path).runner("serving_default", {"x": x})["y"]
    models.equal(actual, x * np.float32(0.5))
    named = load(path, ImportOptions(inputs=("x", "rate")))
    assert list(named.signatures["serving_default"].inputs) == ["x", "rate"]


def test_strings_and_unknown_ops_are_imported(models: Any) -> None:
    def build(tf: Any) -> None:
        words = tf.constant([b"one", b"\xff"], name="words")
        index = tf.placeholder("int32", [None], name="i")
        tf.strings.length(tf.gather(words, index), name="length")

    node = next(n for n in nodes(load(models.graph(build)).module) if n.op.data == "Const")
    assert node.attrs.data["value"] == ArrayAttr([StringAttr("one"), StringAttr("ÿ")])
    assert str(node.outputs[0].type) == "tensor<2x!tf.string>"

    relu = (
        'node {{ name: "{}" op: "{}" input: "{}" attr {{ key: "T" value {{ type: DT_FLOAT }} }} }}'
    )
    text = relu.format("a", "NobodysOp", "x") + relu.format("b", "Relu", "a")
    imported = load(models.text(text))
    assert ops(imported.module) == ["NobodysOp", "Relu"]
    assert nodes(imported.module)[0].outputs[0].type == UnrankedType(f32)


def test_locations_are_node_names(models: Any) -> None:
    function_ = models.function(lambda x: models.tf.nn.relu(x, name="block1/relu"),
                                models.spec([None, 4]))  # fmt: skip
    imported = load(models.frozen(function_))
    names = [node_name(op.location) for op in imported.module.walk() if isinstance(op, NodeOp)]
    assert names == ["block1/relu", "Identity"]


def test_weights_that_are_not_finite_are_reported(models: Any) -> None:
    table = np.full((20, 4), np.nan, np.float32)
    imported = load(models.frozen(models.function(lambda x: x @ table.T, models.spec([None, 4]))))
    assert len(imported.warnings) == 1
    assert "NaN" in imported.warnings[0]


def test_scalar_inputs_of_old_graphs(models: Any) -> None:
    """Before producer 24 a placeholder of rank 0 had an unknown shape."""

    def build(tf: Any) -> None:
        x = tf.placeholder("float32", [None, 2], name="x")
        tf.multiply(x, tf.placeholder("float32", [], name="rate"), name="y")

    path = models.graph(build)
    graph_def = models.tf.compat.v1.GraphDef.FromString(path.read_bytes())
    graph_def.versions.producer = 21
    path = models.write(graph_def)
    with pytest.raises(ModelError, match=r"'rate' .* has no shape: .*rate= for a scalar"):
        load(path)
    imported = load(path, ImportOptions(input_shapes={"rate": ()}))
    assert imported.signatures["serving_default"].outputs["y"].shape == (N, Dim(0, 2))
