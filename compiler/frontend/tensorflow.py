"""TensorFlow, imported on first use, in silence, and nowhere outside this package.

TensorFlow and its protocol buffers have no type stubs: `Any` stands for them here, and the rest of
the package reads them through small functions.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from tfrc.compiler.errors import ModelError

Proto = Any
"""A protocol buffer: GraphDef, NodeDef, FunctionDef, AttrValue, TensorProto …"""

_ENVIRONMENT = {
    # The reference is TensorFlow without oneDNN: with it the last bits differ between machines.
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "KERAS_BACKEND": "tensorflow",
}


@contextmanager
def quiet() -> Generator[None]:
    """Send what native code writes to stderr, and Python warnings, to nowhere.

    TensorFlow logs before its log level is read. Exceptions pass.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


@cache
def tensorflow() -> Any:
    """The `tensorflow` module.

    Errors: ModelError if it is not installed or does not load.
    """
    if "tensorflow" not in sys.modules:
        os.environ.update(_ENVIRONMENT)
    try:
        with quiet():
            tf: Any = importlib.import_module("tensorflow")
            # The first graph and the first tensor start devices, which log once more.
            with tf.Graph().as_default():
                tf.constant(0)
            tf.get_logger().setLevel("ERROR")
            importlib.import_module("absl.logging").set_verbosity("error")
    except ImportError as error:
        raise ModelError(
            f"TensorFlow cannot be imported ({error}): install tensorflow to read models"
        ) from error
    return tf


@cache
def op_def(op: str) -> Proto | None:
    """TensorFlow's OpDef of an op, or None for an op that is not registered."""
    tensorflow()
    return importlib.import_module("tensorflow.python.framework.op_def_registry").get(op)


@cache
def dtype_name(dtype: int) -> str:
    """The name of a DataType, `float32`; that of a reference type is its base's."""
    try:
        return tensorflow().as_dtype(dtype).base_dtype.name
    except TypeError:
        return f"DT_{dtype}"


@cache
def dtype_enum(name: str) -> int:
    """The DataType of a name."""
    return tensorflow().as_dtype(name).as_datatype_enum


def sizes(shape: Proto) -> tuple[int | None, ...] | None:
    """A TensorShapeProto, None for each unknown dimension and for an unknown rank."""
    if shape.unknown_rank:
        return None
    return tuple(None if dim.size < 0 else dim.size for dim in shape.dim)


def protobuf(name: str) -> Any:
    """A protocol buffer class, by module and name: `saved_model_pb2.SavedModel`."""
    module, _, cls = name.partition(".")
    tensorflow()
    return getattr(importlib.import_module(f"tensorflow.core.protobuf.{module}"), cls)


def execute(op: str, outputs: int, inputs: list[Any], attrs: Mapping[str, Any]) -> list[Any]:
    """Run one op eagerly. `attrs` are as its definition has them, with all types.

    Errors: those of TensorFlow.
    """
    run = importlib.import_module("tensorflow.python.eager.execute").quick_execute
    context = importlib.import_module("tensorflow.python.eager.context").context()
    context.ensure_initialized()
    flat = tuple(item for pair in attrs.items() for item in pair)
    return run(op, outputs, inputs, flat, context)


def first_sentence(error: BaseException, limit: int = 300) -> str:
    """What TensorFlow's error says, without its trace and on one line."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith(_PREAMBLE)]
    line = said[0] if said else type(error).__name__
    return line if len(line) <= limit else line[: limit - 1] + "…"


_PREAMBLE = ("Graph execution error", "Detected at node", "Exception encountered when calling")
