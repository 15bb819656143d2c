"""One runtime, one model, one batch, one thread count, in a process of its own.

Started by run_peers.py. On stdout: a line `first` when the first output is ready (the parent times
the start by it), then one line of JSON. A runtime is imported inside its loader, so that each
process pays only for its own.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

Run = Callable[[], Any]


def _tensorflow(threads: int) -> Any:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return tf


def tf_saved(folder: Path, batch: int, threads: int, feeds: dict[str, Any]) -> Run:
    """The SavedModel's signature, called eagerly."""
    tf = _tensorflow(threads)
    module = tf.saved_model.load(str(folder / "saved_model"))
    signature = module.signatures["serving_default"]
    tensors = {key: tf.constant(value) for key, value in feeds.items()}
    # The default argument keeps the module, which owns the variables, alive.
    return lambda module=module: next(iter(signature(**tensors).values())).numpy()


def tf_xla(folder: Path, batch: int, threads: int, feeds: dict[str, Any]) -> Run:
    """The same under jit_compile=True."""
    tf = _tensorflow(threads)
    module = tf.saved_model.load(str(folder / "saved_model"))
    signature = module.signatures["serving_default"]
    call = tf.function(lambda **f: signature(**f), jit_compile=True, autograph=False)
    tensors = {key: tf.constant(value) for key, value in feeds.items()}
    return lambda module=module: next(iter(call(**tensors).values())).numpy()


def tf_frozen(folder: Path, batch: int, threads: int, feeds: dict[str, Any]) -> Run:
    """The frozen graph in a session's callable; a pruned wrap_function is many times slower."""
    tf = _tensorflow(threads)
    meta = json.loads((folder / "meta.json").read_text())[f"frozen_b{batch}"]
    graph_def = tf.compat.v1.GraphDef()
    graph_def.ParseFromString((folder / f"frozen_b{batch}.pb").read_bytes())
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
    config = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1
    )
    session = tf.compat.v1.Session(graph=graph, config=config)
    call = session.make_callable(meta["outputs"][0], meta["inputs"])
    values = [feeds[name.split(":")[0]] for name in meta["inputs"]]
    return lambda: call(*values)


def litert(folder: Path, batch: int, threads: int, feeds: dict[str, Any]) -> Run:
    """LiteRT with XNNPACK, static batch."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter: Any = Interpreter(str(folder / f"model_b{batch}.tflite"), num_threads=threads)
    interpreter.allocate_tensors()
    bound: list[tuple[int, Any]] = []
    for detail in interpreter.get_input_details():
        name = detail["name"].removeprefix("serving_default_").split(":")[0]
        bound.append((detail["index"], feeds[name]))
    out = interpreter.get_output_details()[0]["index"]

    def run() -> Any:
        for index, value in bound:
            interpreter.set_tensor(index, value)
        interpreter.invoke()
        return interpreter.get_tensor(out)

    return run


def ort(folder: Path, batch: int, threads: int, feeds: dict[str, Any]) -> Run:
    """ONNX Runtime, CPU provider."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(folder / f"model_b{batch}.onnx"), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, feeds)[0]


def openvino(folder: Path, batch: int, threads: int, feeds: dict[str, Any]) -> Run:
    """OpenVINO for latency in f32; from ONNX, or the frozen graph where it cannot read that."""
    import openvino as ov

    core: Any = ov.Core()
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    try:
        model = core.read_model(str(folder / f"model_b{batch}.onnx"))
        compiled = core.compile_model(model, "CPU", options)
    except RuntimeError:
        model = core.read_model(str(folder / f"frozen_b{batch}.pb"))
        compiled = core.compile_model(model, "CPU", options)
    request = compiled.create_infer_request()
    values = {
        index: feeds[next(iter(port.get_names())).split(":")[0]]
        for index, port in enumerate(compiled.inputs)
    }
    out = compiled.output(0)

    def run() -> Any:
        request.infer(values, share_inputs=True)
        return request.get_tensor(out).data

    return run


LOADERS: dict[str, Callable[[Path, int, int, dict[str, Any]], Run]] = {
    f.__name__: f for f in (tf_saved, tf_frozen, tf_xla, litert, ort, openvino)
}


def peak_rss_mib() -> float:
    """The largest resident set of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measure(run: Run, budget: float) -> dict[str, float]:
    """Warm up (0.3 s and 3 runs, or 1 s), then run for `budget` seconds and at least 3 times."""
    began, warm = time.perf_counter(), 0
    while (warm < 3 or time.perf_counter() - began < 0.3) and time.perf_counter() - began < 1.0:
        run()
        warm += 1
    times: list[float] = []
    began, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - began < budget or len(times) < 3:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    wall = time.perf_counter() - began
    array = np.array(times) * 1e3
    return {
        "median_ms": float(np.median(array)),
        "min_ms": float(array.min()),
        "runs": len(times),
        "cpu_per_wall": (time.process_time() - cpu) / wall,
        "rss_mib": peak_rss_mib(),
    }


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=LOADERS)
    parser.add_argument("folder", type=Path, help="the model's folder, from zoo.py")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--budget", type=float, default=1.0, help="seconds of measurement")
    parser.add_argument("--dump", type=Path, help="where to write the first output (raw f32)")
    options = parser.parse_args()
    prefix = f"b{options.batch}.in."
    with np.load(options.folder / "io.npz") as arrays:
        feeds = {k.removeprefix(prefix): arrays[k] for k in arrays.files if k.startswith(prefix)}
    run = LOADERS[options.peer](options.folder, options.batch, options.threads, feeds)
    output = np.array(run(), np.float32)
    print("first", flush=True)
    if options.dump:
        output.tofile(options.dump)
    print(json.dumps(measure(run, options.budget)), flush=True)
    os._exit(0)  # The teardown of some runtimes is slow or fails.


if __name__ == "__main__":
    main()
