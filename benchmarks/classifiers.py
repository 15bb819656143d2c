"""Measure classifiers of the kind that CrowdStrike's tf2rust serves, beside TensorFlow.

    python benchmarks/classifiers.py WORK [--models wide] [--batches 1] [--rounds 3] [--built]

Time, memory, start, allocations and size of the program, for one example and for batches. Builds
the models in WORK that are not there, measures as run_peers.py does, adds to
results/classifiers.json, and writes results/classifiers.md and .svg.
"""

import json
from collections.abc import Callable, Iterator

import keras
import report
import run_peers
import zoo
from keras import layers

BATCHES = (1, 10, 32, 100, 1000)
"""One example, and batches: what `cargo bench` of a crate measures too."""

TENSORFLOW = ("tf_saved", "tf_frozen", "tf_xla")
"""Its eager call of a function, its session on the frozen graph, and XLA."""


def gated_bytes() -> keras.Model:
    """Raw bytes, embedded, through a gated convolution (Raff et al., "Malware detection by eating
    a whole EXE", 2018), with fewer bytes."""
    x = data = keras.Input((8192,), dtype="int32", name="bytes")
    x = layers.Embedding(257, 8)(x)
    gate = layers.Conv1D(128, 256, strides=256, activation="sigmoid")(x)
    x = layers.Multiply()([layers.Conv1D(128, 256, strides=256)(x), gate])
    x = layers.Dense(128, activation="relu")(layers.GlobalMaxPooling1D()(x))
    return keras.Model(data, layers.Dense(1, activation="sigmoid", name="score")(x))


def words_and_characters() -> keras.Model:
    """The mean of words that are there, a convolution of characters, and a dense head."""
    words = keras.Input((40,), dtype="int32", name="words")
    characters = keras.Input((200,), dtype="int64", name="characters")
    x = layers.Embedding(20000, 32, mask_zero=True)(words)
    x = layers.GlobalAveragePooling1D()(x)
    y = layers.Embedding(128, 16)(characters)
    y = layers.Conv1D(64, 5, padding="same", activation="relu")(y)
    y = layers.MaxPooling1D(2)(layers.BatchNormalization()(y))
    y = layers.Conv1D(64, 3, activation="relu")(y)
    z = layers.Concatenate()([x, layers.GlobalMaxPooling1D()(y)])
    z = layers.Dense(128, activation="selu")(z)
    z = layers.Dropout(0.3)(layers.BatchNormalization()(z))
    z = layers.Dense(64, activation="relu")(z)
    return keras.Model([words, characters], layers.Dense(2, activation="softmax", name="score")(z))


def wide() -> keras.Model:
    """Twenty inputs of numbers, each through a layer of its own, and dense layers."""
    inputs = [keras.Input((5 + 3 * i,), name=f"features_{i}") for i in range(20)]
    x = layers.Concatenate()([layers.Dense(32, activation="relu")(x) for x in inputs])
    x = layers.BatchNormalization()(x)
    for units in (512, 256, 64):
        x = layers.Dropout(0.2)(layers.Dense(units, activation="relu")(x))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="score")(x))


def hybrid() -> keras.Model:
    """Characters through three convolutions, words of characters through one, and a dense part."""
    characters = keras.Input((350,), dtype="int64", name="character_level")
    words = keras.Input((50, 15), dtype="int64", name="word_level")
    extra = keras.Input((50,), dtype="int64", name="extra_level")
    x = layers.Embedding(256, 64)(characters)
    x = layers.Conv1D(128, 5, padding="same", activation="relu")(x)
    x = layers.MaxPooling1D(2)(layers.BatchNormalization()(x))
    x = layers.BatchNormalization()(layers.Conv1D(128, 3, padding="same")(x))
    x = layers.MaxPooling1D(2)(layers.Dropout(0.2)(layers.Activation("relu")(x)))
    x = layers.Conv1D(256, 3, padding="same", activation="relu")(x)
    y = layers.Reshape((50, 240))(layers.Embedding(20000, 16)(words))
    y = layers.BatchNormalization()(layers.Conv1D(128, 3, activation="relu")(y))
    pool = layers.GlobalAveragePooling1D
    z = layers.Dense(128, activation="tanh")(layers.Flatten()(layers.Embedding(1000, 8)(extra)))
    z = layers.Concatenate()([pool()(x), pool()(y), z])
    z = layers.BatchNormalization()(layers.Dense(256, activation="selu")(z))
    z = layers.Dense(64, activation="relu")(z)
    score = layers.Dense(2, activation="softmax", name="score")(z)
    return keras.Model([characters, words, extra], score)


def characters() -> keras.Model:
    """Characters through two convolutions."""
    x = data = keras.Input((100,), dtype="int64", name="character_level")
    x = layers.Embedding(128, 32)(x)
    x = layers.Conv1D(64, 5, padding="same", activation="relu")(x)
    x = layers.MaxPooling1D(2)(layers.BatchNormalization()(x))
    x = layers.BatchNormalization()(layers.Conv1D(64, 3)(x))
    x = layers.Dropout(0.3)(layers.Activation("relu")(x))
    x = layers.Dense(32, activation="selu")(layers.GlobalAveragePooling1D()(x))
    return keras.Model(data, layers.Dense(2, activation="softmax", name="score")(x))


MODELS: dict[str, Callable[[], keras.Model]] = {
    f.__name__: f for f in (gated_bytes, words_and_characters, wide, hybrid, characters)
}


def claims(results: dict[str, object]) -> Iterator[str]:
    """By how much the best TensorFlow is slower, and what its memory falls from and to."""
    times, memory = report.medians(results, "median_ms"), report.medians(results, "rss_mib")
    yield "| model | best TensorFlow is slower by | peak memory, MiB |\n|---|---|---|"
    for line, row in times.items():
        rivals = {peer: row[peer] for peer in TENSORFLOW if peer in row}
        if rivals and report.OURS in row:
            best = min(rivals, key=rivals.__getitem__)
            slower = (rivals[best] / row[report.OURS] - 1) * 100
            before, after = memory[line][best], memory[line][report.OURS]
            yield f"| {line} | {slower:.0f} % | {before:.0f} → {after:.1f} |"


def crates(results: dict[str, object]) -> Iterator[str]:
    """The most allocations of a run, and the size of the program."""
    allocations = report.medians(results, "allocations")
    sizes = report.medians(results, "program_mib")
    yield "| model | allocations of a run | stripped program with its weights, MiB |\n|---|---|---|"
    for model in MODELS:
        lines = [line for line in allocations if line.startswith(f"{model}/")]
        if lines:
            most = max(allocations[line][report.OURS] for line in lines)
            yield f"| {model} | {most:.0f} | {sizes[lines[0]][report.OURS]:.1f} |"


def write() -> None:
    """Write the report."""
    results = json.loads((report.RESULTS / "classifiers.json").read_text())
    times = report.medians(results, "median_ms")
    title, command = "Classifiers beside TensorFlow", "make bench-classifiers"
    text = [
        *report.header(results, title, command),
        *report.markdown("Time of a run, ms", times, 3),
        "## In the measures of tf2rust",
        "",
        "Its own: the best TensorFlow is 27 to 74 % slower, memory falls from 310 to 65 MB. On",
        "`hybrid` it has a program of 4.4 MB, 39 allocations, and a first run of 7 to 10 ms.",
        "",
        *claims(results),
        "",
        *crates(results),
        "",
        *report.markdown("Peak resident memory, MiB", report.medians(results, "rss_mib"), 1),
        *report.markdown("Process start to first output, s", report.medians(results, "cold_s"), 4),
        *report.errors(results),
    ]
    (report.RESULTS / "classifiers.md").write_text("\n".join(text) + "\n")
    report.picture(times, report.RESULTS / "classifiers.svg")


def main() -> None:
    """Build, measure and report what the command line names."""
    options = run_peers.parser(
        __doc__,
        results=report.RESULTS / "classifiers.json",
        peers=",".join(("tfrc", *TENSORFLOW)),
        models=",".join(MODELS),
        batches=",".join(map(str, BATCHES)),
        threads="1",
    ).parse_args()
    for name in options.models.split(","):
        if not (options.work / name / "meta.json").exists():
            zoo.build(MODELS[name], options.work / name, BATCHES, converts=False)
    run_peers.run(options)
    write()


if __name__ == "__main__":
    main()
