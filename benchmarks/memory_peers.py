"""What TensorFlow and LiteRT need between their kernels, for every network of keras.applications.

    python benchmarks/memory_peers.py [NAMES…]

Runs in the environment of requirements-peers.txt, each measurement in a process of its own. Writes
results/memory_peers.json and leaves out what stands there; `memory_plan.py` puts it beside the
plans of tfrc. Batch 1, one thread, float32.

- LiteRT: the arena of the interpreter without delegates, from the first byte of its tensors to the
  last; the input, the output and scratch lie in it.
- TensorFlow: how far resident memory rises above its level during the second run of a function:
  what the first one set up stays, and every tensor above 64 KiB has pages of its own.
"""

import argparse
import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from applications import SIZES

PATH = Path(__file__).parent / "results" / "memory_peers.json"
PAGE = 4096
OWN_PAGES = {"MALLOC_MMAP_THRESHOLD_": "65536"}
"""Without it, the C library keeps what it has seen freed, and a run fits into that."""


def function_of(name: str) -> tuple[Any, Any]:
    """The network as a function of one image, and the model, without which its variables end."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    build = getattr(keras.applications, name)
    model: Any = build(weights=None)
    if None in model.input_shape[1:]:
        model = build(weights=None, input_shape=(224, 224, 3))
    call = tf.function(lambda x: model(x, training=False), autograph=False)
    return call.get_concrete_function(tf.TensorSpec((1, *model.input_shape[1:]))), model


def litert(name: str) -> int:
    """Bytes of the arena."""
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    function, _model = function_of(name)
    content = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    interpreter: Any = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    computed = {i for op in interpreter._get_ops_details() for i in op["outputs"]}
    computed |= {detail["index"] for detail in interpreter.get_input_details()}
    places: list[tuple[int, int]] = []
    for detail in interpreter.get_tensor_details():
        # Scratch has no name; what has one and is not computed is a weight.
        if detail["index"] in computed or not detail["name"]:
            array = interpreter.tensor(detail["index"])()
            if hasattr(array, "ctypes") and array.nbytes:
                places.append((array.ctypes.data, array.ctypes.data + array.nbytes))
    first = interpreter.get_input_details()[0]["index"]
    start = end = interpreter.tensor(first)().ctypes.data
    # What is further away is no part of the arena: memory that a kernel keeps between runs.
    for low, high in sorted(places):
        if start <= low <= end + PAGE:
            end = max(end, high)
    for low, high in sorted(places, reverse=True):
        if low < start <= high + PAGE:
            start = low
    return end - start


def status(key: str) -> int:
    """A line of /proc/self/status in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) * 1024


def tensorflow(name: str) -> int:
    """Bytes that a run adds to what is resident."""
    import tensorflow as tf

    function, _model = function_of(name)
    image = tf.random.uniform(function.inputs[0].shape)
    function(image)
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    function(image)
    return status("VmHWM") - before


PEERS = {"litert": litert, "tensorflow": tensorflow}


def measured(name: str, peer: str) -> int:
    """The result of a fresh process."""
    command = [sys.executable, __file__, name, "--peer", peer]
    env = os.environ | OWN_PAGES
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=env)
    return int(done.stdout.split()[-1])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=list(SIZES))
    parser.add_argument("--peer", choices=PEERS, help="print one measurement of this process")
    args = parser.parse_args()
    if args.peer:
        print(PEERS[args.peer](args.names[0]))
        return
    rows: dict[str, dict[str, int]] = json.loads(PATH.read_text()) if PATH.exists() else {}
    for name in args.names:
        for peer in PEERS:
            row = rows.setdefault(name, {})
            if peer not in row:
                row[peer] = measured(name, peer)
                PATH.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n")
        print(name, rows[name], flush=True)


if __name__ == "__main__":
    main()
