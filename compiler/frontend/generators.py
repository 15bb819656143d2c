"""Random operations that keep a generator: its counter becomes a variable.

    RandomUniform(shape) {seed = 7, seed2 = 3}    reads and writes `train/dropout/…:counter`, [0, 3]

TensorFlow keeps the counter in the kernel and in no checkpoint, so a run starts from `seed2`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256

import numpy as np

from tfrc.compiler.frontend.graph import Graph, Node
from tfrc.compiler.frontend.source import Source, Variable
from tfrc.compiler.frontend.tensorflow import Proto
from tfrc.ir.weights import Array

GENERATORS = frozenset(
    {"RandomStandardNormal", "RandomUniform", "RandomUniformInt", "TruncatedNormal"}
)
"""Ops that draw from a generator of their own."""

COUNTER = ":counter"
"""How the name of a generator's variable ends, behind those of the signature and the node. No
variable of TensorFlow's has a colon in its name."""

_UNSEEDED = "_unseeded"
"""The attribute of a node whose seed is not the model's."""

_SHOWN = 3
"""How many node names stand for all of them in a warning."""


def seed(source: Source) -> None:
    """Give every node without a seed one that is made of its name.

    TensorFlow draws such a seed anew in each run. Here the graph that is compiled and the one that
    TensorFlow runs beside it get the same.
    """
    for node in node_defs(source.graph_def):
        if node.op in GENERATORS and not any(_seeds(node.attr)):
            node.attr["seed"].i = int.from_bytes(sha256(node.name.encode()).digest()[:7])
            node.attr[_UNSEEDED].b = True


def node_defs(graph_def: Proto) -> Iterator[Proto]:
    """The nodes of a graph and of its functions."""
    yield from graph_def.node
    for function in graph_def.library.function:
        yield from function.node_def


def _seeds(attrs: Mapping[str, Proto]) -> list[int]:
    """`seed` and `seed2`, which are 0 if they are not there."""
    return [attrs[name].i if name in attrs else 0 for name in ("seed", "seed2")]


def attach(graph: Graph) -> str | None:
    """Give every node of `graph` that keeps a generator its counter.

    Returns a warning if some had no seed.
    """
    unseeded: list[str] = []
    for node in _nodes(graph):
        if node.op in GENERATORS:
            node.counter = Variable(f"{graph.name}/{node.name}{COUNTER}", _reader(node))
            if _UNSEEDED in node.attrs:
                unseeded.append(node.name)
    if not unseeded:
        return None
    many = len(unseeded) > 1
    shown = ", ".join(unseeded[:_SHOWN] + ["…"] * (len(unseeded) > _SHOWN))
    return (
        f"{len(unseeded)} random operation{'s have' if many else ' has'} no seed in "
        f"'{graph.name}' ({shown}): TensorFlow draws one for each run; the crate's "
        f"{'are' if many else 'is'} made of the name{'s' * many}, so that each run gives the same "
        "numbers"
    )


def _nodes(graph: Graph) -> Iterator[Node]:
    for node in graph.nodes:
        yield node
        for bodies in node.bodies.values():
            for body in bodies:
                yield from _nodes(body)


def _reader(node: Node) -> Callable[[], Array]:
    """The initial counter: two words of 64 bits, the lower one first."""
    second = _seeds(node.attrs)[1]
    return lambda: np.array([0, second], np.int64).view(np.uint64)
