"""From Keras models to crates: `cargo test` of each crate compares it with TensorFlow.

A crate's own test runs it on the features that TensorFlow computed at compile time, for the batch
sizes of the recording and below, within 1e-5 of the largest magnitude of each output.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from applications import FAMILIES, SIZES
from crates import needs_cargo, succeed

import tfrc

pytestmark = [
    needs_cargo,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # in Keras
]


def check(model: Any, crate: Path, **options: Any) -> None:
    """Compile `model` and let its crate compare itself with TensorFlow."""
    tfrc.compile(model, crate, runtime="path", **options)
    assert "1 passed" in succeed(crate, "test", "--quiet", "--release", "--test", "predictions")


def mlp(k: Any) -> Any:
    """Dense layers with an activation of each kind."""
    layers = k.layers
    x = inputs = k.Input((20,), name="features")
    for activation in ("relu", "tanh", "sigmoid", "elu", "selu", "softplus", "gelu", "silu"):
        x = layers.Dense(17, activation=activation)(x)
    return k.Model(inputs, layers.Dense(5, activation="softmax")(x))


def convolutions(k: Any) -> Any:
    """Strided, dilated, grouped, depthwise and separable convolutions with batch norms."""
    layers = k.layers
    x = inputs = k.Input((21, 18, 3), name="image")
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(max_value=6.0)(x)
    x = layers.ZeroPadding2D(((0, 1), (1, 2)))(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2)(x)
    x = layers.Conv2D(24, 3, padding="same", dilation_rate=2, activation="relu")(x)
    y = layers.Conv2D(24, 3, padding="same", groups=4)(x)
    y = layers.LeakyReLU()(layers.BatchNormalization()(y))
    x = layers.Add()([x, y])
    x = layers.SeparableConv2D(20, 3, padding="same", activation="hard_sigmoid")(x)
    x = layers.Concatenate()([layers.MaxPooling2D(2)(x), layers.AveragePooling2D(2)(x)])
    return k.Model(inputs, layers.Dense(7)(layers.GlobalAveragePooling2D()(x)))


def squeeze_and_excite(k: Any) -> Any:
    """What MobileNetV3 and EfficientNet are made of."""
    layers = k.layers
    x = inputs = k.Input((16, 16, 8), name="image")
    x = layers.Conv2D(16, 1, use_bias=False)(x)
    x = layers.Activation("silu")(layers.BatchNormalization()(x))
    s = layers.GlobalAveragePooling2D(keepdims=True)(x)
    s = layers.Conv2D(4, 1, activation="relu")(s)
    s = layers.Conv2D(16, 1, activation="hard_sigmoid")(s)
    x = layers.Multiply()([x, s])
    x = layers.Conv2D(8, 1, use_bias=False)(x)
    x = layers.Add()([inputs, layers.BatchNormalization()(x)])
    return k.Model(inputs, x)


def cell_of_pools(k: Any) -> Any:
    """What NASNet is made of: pools and convolutions of what is padded or cropped, side by side."""
    layers = k.layers
    x = inputs = k.Input((19, 15, 3), name="image")
    x = layers.Conv2D(12, 3, use_bias=False)(x)
    padded = layers.ZeroPadding2D(((0, 1), (1, 1)))(layers.BatchNormalization()(x))
    y = layers.MaxPooling2D(3, strides=2)(padded)
    z = layers.AveragePooling2D(3, strides=2)(padded)
    behind = layers.Cropping2D(((1, 0), (1, 0)))(layers.ZeroPadding2D(((0, 1), (0, 2)))(x))
    skipped = layers.AveragePooling2D(1, strides=2)(behind)
    p = layers.Conv2D(12, 1)(layers.Cropping2D(((0, 1), (0, 0)))(skipped))
    q = layers.Add()([layers.AveragePooling2D(3, strides=1, padding="same")(y), p])
    r = layers.MaxPooling2D(3, strides=1, padding="same")(z)
    return k.Model(inputs, layers.Concatenate()([p, q, r, layers.Conv2D(5, 3, padding="same")(z)]))


def classifier_of_sequences(k: Any) -> Any:
    """Tokens and numbers in, one probability out: embeddings and gated 1-D convolutions."""
    layers = k.layers
    tokens = k.Input((50,), dtype="int64", name="tokens")
    numbers = k.Input((9,), name="numbers")
    x = layers.Embedding(31, 12)(tokens)
    x = layers.Conv1D(16, 5, padding="same", activation="relu")(x)
    x = layers.MaxPooling1D(2)(x)
    gate = layers.Conv1D(16, 3, padding="same", activation="sigmoid")(x)
    x = layers.Multiply()([layers.Conv1D(16, 3, padding="same", dilation_rate=2)(x), gate])
    x = layers.Concatenate()([layers.GlobalMaxPooling1D()(x), layers.Dense(8)(numbers)])
    x = layers.BatchNormalization()(x)
    return k.Model([tokens, numbers], layers.Dense(1, activation="sigmoid")(x))


def transformer_block(k: Any) -> Any:
    """Layer norms, a dense layer over the last axis, softmax over attention scores."""
    layers = k.layers
    x = inputs = k.Input((10, 16), name="sequence")
    x = layers.LayerNormalization()(x)
    q, v = layers.Dense(16)(x), layers.Dense(16)(x)
    a = layers.Softmax()(layers.Dot(axes=(2, 2))([q, x]))
    x = layers.Add()([x, layers.Dot(axes=(2, 1))([a, v])])
    x = layers.Dense(32, activation="gelu")(layers.LayerNormalization()(x))
    return k.Model(inputs, [layers.Dense(4)(x), layers.GlobalAveragePooling1D()(x)])


def wide_dense(k: Any) -> Any:
    """A product of so many rows and columns that a processor with AMX computes it there."""
    inputs = k.Input((200, 128))
    return k.Model(inputs, k.layers.Dense(256, activation="gelu")(inputs))


def large_images(k: Any) -> Any:
    """Tensors so large that a batch runs one example at a time; two inputs, two outputs."""
    layers = k.layers
    image, numbers = k.Input((384, 384, 3), name="image"), k.Input((5,), name="numbers")
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(image)
    x = layers.MaxPooling2D(8)(layers.Conv2D(16, 1)(x))
    y = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), numbers])
    return k.Model([image, numbers], [layers.Dense(3)(y), layers.Conv2D(2, 3)(x)])


def inverted_residuals(k: Any) -> Any:
    """Layers between wide images, which run in bands: with a residual, a concat, strides."""
    layers = k.layers
    x = inputs = k.Input((70, 66, 6), name="image")
    y = layers.Conv2D(64, 1, activation="silu")(x)
    y = layers.BatchNormalization()(layers.DepthwiseConv2D(5, padding="same")(y))
    x = layers.Add()([x, layers.Conv2D(6, 1)(layers.ReLU(6.0)(y))])
    y = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=11)(x)
    x = layers.Concatenate()([x, layers.Conv2D(10, 1, activation="relu")(y)])
    x = layers.Conv2D(72, (5, 3), padding="same", activation="relu")(x)
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", activation="hard_sigmoid")(x)
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Multiply()([x, layers.Conv2D(72, 1, activation="sigmoid")(squeezed)])
    return k.Model(inputs, layers.Conv2D(9, 1)(x))


MODELS: tuple[Callable[[Any], Any], ...] = (
    mlp,
    convolutions,
    squeeze_and_excite,
    cell_of_pools,
    classifier_of_sequences,
    transformer_block,
    wide_dense,
    large_images,
    inverted_residuals,
)


def random_model(make: Callable[[Any], Any]) -> Any:
    """The model of Keras 3 with a random value in every variable."""
    import keras
    from random_weights import randomize

    keras.utils.set_random_seed(0)
    model = make(keras)
    randomize(model)
    return model


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("level", [0, 2])
def test_a_crate_agrees_with_tensorflow(
    make: Callable[[Any], Any], level: int, tmp_path: Path
) -> None:
    crate = tmp_path / f"{make.__name__}_o{level}"
    check(random_model(make), crate, level=level)
    if make is large_images and level == 2:
        assert "(n - first).min(1)" in (crate / "src/lib.rs").read_text()
        succeed(crate, "clippy", "--all-targets", "--", "-D", "warnings")
        succeed(crate, "fmt", "--check")
    if make is inverted_residuals and level == 2:
        source = (crate / "src/model.rs").read_text()
        assert "RowBands<3>" in source
        assert source.count("RowBands<2>") == 2
        assert source.count(".mean()") == 1
        assert "Reduction::Mean" not in source
        assert re.search(r"Stage::Conv2d\([^;]*\.columns\(6, 16\)", source)


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_every_pass_keeps_the_numbers(make: Callable[[Any], Any]) -> None:
    tfrc.compile(random_model(make), emit="rt-ir", verify_each=True)


@pytest.mark.parametrize(
    "flags",
    [
        {"inplace": False, "memdrop": False},
        {"weights": "file"},
    ],
    ids=["no_reuse", "weight_file"],
)
def test_a_crate_agrees_with_other_flags(flags: dict[str, Any], tmp_path: Path) -> None:
    check(random_model(squeeze_and_excite), tmp_path / "flags", **flags)


@pytest.mark.slow
def test_a_crate_is_clean_and_self_contained(tmp_path: Path) -> None:
    crate = tmp_path / "clean"
    tfrc.compile(random_model(squeeze_and_excite), crate)
    moved = tmp_path / "elsewhere"
    crate.rename(moved)
    succeed(moved, "fmt", "--check")
    succeed(moved, "clippy", "--all-targets", "--", "-D", "warnings")
    succeed(moved, "test", "--release")


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    model = random_model(convolutions)
    crates = [tmp_path / "first" / "crate", tmp_path / "second" / "crate"]
    for crate in crates:
        crate.parent.mkdir()
        tfrc.compile(model, crate, runtime="path")
    first, second = (
        {path.relative_to(crate): path.read_bytes() for path in crate.rglob("*") if path.is_file()}
        for crate in crates
    )
    assert first == second


def save_graph(model: Any, path: Path) -> Path:
    from freeze import freeze

    freeze(model, path.with_suffix(".pb"))
    return path.with_suffix(".pb")


def save_keras(model: Any, path: Path) -> Path:
    model.save(path.with_suffix(".keras"))
    return path.with_suffix(".keras")


def save_folder(model: Any, path: Path) -> Path:
    model.export(str(path), verbose=False)
    return path


ALLOCATIONS = """
//! A run allocates nothing, on any thread. There is no harness, as that allocates on its own one.

use std::alloc::System;
use std::time::Duration;

use stats_alloc::{{INSTRUMENTED_SYSTEM, Region, StatsAlloc}};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {{
    for threads in [1, 2] {{
        let mut session = {crate}::Model::new().session(3).with_threads(threads);
        if threads > 1 {{
            // What the system needs to start a thread.
            std::thread::sleep(Duration::from_millis(200));
        }}
        for n in [3, 1, 3, 1, 3, 1] {{
            let ({arguments}) = ({arrays});
            let region = Region::new(ALLOCATOR);
            session.predict({references}).unwrap();
            {vector}
            let change = region.change();
            let count = change.allocations + change.reallocations;
            assert_eq!(count, 0, "{{n}} examples on {{threads}} threads");
            println!("counted");
        }}
    }}
}}
"""


@pytest.mark.parametrize(
    ("make", "arrays", "vector"),
    [
        (convolutions, "vec![0.5; n * 21 * 18 * 3],", ""),
        (
            classifier_of_sequences,
            "vec![7; n * 50], vec![0.5; n * 9]",
            "session.predict_features(&[7.0; 59]).unwrap();",
        ),
        (transformer_block, "vec![0.5; n * 10 * 16],", ""),
        (wide_dense, "vec![0.5; n * 200 * 128],", ""),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_run_allocates_nothing(
    make: Callable[[Any], Any], arrays: str, vector: str, tmp_path: Path
) -> None:
    crate = tmp_path / f"{make.__name__}_counted"
    tfrc.compile(random_model(make), crate, runtime="path")
    names = ["x", "y"][: arrays.strip(",").count("vec!")]
    test = ALLOCATIONS.format(
        crate=crate.name,
        arguments="".join(f"{name}, " for name in names),
        arrays=arrays,
        references=", ".join(f"&{name}" for name in names),
        vector=vector,
    )
    (crate / "tests/allocations.rs").write_text(test)
    manifest = crate / "Cargo.toml"
    section = "[dev-dependencies]\n"
    assert section in manifest.read_text()
    counter = f'{section}stats_alloc = "=0.1.10"\n'
    target = '\n[[test]]\nname = "allocations"\nharness = false\n'
    manifest.write_text(manifest.read_text().replace(section, counter) + target)
    output = succeed(crate, "test", "--quiet", "--release", "--test", "allocations")
    assert output.count("counted\n") == 2 * 6


@pytest.mark.parametrize("save", [save_graph, save_keras, save_folder], ids=lambda f: f.__name__)
def test_every_format_gives_the_same_kernels(
    save: Callable[[Any, Path], Path], tmp_path: Path
) -> None:
    model = random_model(convolutions)

    def kernels(source: Any) -> list[str]:
        signatures = ["serving_default"]
        text = tfrc.compile(source, emit="rt-ir", signatures=signatures, verify_each=True).text
        assert text is not None
        return [line.split("(")[0].split()[1] for line in text.splitlines() if "rt.call" in line]

    assert kernels(save(model, tmp_path / "model")) == kernels(model)


@pytest.mark.slow
@pytest.mark.parametrize("network", FAMILIES)
def test_a_network_of_each_family_agrees(network: str, tmp_path: Path) -> None:
    from applications import build

    build(network, tmp_path / "model.pb")
    assert network in SIZES
    check(tmp_path / "model.pb", tmp_path / network.lower())


@pytest.mark.slow
def test_mobilenet_of_full_size_agrees(tmp_path: Path) -> None:
    import keras
    from freeze import freeze
    from random_weights import randomize

    applications: Any = keras.applications  # Keras has no types for its constructors
    model = applications.MobileNetV3Large(weights=None)
    assert model.input_shape == (None, None, None, 3)
    randomize(model)
    freeze(model, tmp_path / "model.pb")
    check(tmp_path / "model.pb", tmp_path / "mobilenet", input_shapes={"x": (1, 224, 224, 3)})
