"""Small Keras models, one for each layer and argument: what tests/layers compares with TensorFlow.

A family is a function of `k`, which is `keras` or `tf_keras`: it yields cases. Both packages have
nearly the same layers; where a meaning differs, the case says which it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any


@dataclass(frozen=True)
class Spec:
    """An input without its batch: normal numbers, or indices below `below`.

    `edges` puts infinities, NaN, zeros of both signs and ±100 among the numbers.
    """

    shape: tuple[int, ...]
    below: int | None = None
    dtype: str = "float32"
    edges: bool = False


@dataclass(frozen=True)
class Case:
    """A model: its inputs, and what is made of them."""

    name: str
    inputs: tuple[Spec, ...]
    build: Callable[..., Any]


Family = Callable[[Any], Iterator[Case]]
FAMILIES: dict[str, Family] = {}


def family(make: Family) -> Family:
    """Register a family under its name."""
    FAMILIES[make.__name__] = make
    return make


def grid(**choices: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    """Every combination of arguments."""
    for values in product(*choices.values()):
        yield dict(zip(choices, values, strict=True))


def spelled(arguments: dict[str, Any]) -> str:
    """Arguments as part of a case's name."""
    return " ".join(f"{name}={value}" for name, value in arguments.items())


def case(name: str, shape: tuple[int, ...], build: Callable[..., Any]) -> Case:
    """A case with one input of numbers."""
    return Case(name, (Spec(shape),), build)


def floats(*shapes: tuple[int, ...]) -> tuple[Spec, ...]:
    """Inputs of numbers."""
    return tuple(Spec(shape) for shape in shapes)


SHAPES = ((5,), (4, 3), (3, 2, 4))
"""An example of rank 1, 2 and 3."""


@family
def merging(k: Any) -> Iterator[Case]:
    """Multiply, Add and so on, of equal shapes, of shapes that broadcast, of one tensor twice."""
    for kind in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"):
        layer = getattr(k.layers, kind)
        for shape in SHAPES:
            yield Case(f"{kind} {shape}", floats(shape, shape), lambda a, b, f=layer: f()([a, b]))
        wide = floats((4, 3), (1, 3))
        yield Case(f"{kind} broadcast", wide, lambda a, b, f=layer: f()([a, b]))
        yield case(f"{kind} of itself", (4,), lambda a, f=layer: f()([a, a]))
        if kind != "Subtract":
            three = floats((5,), (5,), (5,))
            yield Case(f"{kind} of three", three, lambda a, b, c, f=layer: f()([a, b, c]))


@family
def joining(k: Any) -> Iterator[Case]:
    """Concatenate along every axis, Dot over every pair."""
    layers = k.layers
    for shape in SHAPES:
        for axis in (*range(1, len(shape) + 1), -1):
            other = list(shape)
            other[axis if axis < 0 else axis - 1] += 2
            inputs = floats(shape, tuple(other), shape)
            yield Case(
                f"Concatenate {shape} {axis}",
                inputs,
                lambda *x, axis=axis: layers.Concatenate(axis=axis)(list(x)),
            )
    yield case("Concatenate of itself", (4, 3), lambda a: layers.Concatenate(axis=1)([a, a]))
    for normalize in (False, True):
        for shapes, axes in (
            (((5,), (5,)), 1),
            (((4, 3), (4, 3)), 2),
            (((4, 3), (3, 5)), (2, 1)),
            (((4, 3), (4, 5)), 1),
            (((4, 3), (3,)), (2, 1)),
        ):
            yield Case(
                f"Dot {shapes} {axes} {normalize}",
                floats(*shapes),
                lambda a, b, axes=axes, n=normalize: layers.Dot(axes, normalize=n)([a, b]),
            )


@family
def reshaping(k: Any) -> Iterator[Case]:
    """Reshape, Flatten, Permute, alone and one on the other."""
    layers = k.layers
    for shape, target in (
        ((12,), (3, 4)),
        ((3, 4), (-1,)),
        ((3, 4), (2, -1, 3)),
        ((2, 3, 2), (6, 2)),
    ):
        yield case(f"Reshape {shape} {target}", shape, layers.Reshape(target))
    for shape in SHAPES:
        yield case(f"Flatten {shape}", shape, layers.Flatten())
        first = layers.Flatten(data_format="channels_first")
        yield case(f"Flatten {shape} channels_first", shape, first)
    for shape, dims in (((4, 3), (2, 1)), ((2, 3, 4), (3, 1, 2)), ((2, 3, 4), (1, 3, 2))):
        yield case(f"Permute {dims}", shape, layers.Permute(dims))
    yield case(
        "a view of a view",
        (3, 4),
        lambda x: layers.Activation("relu")(layers.Reshape((2, 6))(layers.Flatten()(x))),
    )
    yield case(
        "views with two readers",
        (3, 4),
        lambda x: layers.Add()(
            [
                layers.Activation("tanh")(layers.Flatten()(layers.Activation("relu")(x))),
                layers.Flatten()(layers.Activation("relu")(layers.Activation("relu")(x))),
            ]
        ),
    )


@family
def conv1d(k: Any) -> Iterator[Case]:
    """Every combination of strides, dilation, groups, padding and bias that Keras allows."""
    for arguments in grid(
        kernel_size=(1, 3, 4),
        strides=(1, 2, 3),
        dilation_rate=(1, 2),
        groups=(1, 2),
        padding=("valid", "same", "causal"),
        use_bias=(True, False),
    ):
        if arguments["strides"] > 1 and arguments["dilation_rate"] > 1:
            continue
        layer = k.layers.Conv1D(6, **arguments)
        yield case(f"Conv1D {spelled(arguments)}", (11, 4), layer)
    for activation in ("relu", "tanh", "sigmoid", "softmax", "selu"):
        layer = k.layers.Conv1D(5, 3, activation=activation)
        yield case(f"Conv1D {activation}", (9, 3), layer)
    wide = k.layers.Conv1D(33, 5, padding="same")
    yield case("Conv1D of many channels", (40, 17), wide)


@family
def conv2d(k: Any) -> Iterator[Case]:
    """Conv2D, DepthwiseConv2D and SeparableConv1D, as classifiers have them."""
    layers = k.layers
    for arguments in grid(
        strides=(1, 2), dilation_rate=(1, 2), groups=(1, 2), padding=("valid", "same")
    ):
        if arguments["strides"] > 1 and arguments["dilation_rate"] > 1:
            continue
        layer = layers.Conv2D(6, (3, 2), **arguments)
        yield case(f"Conv2D {spelled(arguments)}", (9, 8, 4), layer)
    yield case("DepthwiseConv2D", (7, 6, 3), layers.DepthwiseConv2D(3, padding="same"))
    yield case("SeparableConv1D", (9, 4), layers.SeparableConv1D(5, 3, padding="same"))


@family
def embedding(k: Any) -> Iterator[Case]:
    """Embedding of inputs of any rank and type."""
    layers = k.layers
    for shape, dtype, mask_zero in product(
        ((), (6,), (3, 4)), ("int32", "int64", "float32"), (0, 1)
    ):
        if shape == () and dtype != "int32":
            continue
        inputs = (Spec(shape or (1,), below=9, dtype=dtype),)
        layer = layers.Embedding(9, 5, mask_zero=bool(mask_zero))
        yield Case(f"Embedding {shape} {dtype} mask_zero={mask_zero}", inputs, layer)
    tokens = (Spec((6,), below=9, dtype="int64"),)
    table = layers.Embedding(9, 4)
    yield Case(
        "Embedding shared",
        tokens * 2,
        lambda a, b: layers.Concatenate()([table(a), table(b)]),
    )
    one_row = (Spec((6,), below=1, dtype="int32"),)
    yield Case("Embedding of one row", one_row, layers.Embedding(1, 3))


@family
def masks(k: Any) -> Iterator[Case]:
    """Masks of Embedding and Masking, through layers that keep them, into those that use them."""
    layers = k.layers
    tokens = (Spec((6,), below=3, dtype="int32"),)

    def masked(x: Any) -> Any:
        return layers.Embedding(3, 4, mask_zero=True)(x)

    average = layers.GlobalAveragePooling1D
    yield Case("mask average", tokens, lambda x: average()(masked(x)))
    yield Case("mask average keepdims", tokens, lambda x: average(keepdims=True)(masked(x)))
    yield Case("mask maximum", tokens, lambda x: layers.GlobalMaxPooling1D()(masked(x)))
    yield Case("mask dense", tokens, lambda x: average()(layers.Dense(5)(masked(x))))
    yield Case("mask dropout", tokens, lambda x: average()(layers.Dropout(0.5)(masked(x))))
    yield Case("mask activation", tokens, lambda x: average()(layers.Activation("relu")(masked(x))))
    yield Case(
        "mask concatenate",
        tokens * 2,
        lambda a, b: average()(layers.Concatenate(axis=1)([masked(a), masked(b)])),
    )
    yield Case("mask add", tokens * 2, lambda a, b: average()(layers.Add()([masked(a), masked(b)])))
    yield Case(
        "mask batch norm", tokens, lambda x: average()(layers.BatchNormalization()(masked(x)))
    )
    yield case(
        "Masking",
        (5, 3),
        lambda x: average()(layers.Masking(0.0)(layers.ReLU(threshold=1.0)(x))),
    )


ACTIVATIONS = (
    "linear relu selu elu sigmoid hard_sigmoid softmax softplus softsign tanh swish gelu "
    "exponential"
).split()


@family
def dense(k: Any) -> Iterator[Case]:
    """Dense of every rank, with every activation, with and without bias."""
    layers = k.layers
    for shape, units, use_bias in product(SHAPES, (1, 7), (True, False)):
        layer = layers.Dense(units, use_bias=use_bias)
        yield case(f"Dense {shape} {units} use_bias={use_bias}", shape, layer)
    for activation in ACTIVATIONS:
        yield case(f"Dense {activation}", (9,), layers.Dense(5, activation=activation))
    yield case("Dense wide", (40,), layers.Dense(50, activation="relu"))
    yield case("Dense binary", (20,), layers.Dense(1, activation="sigmoid"))


@family
def pooling(k: Any) -> Iterator[Case]:
    """Pools of windows and of everything."""
    layers = k.layers
    for arguments in grid(pool_size=(1, 2, 3), strides=(None, 1, 2, 3), padding=("valid", "same")):
        for kind in ("MaxPooling1D", "AveragePooling1D"):
            layer = getattr(layers, kind)(**arguments)
            yield case(f"{kind} {spelled(arguments)}", (10, 3), layer)
    for arguments in grid(
        pool_size=(2, (3, 2)), strides=(None, 1, (2, 3)), padding=("valid", "same")
    ):
        for kind in ("MaxPooling2D", "AveragePooling2D"):
            layer = getattr(layers, kind)(**arguments)
            yield case(f"{kind} {spelled(arguments)}", (7, 8, 3), layer)
    for kind, shape in (("1D", (5, 3)), ("2D", (4, 5, 3))):
        for what, keepdims, order in product(
            ("Average", "Max"), (False, True), ("channels_last", "channels_first")
        ):
            layer = getattr(layers, f"Global{what}Pooling{kind}")(
                keepdims=keepdims, data_format=order
            )
            yield case(f"Global{what}Pooling{kind} keepdims={keepdims} {order}", shape, layer)


@family
def batch_normalization(k: Any) -> Iterator[Case]:
    """BatchNormalization over any axis; with two readers; after and before other layers."""
    layers = k.layers
    for shape in SHAPES:
        for axis in (*range(1, len(shape) + 1), -1):
            for center, scale in product((True, False), repeat=2):
                layer = layers.BatchNormalization(
                    axis=axis, center=center, scale=scale, epsilon=0.01
                )
                yield case(f"BatchNormalization {shape} {axis} {center} {scale}", shape, layer)

    def two_readers(x: Any) -> Any:
        y = layers.BatchNormalization()(layers.Dense(5)(x))
        return layers.Add()([layers.Activation("relu")(y), layers.Dense(5)(y)])

    yield case("BatchNormalization with two readers", (4,), two_readers)
    for padding in ("same", "valid", "causal"):
        yield case(
            f"BatchNormalization around Conv1D {padding}",
            (8, 3),
            lambda x, padding=padding: layers.BatchNormalization()(
                layers.Conv1D(4, 3, padding=padding)(layers.BatchNormalization()(x))
            ),
        )


@family
def operators(k: Any) -> Iterator[Case]:
    """Layers that operators and functions make: `a + b`, a mean over axes."""
    import tensorflow as tf

    pair = floats((4, 3), (4, 3))
    mean = k.ops.mean if hasattr(k, "ops") else tf.reduce_mean
    for name, operator in {
        "a + b": lambda a, b: a + b,
        "a - b": lambda a, b: a - b,
        "a * b": lambda a, b: a * b,
        "a / b": lambda a, b: a / (b * b + 1.0),
        "1 - a * 2": lambda a, b: 1.0 - a * 2.0 + b,
        "-a": lambda a, b: -a + b,
        "a ** 2": lambda a, b: a**2 + b,
    }.items():
        yield Case(f"operator {name}", pair, operator)
    for axis, keepdims in product((1, 2, -1, (1, 2), (2, 3)), (False, True)):
        yield case(
            f"mean {axis} keepdims={keepdims}",
            (3, 4, 2),
            lambda x, a=axis, d=keepdims: mean(x, axis=a, keepdims=d),
        )


@family
def dropping(k: Any) -> Iterator[Case]:
    """What does something in training only."""
    layers = k.layers
    makers = {
        "Dropout": lambda: layers.Dropout(0.5),
        "SpatialDropout1D": lambda: layers.SpatialDropout1D(0.5),
        "GaussianNoise": lambda: layers.GaussianNoise(0.3),
        "GaussianDropout": lambda: layers.GaussianDropout(0.3),
        "AlphaDropout": lambda: layers.AlphaDropout(0.3),
        "ActivityRegularization": lambda: layers.ActivityRegularization(0.1),
    }
    for name, make in makers.items():
        yield case(name, (4, 3), make())
        yield case(
            f"{name} between", (4, 3), lambda x, f=make: layers.Dense(2)(f()(layers.Dense(3)(x)))
        )


@family
def activations(k: Any) -> Iterator[Case]:
    """Activations at the edges: infinities, NaN, ±0, ±100."""
    layers = k.layers
    old = k.__name__ == "tf_keras"
    edges = (Spec((30,), edges=True),)
    makers: dict[str, Callable[[], Any]] = {
        f"Activation {name}": lambda name=name: layers.Activation(name)
        for name in ACTIVATIONS
        if name != "softmax"
    }
    slope = "alpha" if old else "negative_slope"
    for alpha in (0.0, 0.3):
        makers[f"LeakyReLU {alpha}"] = lambda a=alpha: layers.LeakyReLU(**{slope: a})
        makers[f"ELU {alpha}"] = lambda a=alpha: layers.ELU(alpha=a)
    for arguments in grid(
        max_value=(None, 1.5, 6.0), negative_slope=(0.0, 0.2), threshold=(0.0, 0.7)
    ):
        makers[f"ReLU {spelled(arguments)}"] = lambda a=arguments: layers.ReLU(**a)
    if old:
        for theta in (0.0, 1.0):
            makers[f"ThresholdedReLU {theta}"] = lambda t=theta: layers.ThresholdedReLU(t)
    for name, make in makers.items():
        yield Case(name, edges, make())
    for axes in (None, (1,), (1, 2)):
        yield case(f"PReLU {axes}", (4, 3), layers.PReLU(shared_axes=axes))
    for shape, axis in (((5,), -1), ((4, 3), 1), ((4, 3), 2), ((3, 2, 4), 1), ((3, 2, 4), (1, 3))):
        yield case(f"Softmax {shape} {axis}", shape, layers.Softmax(axis=axis))
        yield Case(
            f"Softmax {shape} {axis} of what a mask leaves",
            (Spec(shape), Spec(shape, below=2, dtype="bool")),
            lambda x, mask, axis=axis: layers.Softmax(axis=axis)(x, mask),
        )
    for approximate in (False, True):
        yield Case(
            f"gelu approximate={approximate}",
            edges,
            lambda x, a=approximate: k.activations.gelu(x, approximate=a),
        )
    yield Case("Activation softmax", (Spec((4,)),), layers.Activation("softmax"))


@family
def structures(k: Any) -> Iterator[Case]:
    """Shared layers, nested models, several outputs, and names of any characters."""
    layers = k.layers
    dense = layers.Dense(4, activation="tanh", name="shared")
    yield case("shared twice in a row", (4,), lambda x: dense(dense(x)))
    both = layers.Dense(3, name="both")
    yield Case(
        "shared by two inputs", floats((4,), (4,)), lambda a, b: layers.Add()([both(a), both(b)])
    )
    inner_input = k.Input((4,))
    inner = k.Model(inner_input, layers.Dense(3, activation="relu")(layers.Dense(5)(inner_input)))
    yield case("a model in a model", (4,), lambda x: layers.Dense(2)(inner(x)))
    yield Case(
        "a model used twice",
        floats((4,), (4,)),
        lambda a, b: layers.Concatenate()([inner(a), inner(b)]),
    )
    stack = k.Sequential([layers.Dense(5, activation="relu"), layers.Dropout(0.5), layers.Dense(2)])
    yield case("a Sequential in a model", (4,), lambda x: layers.Activation("softmax")(stack(x)))

    def several(x: Any) -> list[Any]:
        y = layers.Dense(4)(x)
        z = layers.Activation("relu")(y)
        return [y, z, layers.Dense(1, activation="sigmoid")(z)]

    yield case("outputs that are read as well", (4,), several)

    def last_in_place(x: Any) -> list[Any]:
        y = layers.Dense(4)(x)
        return [layers.Activation("relu")(y), layers.Activation("tanh")(y), layers.Flatten()(y)]

    yield case("three readers, all outputs", (4,), last_in_place)
    yield case("an input that is an output", (4,), lambda x: [x, layers.Activation("relu")(x)])
    yield case("an output twice", (4,), lambda x: [layers.Dense(3)(x)] * 2)
    yield case("activations of the input", (4,), lambda x: layers.Activation("relu")(x))
    names = ("a-b", "1st", "fn", "self", "x.y", "x" * 60)
    if k.__name__ == "keras":  # Keras 2 takes names of scopes only
        names = (*names, "Größe", "a b: c", "_", "'quoted'")

    def odd(x: Any) -> Any:
        for name in names:
            x = layers.Dense(3, activation="relu", name=name)(x)
        return x

    yield case("names", (4,), odd)

    def gated(x: Any) -> Any:
        gate = layers.Conv1D(8, 3, padding="same", activation="sigmoid")(x)
        x = layers.Multiply()([layers.Conv1D(8, 3, padding="same")(x), gate])
        x = layers.BatchNormalization()(layers.MaxPooling1D(2)(x))
        return layers.Dense(2, activation="softmax")(layers.Flatten()(x))

    yield case("gated convolution", (12, 5), gated)
