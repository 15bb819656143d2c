"""One report of everything in a model that cannot be compiled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tfrc.ir.errors import ModelError

NAMES_SHOWN = 3
"""How many node names stand for all nodes of an op."""

_LOOP = (
    "a loop is compiled if its number of iterations is a constant and it is at most 20000 nodes "
    "long when written out: give the input a static sequence length (--input-shape), a shorter "
    "one, or export one step of the loop"
)
_STATE = "this way to write a variable is not compiled: assign the whole value (tf.Variable.assign)"
_RANDOM = (
    "this way to draw is not compiled: draw with tf.random.uniform, normal or truncated_normal or "
    "their stateless forms, or export the model for inference (training=False)"
)
_TEXT = "strings and tables are not compiled: do this preprocessing before the model"
_LINALG = "matrix decompositions are not compiled: compute this outside the model"
_FFT = "complex numbers are not compiled: compute the transform outside the model"
_DYNAMIC = "the size of its result depends on data: use a form with a static shape"

ADVICE: tuple[tuple[str, str], ...] = (
    # pattern of the op's name, what to do
    ("^(Enter|Exit|Merge|Switch|NextIteration|LoopCond|_SwitchN)$",
     "this is control flow of TensorFlow 1: freeze with "
     "convert_variables_to_constants_v2(f, lower_control_flow=False), and " + _LOOP),
    ("While|TensorList", _LOOP),
    ("^(Stateless)?If$|^(Stateless)?Case$", "a branch is compiled if both sides give tensors of "
     "one shape, or lists of one length: select with tf.where, or export a signature for each"),
    ("Assign|VarHandle|^Variable|ReadVariable|^Resource", _STATE),
    ("Random|Multinomial|Dropout", _RANDOM),
    ("String|Lookup|Table|Regex|Unicode|Sparse|Ragged|Hash|Decode|Encode", _TEXT),
    ("Cholesky|Svd|^Qr$|^Lu$|MatrixInverse|MatrixSolve|Determinant|Eig", _LINALG),
    ("FFT|^Real$|^Imag$|Complex", _FFT),
    ("^(Where|Unique|UniqueV2|NonMaxSuppression.*|DynamicPartition)$", _DYNAMIC),
    ("Grad|Backprop", "this gradient is not compiled: write the op it belongs to with others, or "
     "export the inference signature"),
    ("PartitionedCall", "the function it calls is not in the file: export the model again"),
    ("^PyFunc|EagerPyFunc", "Python code is not in the file: write it with TensorFlow ops"),
)  # fmt: skip

OTHERWISE = "there is no legalization for it: rewrite the model without it, or add one to legalize/"


def advice(op: str) -> str:
    """What a person can do about an op that is not supported."""
    return next((text for pattern, text in ADVICE if re.search(pattern, op)), OTHERWISE)


class Refusal(Exception):
    """A node that is not supported as it stands: what is wrong, and what is accepted."""


@dataclass(frozen=True)
class Problem:
    """One node that cannot be compiled, and why."""

    op: str
    node: str
    reason: str | None = None
    """What is wrong with this node; None if there is no legalization of the op."""


class Unsupported(ModelError):
    """Every node that cannot be compiled: by op, how many, three names, and what to do."""

    def __init__(self, problems: Sequence[Problem]):
        self.problems = tuple(problems)
        groups: dict[tuple[str, str], list[str]] = {}
        for problem in problems:
            key = problem.op, problem.reason or advice(problem.op)
            groups.setdefault(key, []).append(problem.node)
        lines = [
            f"  {op} x{len(nodes)} ({_names(nodes)}): {reason}"
            for (op, reason), nodes in sorted(groups.items(), key=lambda g: (-len(g[1]), g[0]))
        ]
        what = "1 node is" if len(problems) == 1 else f"{len(problems)} nodes are"
        super().__init__("\n".join([f"{what} not supported:", *lines]))


def _names(nodes: Sequence[str]) -> str:
    shown = [node or "unnamed" for node in nodes[:NAMES_SHOWN]]
    return ", ".join(shown + ["…"] * (len(nodes) > NAMES_SHOWN))
