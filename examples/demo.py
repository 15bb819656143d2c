"""What `make demo` shows: two models from frozen graphs to Rust programs, beside TensorFlow.

    python examples/demo.py

Everything that it makes goes to build/demo.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tfrc.compiler.frontend.tensorflow import tensorflow

HERE = Path(__file__).parent
WORK = HERE.parent / "build" / "demo"
TFRC = Path(sys.executable).parent / "tfrc"


def run(*command: object) -> str:
    """Run a command that is shown as a person would type it; its standard output."""
    words = [os.path.relpath(word) if isinstance(word, Path) else str(word) for word in command]
    print("$", " ".join([Path(words[0]).name, *words[1:]]), flush=True)
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{words[0]} ended with code {done.returncode}")
    return done.stdout


def compile_model(graph: Path, crate: Path, *options: str) -> None:
    """`tfrc compile`, on the tf-layers of this checkout."""
    print(
        run(TFRC, "compile", graph, "-o", crate, "--force", "--runtime", "path", *options), end=""
    )


def tensorflow_outputs(graph: Path, x: Any) -> Any:
    """What TensorFlow computes for `Identity` of a frozen graph."""
    tf = tensorflow()
    graph_def = tf.compat.v1.GraphDef()
    graph_def.ParseFromString(graph.read_bytes())
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(graph_def, name="")
    with tf.compat.v1.Session(graph=imported) as session:
        return session.run("Identity:0", {"x:0": x})


def digits() -> None:
    """A network that was trained on scikit-learn's digits: accuracy on its test set."""
    print("\nDigits: a convolutional network trained on scikit-learn's digits\n")
    graph, crate = HERE / "digits" / "digits.pb", WORK / "digits"
    compile_model(graph, crate)
    test = np.load(HERE / "digits" / "test.npz")
    np.savez(WORK / "images.npz", x=test["x"])
    manifest = ("--manifest-path", crate / "Cargo.toml")
    command = ("cargo", "run", "--quiet", "--release", *manifest, "--example", "predict", "--")
    run(*command, WORK / "images.npz", WORK / "predictions.npz")

    ours = np.load(WORK / "predictions.npz")["Identity"]
    theirs = tensorflow_outputs(graph, test["x"])
    print(f"\n{len(ours)} test images    accuracy")
    for name, outputs in (("Rust", ours), ("TensorFlow", theirs)):
        print(f"  {name:16} {(outputs.argmax(1) == test['label']).mean():.2%}")
    print(f"largest difference of a probability: {np.abs(ours - theirs).max():.1e}")


def mobilenet() -> None:
    """MobileNetV3Large with random weights on a picture: the five highest scores."""
    tensorflow()
    import keras
    from freeze import freeze
    from random_weights import randomize

    print("\nMobileNetV3Large with random weights (so the classes mean nothing)\n")
    graph, crate = WORK / "mobilenet.pb", WORK / "mobilenet"
    applications: Any = keras.applications  # Keras has no types for its constructors
    model = applications.MobileNetV3Large(weights=None)
    randomize(model)
    freeze(model, graph)
    compile_model(graph, crate, "--input-shape", "x=1,224,224,3")
    picture = HERE / "mobilenet" / "picture.png"
    manifest = ("--manifest-path", HERE / "mobilenet" / "Cargo.toml")
    printed = run("cargo", "run", "--quiet", "--release", *manifest, "--", picture)

    x = keras.utils.img_to_array(keras.utils.load_img(picture))[None]
    theirs = tensorflow_outputs(graph, x)[0]
    best = theirs.argsort()[::-1][:5]
    print("\n      Rust                 TensorFlow")
    print("      class  score         class  score")
    largest = 0.0
    for line, other in zip(printed.splitlines(), best, strict=True):
        name, score = line.split()
        largest = max(largest, abs(float(score) - theirs[int(name)]))
        print(f"      {name:>5}  {float(score):.7f}     {other:>5}  {theirs[other]:.7f}")
    print(f"largest difference of these scores: {largest:.1e}")


def main() -> None:
    """Both demonstrations."""
    if shutil.which("cargo") is None:
        sys.exit("cargo is not on PATH: install Rust, see https://rustup.rs")
    WORK.mkdir(parents=True, exist_ok=True)
    digits()
    mobilenet()


if __name__ == "__main__":
    main()
