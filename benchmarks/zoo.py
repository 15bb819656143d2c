"""Build the fixed zoo of models that every runtime is measured on.

    python benchmarks/zoo.py WORK [--models mlp,resnet50]

WORK/<model>/ receives `frozen_b{1,32}.pb` and `frozen.pb` (dynamic batch; placeholders carry the
signature's input names), `saved_model/`, `model_b{1,32}.tflite`, `model_b{1,32}.onnx`, `io.npz`
(`b{1,32}.in.NAME`, `b{1,32}.out.NAME`: inputs, and what eager TensorFlow makes of them) and
`meta.json`. Weights are random in every variable and well conditioned: batch-norm statistics are
calibrated on a random batch and then perturbed, and the classifier is scaled so that its softmax is
not flat. The same seed gives the same zoo.
"""

import argparse
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

SEED = 20240
BATCHES = (1, 32)
OPSET = 18


def mlp() -> keras.Model:
    """A multilayer perceptron on MNIST-sized vectors."""
    x = inp = keras.Input((784,), name="pixels")
    x = layers.Dense(512, activation="relu")(x)
    x = layers.Dense(512, activation="relu")(x)
    return keras.Model(inp, layers.Dense(10, activation="softmax", name="probs")(x))


def malware_conv1d() -> keras.Model:
    """Bytes and numeric features in, one probability out: gated 1-D convolutions."""
    seq = keras.Input((1000,), dtype="int64", name="bytes")
    num = keras.Input((256,), name="features")
    x = layers.Embedding(257, 16)(seq)
    x = layers.Conv1D(64, 9, activation="relu", padding="same")(x)
    x = layers.MaxPooling1D(4)(x)
    gate = layers.Conv1D(128, 5, activation="sigmoid", padding="same")(x)
    x = layers.Conv1D(128, 5, padding="same")(x)
    x = layers.Multiply()([x, gate])
    x = layers.MaxPooling1D(4)(x)
    x = layers.Conv1D(128, 3, padding="valid")(x)
    x = layers.BatchNormalization()(x)
    x = layers.LeakyReLU(negative_slope=0.1)(x)
    x = layers.GlobalAveragePooling1D()(x)
    y = layers.Dense(128)(num)
    y = layers.BatchNormalization()(y)
    y = layers.ReLU()(y)
    z = layers.Concatenate()([x, y])
    z = layers.Dense(128, activation="relu")(z)
    g = layers.Dense(128, activation="sigmoid")(z)
    h = layers.BatchNormalization()(layers.Multiply()([z, g]))
    z = layers.Add()([z, h])
    return keras.Model([seq, num], layers.Dense(1, activation="sigmoid", name="score")(z))


def mnist_cnn() -> keras.Model:
    """Two convolutions, a pool and two dense layers."""
    x = inp = keras.Input((28, 28, 1), name="image")
    x = layers.Conv2D(32, 3, activation="relu")(x)
    x = layers.Conv2D(64, 3, activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(128, activation="relu")(x)
    return keras.Model(inp, layers.Dense(10, activation="softmax", name="probs")(x))


def _application(constructor: Callable[..., keras.Model]) -> keras.Model:
    image = keras.Input((224, 224, 3), name="image")
    return constructor(weights=None, input_tensor=image, classes=1000)


def mobilenet_v3_large() -> keras.Model:
    """keras.applications.MobileNetV3Large at 224x224."""
    return _application(keras.applications.MobileNetV3Large)


def mobilenet_v2() -> keras.Model:
    """keras.applications.MobileNetV2 at 224x224."""
    return _application(keras.applications.MobileNetV2)


def resnet50() -> keras.Model:
    """keras.applications.ResNet50 at 224x224."""
    return _application(keras.applications.ResNet50)


def efficientnet_b0() -> keras.Model:
    """keras.applications.EfficientNetB0 at 224x224."""
    return _application(keras.applications.EfficientNetB0)


def lstm_classifier() -> keras.Model:
    """Tokens through an LSTM and a GRU."""
    spread = keras.initializers.RandomNormal(stddev=0.5)
    x = inp = keras.Input((100,), dtype="int32", name="tokens")
    x = layers.Embedding(10000, 64, embeddings_initializer=spread)(x)
    x = layers.LSTM(128, return_sequences=True)(x)
    x = layers.GRU(64)(x)
    return keras.Model(inp, layers.Dense(4, activation="softmax", name="probs")(x))


class PositionEmbedding(layers.Layer):
    """Adds a learned vector to each position of a sequence."""

    def build(self, shape: tuple[int, ...]) -> None:
        """Make the table for sequences of `shape`."""
        self.table = self.add_weight(shape=shape[1:], initializer="uniform", name="table")

    def call(self, x: Any) -> Any:
        """`x + table`."""
        return x + self.table


def transformer_encoder() -> keras.Model:
    """Four encoder blocks of width 256 on 128 tokens."""
    width, heads = 256, 4
    inp = keras.Input((128,), dtype="int32", name="tokens")
    x = layers.Embedding(8000, width)(inp)
    x = PositionEmbedding()(x)
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    for _ in range(4):
        a = layers.MultiHeadAttention(heads, width // heads)(x, x)
        x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, a]))
        f = layers.Dense(4 * width, activation="gelu")(x)
        f = layers.Dense(width)(f)
        x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, f]))
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.Dense(width, activation="tanh")(x)
    return keras.Model(inp, layers.Dense(8, activation="softmax", name="probs")(x))


MODELS: dict[str, Callable[[], keras.Model]] = {
    f.__name__: f
    for f in (
        mlp,
        malware_conv1d,
        mnist_cnn,
        mobilenet_v3_large,
        mobilenet_v2,
        efficientnet_b0,
        resnet50,
        transformer_encoder,
        lstm_classifier,
    )
}


def make_inputs(model: keras.Model, batch: int, rng: np.random.Generator) -> dict[str, Any]:
    """Integers from their vocabulary, images from 0..255, anything else from N(0, 1)."""
    tables = {
        layer.input.name: layer.input_dim
        for layer in model.layers
        if isinstance(layer, layers.Embedding)
    }
    feeds: dict[str, Any] = {}
    for tensor in model.inputs:
        shape = (batch, *tensor.shape[1:])
        if "int" in tensor.dtype:
            feeds[tensor.name] = rng.integers(0, tables[tensor.name], shape).astype(tensor.dtype)
        elif shape[1:] == (224, 224, 3):
            coarse = rng.uniform(0, 255, (batch, 28, 28, 3)).repeat(8, 1).repeat(8, 2)
            noisy = coarse + rng.normal(0, 20, shape)
            feeds[tensor.name] = np.clip(noisy, 0, 255).astype(np.float32)
        else:
            feeds[tensor.name] = rng.normal(0, 1, shape).astype(np.float32)
    return feeds


def _coarse(values: Any) -> Any:
    """Nine bits of mantissa, so that rounding in the calibration rarely shows."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 512) / 512, exponent).astype(np.float32)


def condition(model: keras.Model, rng: np.random.Generator) -> None:
    """Calibrate and perturb batch norms, give biases a size, scale the classifier."""
    if model.name in ("mobilenetv2_1.00_224", "resnet50"):
        # Nothing in these networks rescales the image: bring 0..255 to about unit size.
        first = next(layer for layer in model.layers if isinstance(layer, layers.Conv2D))
        first.kernel.assign(first.kernel / 64.0)
    leaves = [layer for layer in model._flatten_layers() if not isinstance(layer, keras.Model)]
    norms = [layer for layer in leaves if isinstance(layer, layers.BatchNormalization)]
    kept = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    if norms:
        model(make_inputs(model, 8, rng), training=True)
    for layer, momentum in zip(norms, kept, strict=True):
        layer.momentum = momentum
        mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
        mean = mean + np.sqrt(variance + 1e-3) * rng.normal(0, 0.1, mean.shape)
        layer.moving_mean.assign(_coarse(mean))
        spread = rng.uniform(0.8, 1.25, variance.shape)
        layer.moving_variance.assign(_coarse((variance + 1e-3) * spread))
        if layer.gamma is not None:
            layer.gamma.assign(rng.uniform(0.8, 1.2, mean.shape))
        if layer.beta is not None:
            layer.beta.assign(rng.normal(0, 0.1, mean.shape))
    for layer in leaves:
        bias = getattr(layer, "bias", None)
        if bias is not None and not isinstance(layer, layers.LSTM | layers.GRU):
            bias.assign(bias + rng.normal(0, 0.02, bias.shape))
    last = [layer for layer in model.layers if getattr(layer, "kernel", None) is not None][-1]
    kernel = last.kernel.numpy()
    probe = keras.Model(model.inputs, last.input)
    features = np.array(probe(make_inputs(model, 8, rng), training=False))
    logits = features.reshape(-1, features.shape[-1]) @ kernel.reshape(-1, kernel.shape[-1])
    last.kernel.assign(kernel * float(_coarse(np.float64(2.0 / max(logits.std(), 1e-3)))))


def concrete(model: keras.Model, batch: int | None) -> Any:
    """The model as a concrete function whose arguments carry the input names."""
    names = [tensor.name for tensor in model.inputs]
    specs = [tf.TensorSpec((batch, *t.shape[1:]), t.dtype, name=t.name) for t in model.inputs]

    def run(*tensors: Any) -> dict[str, Any]:
        feeds = dict(zip(names, tensors, strict=True))
        result = model(feeds if len(names) > 1 else tensors[0], training=False)
        return {model.layers[-1].name: result}

    return tf.function(run).get_concrete_function(*specs)


def flops(graph_def: Any) -> int:
    """FLOPs of the convolutions and matrix products outside loops (2 for each multiply-add)."""
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
    total = 0
    for op in graph.get_operations():
        shapes = [tensor.shape.as_list() for tensor in op.inputs if tensor.shape.rank]
        match op.type:
            case "Conv2D":
                total += 2 * int(np.prod(op.outputs[0].shape)) * int(np.prod(shapes[1][:3]))
            case "DepthwiseConv2dNative":
                total += 2 * int(np.prod(op.outputs[0].shape)) * int(np.prod(shapes[1][:2]))
            case "MatMul" | "BatchMatMulV2":
                depth = shapes[0][-2 if op.type != "MatMul" and op.get_attr("adj_x") else -1]
                total += 2 * int(np.prod(op.outputs[0].shape)) * depth
            case _:
                pass
    return total


def support_erfc() -> None:
    """Teach tf2onnx the Erfc of tf.nn.gelu: erfc(-x c) = 1 + erf(x c), which the runtimes fuse."""
    from tf2onnx import utils
    from tf2onnx.handler import tf_op

    @tf_op("Erfc")
    class Erfc:  # pyright: ignore[reportUnusedClass]
        @classmethod
        def version_9(cls, ctx: Any, node: Any, **_: Any) -> None:
            """Opset 9 has Erf."""
            scaled, shape = node.inputs[0], ctx.get_shape(node.output[0])
            negated = scaled.type == "Mul" and scaled.inputs[0].type == "Neg"
            source = node.input[0]
            if negated:
                operands = [scaled.inputs[0].input[0], scaled.input[1]]
                source = ctx.make_node("Mul", operands).output[0]
            one = ctx.make_const(utils.make_name("one"), np.array(1.0, np.float32)).output[0]
            erf = ctx.make_node("Erf", [source]).output[0]
            output = node.output[0]
            ctx.remove_node(node.name)
            kind, operands = ("Add", [erf, one]) if negated else ("Sub", [one, erf])
            ctx.make_node(kind, operands, outputs=[output], shapes=[shape], dtypes=[1])


def write_onnx(frozen: Any, path: Path) -> None:
    """Convert a frozen function with tf2onnx."""
    import tf2onnx
    from tf2onnx.tf_loader import tf_optimize

    support_erfc()
    inputs = [tensor.name for tensor in frozen.inputs]
    outputs = [tensor.name for tensor in frozen.outputs]
    graph_def = tf.compat.v1.GraphDef()
    graph_def.CopyFrom(frozen.graph.as_graph_def())
    with tf.Graph().as_default():
        optimized = tf_optimize(inputs, outputs, graph_def)
    proto, _ = tf2onnx.convert._convert_common(
        optimized,
        name=path.stem,
        opset=OPSET,
        input_names=inputs,
        output_names=outputs,
        output_path=None,
        tensors_to_rename={name: name.split(":")[0] for name in inputs},
    )
    path.write_bytes(proto.SerializeToString())


def build(
    make: Callable[[], keras.Model],
    folder: Path,
    batches: Sequence[int] = BATCHES,
    converts: bool = True,
) -> None:
    """Write one model into `folder`; `converts` says whether to TFLite and ONNX as well."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    model = make()
    condition(model, np.random.default_rng(SEED))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    meta: dict[str, Any] = {"flops": {}, "failed": {}, "parameters": model.count_params()}

    def attempt(what: str, action: Callable[[], object]) -> None:
        """Note a failed conversion in meta.json: the other formats still count."""
        try:
            action()
        except Exception as error:
            meta["failed"][what] = f"{type(error).__name__}: {error}"[:300]

    arrays: dict[str, Any] = {}
    for batch in batches:
        feeds = make_inputs(model, batch, np.random.default_rng(SEED + batch))
        result = model(feeds if len(feeds) > 1 else next(iter(feeds.values())), training=False)
        arrays |= {f"b{batch}.in.{key}": value for key, value in feeds.items()}
        arrays[f"b{batch}.out.{model.layers[-1].name}"] = np.array(result)
    np.savez(folder / "io.npz", **arrays)
    attempt("saved_model", lambda: model.export(str(folder / "saved_model"), verbose=False))
    for batch in (None, *batches):
        function = concrete(model, batch)
        frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
        graph_def = frozen.graph.as_graph_def()
        suffix = "" if batch is None else f"_b{batch}"
        (folder / f"frozen{suffix}.pb").write_bytes(graph_def.SerializeToString())
        if batch is None:
            continue
        meta[f"frozen_b{batch}"] = {
            "inputs": [tensor.name for tensor in frozen.inputs],
            "outputs": [tensor.name for tensor in frozen.outputs],
        }
        meta["flops"][str(batch)] = flops(graph_def)
        if not converts:
            continue
        # Naming the Keras model here too would leave its weights as runtime variables.
        lite = tf.lite.TFLiteConverter.from_concrete_functions([function])
        path = folder / f"model_b{batch}.tflite"
        attempt(f"tflite b{batch}", lambda c=lite, p=path: p.write_bytes(c.convert()))
        onnx = folder / f"model_b{batch}.onnx"
        attempt(f"onnx b{batch}", lambda f=frozen, p=onnx: write_onnx(f, p))
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))


def main() -> None:
    """Build the models that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--models", default=",".join(MODELS), help="comma-separated names")
    options = parser.parse_args()
    for name in options.models.split(","):
        began = time.monotonic()
        build(MODELS[name], options.work / name)
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
