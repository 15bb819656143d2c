"""SavedModel folders, `.keras` and `.h5` of both versions of Keras, live models."""

# Lambdas on tensors of TensorFlow, which has no type stubs:
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfrc.compiler.errors import ModelError
from tfrc.compiler.frontend import ImportOptions, load
from tfrc.compiler.frontend.tensorflow import quiet
from tfrc.ir.shape import text

FORMATS = [
    # who writes, what
    ("keras", "model.keras"),
    ("keras", "model.h5"),
    ("keras", "saved_model"),
    ("keras", ""),
    ("tf_keras", "model.keras"),
    ("tf_keras", "model.h5"),
    ("tf_keras", "saved_model"),
    ("tf_keras", ""),
]


@pytest.mark.parametrize(("package", "name"), FORMATS)
def test_every_format_gives_the_same_numbers(models: Any, package: str, name: str) -> None:
    model = models.cnn(getattr(models, package))
    path = models.folder / name
    with quiet():
        if name == "saved_model" and package == "keras":
            model.export(str(path), verbose=False)
        elif name:
            model.save(str(path))
    imported = load(path if name else model)
    imported.module.verify()
    info = imported.signatures["serving_default"]
    assert imported.warnings == []
    assert list(info.inputs) == ["image"]
    assert [text(v.shape or ()) for v in info.outputs.values()] == ["Nx5"]
    x = models.random(3, 8, 8, 3)
    (actual,) = imported.runner("serving_default", {"image": x}).values()
    models.close(actual, model(x, training=False))
    kernels = [k for k in imported.weights if imported.weights[k].shape == (3, 3, 3, 4)]
    assert len(kernels) == 1
    assert "conv" in kernels[0] or package == "keras"


def module(models: Any) -> Any:
    """A tf.Module with variables of one name, and functions that read and write them."""
    tf = models.tf

    class Net(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = tf.Variable(models.random(4, 4), name="kernel")
            self.two = tf.Variable(models.random(4, 4), name="kernel")
            self.count = tf.Variable(3, name="count")

    net = Net()
    spec = models.spec([None, 4])
    net.call = tf.function(lambda x: {"y": x @ net.one @ net.two}, input_signature=[spec])
    net.twice = tf.function(lambda x: {"y": x @ net.one, "z": x}, input_signature=[spec])
    net.bump = tf.function(lambda: {"n": net.count.assign_add(2)}, input_signature=[])
    return net


def save(models: Any, net: Any, **signatures: Any) -> Path:
    with quiet():
        models.tf.saved_model.save(net, str(models.folder / "net"), signatures=signatures)
    return models.folder / "net"


def test_several_signatures_share_weights(models: Any) -> None:
    net = module(models)
    path = save(models, net, call=net.call, twice=net.twice)
    imported = load(path)
    imported.module.verify()
    assert list(imported.signatures) == ["call", "twice"]
    assert list(imported.signatures["twice"].outputs) == ["y", "z"]
    assert len(imported.weights) == 2
    x = models.random(3, 4)
    one, two = net.one.numpy(), net.two.numpy()
    models.close(imported.runner("call", {"x": x})["y"], x @ one @ two)
    models.close(imported.runner("twice", {"x": x})["y"], x @ one)
    only = load(path, ImportOptions(signatures=("twice",), outputs=("z",)))
    assert list(only.signatures) == ["twice"]
    assert list(only.signatures["twice"].outputs) == ["z"]
    assert load(path / "saved_model.pb").signatures.keys() == imported.signatures.keys()
    with pytest.raises(ModelError, match="has no signature 'train': it has call, twice"):
        load(path, ImportOptions(signatures=("train",)))


def test_a_signature_that_writes(models: Any) -> None:
    net = module(models)
    imported = load(save(models, net, call=net.call, bump=net.bump))
    imported.module.verify()
    assert imported.weights["count"] == 3
    assert [imported.runner("bump", {})["n"] for _ in range(2)] == [5, 7]
    assert "AssignAddVariableOp" in str(imported.module)


def test_a_tensorflow_1_saved_model(models: Any) -> None:
    tf = models.tf.compat.v1
    path = models.folder / "v1"
    value = models.random(4, 20)
    with quiet(), models.tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder("float32", [None, 4], name="x")
        kernel = tf.Variable(value, name="dense/kernel", use_resource=False)
        y = tf.matmul(x, kernel, name="y")
        session.run(tf.global_variables_initializer())
        tf.saved_model.simple_save(session, str(path), {"features": x}, {"scores": y})
    imported = load(path)
    imported.module.verify()
    models.equal(imported.weights["dense/kernel"], value)
    data = models.random(5, 4)
    actual = imported.runner("serving_default", {"features": data})["scores"]
    models.close(actual, data @ value)
    assert "VariableV2" not in str(imported.module)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: (p / "saved_model.pb").unlink(), "holds no saved_model.pb"),
        (lambda p: shutil.rmtree(p / "variables"), "has no value: .*index is missing"),
        (lambda p: (p / "saved_model.pb").write_bytes(b"\x0a\x05"), "damaged or cut off"),
        (lambda p: (p / "saved_model.pb").write_bytes(b""), "holds no graph"),
        (
            lambda p: (p / "variables" / "variables.data-00000-of-00001").write_bytes(b"x"),
            "cannot be read",
        ),
        (lambda p: (p / "variables" / "variables.index").write_bytes(b"x" * 99), "cannot be read"),
    ],
)
def test_damaged_saved_models(models: Any, damage: Any, message: str) -> None:
    net = module(models)
    path = save(models, net, call=net.call)
    damage(path)
    with pytest.raises(ModelError, match=message):
        load(path)


def test_several_inputs_and_outputs_keep_their_names(models: Any) -> None:
    for keras in (models.keras, models.tf_keras):
        left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
        total = keras.layers.Add(name="total")([left, right])
        model = keras.Model(
            {"left": left, "right": right}, [total, keras.layers.ReLU(name="up")(total)]
        )
        info = load(model).signatures["serving_default"]
        assert list(info.inputs) == ["left", "right"]
        assert list(info.outputs) == ["total", "up"]


def test_custom_layers_are_named(models: Any) -> None:
    for keras, name in ((models.keras, "m.keras"), (models.tf_keras, "m.h5")):

        class Doubling(keras.layers.Layer):
            def call(self, x: Any) -> Any:
                return x * 2.0

        path = models.folder / name
        with quiet():
            x = keras.Input((3,), name="x")
            model = keras.Model(x, Doubling()(x))
            model.save(str(path))
        with pytest.raises(ModelError, match=r"custom layer 'Doubling'.*custom_objects"):
            load(path)
        actual = load(model).runner("serving_default", {"x": np.ones((1, 3), np.float32)})
        models.equal(next(iter(actual.values())), [[2, 2, 2]])


def test_weights_without_a_model(models: Any) -> None:
    path = models.folder / "m.weights.h5"
    with quiet():
        models.cnn(models.tf_keras).save_weights(str(path))
    with pytest.raises(ModelError, match="weights without a model"):
        load(path)


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04" + b"\0" * 40])
def test_files_that_are_not_keras(models: Any, name: str, content: bytes) -> None:
    path = models.folder / name
    path.write_bytes(content)
    with pytest.raises(ModelError, match=name):
        load(path)


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_cut_off_keras_files(models: Any, name: str) -> None:
    path = models.folder / name
    with quiet():
        models.cnn(models.keras).save(str(path))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match=name):
        load(path)


def test_objects_that_are_no_model(models: Any) -> None:
    for thing in (3, None, lambda x: x):
        with pytest.raises(ModelError, match="cannot be compiled: give a path"):
            load(thing)
    with pytest.raises(ModelError, match="input signature"):
        load(models.tf.function(lambda x: x))
    with pytest.raises(ModelError, match="does not state the shapes"):
        load(models.keras.Sequential([models.keras.layers.Dense(3)]))


def test_importing_the_front_end_is_quick() -> None:
    """Nothing of TensorFlow loads before a model does."""
    code = "import sys, tfrc.compiler.frontend; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_is_written_to_stderr(models: Any) -> None:
    path = models.frozen(models.function(lambda x: x + 1, models.spec([None, 4])))
    code = f"from tfrc.compiler.frontend import load; load({str(path)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("recurrent", [False, True])
def test_training_signatures_step_as_keras_does(models: Any, recurrent: bool) -> None:
    """Three steps of a saved training function change the variables as the live one does."""
    tf, keras = models.tf, models.keras
    shape = (4, 3) if recurrent else (3,)
    first = keras.layers.LSTM(4) if recurrent else keras.layers.Dense(4, activation="tanh")
    net = models.randomize(keras.Sequential([keras.Input(shape), first, keras.layers.Dense(1)]))
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(net.trainable_variables)

    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((net(x, training=True) - y) ** 2)
        optimizer.apply(tape.gradient(loss, net.trainable_variables), net.trainable_variables)
        return {"loss": loss}

    holder = tf.Module()
    holder.net, holder.optimizer = net, optimizer
    train = models.function(step, models.spec([None, *shape]), models.spec([None, 1], name="y"))
    call = models.function(lambda x: {"y": net(x, training=False)}, models.spec([None, *shape]))
    imported = load(save(models, holder, train=train, call=call))
    imported.module.verify()
    x, y = models.random(5, *shape), models.random(5, 1)
    for _ in range(3):
        loss = imported.runner("train", {"x": x, "y": y})["loss"]
        models.close(loss, train(x, y)["loss"])
    models.close(imported.runner("call", {"x": x})["y"], call(x)["y"])
