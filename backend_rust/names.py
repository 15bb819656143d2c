"""Identifiers: from TensorFlow's node names to names that Rust accepts and a reader recognises."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence

KEYWORDS = frozenset(
    "Self abstract as async await become box break const continue crate do dyn else enum extern "
    "false final fn for gen if impl in let loop macro match mod move mut override priv pub ref "
    "return self static struct super trait true try type typeof union unsafe unsized use virtual "
    "where while yield".split()
)
"""Words that are no identifiers in Rust."""


def snake(text: str) -> str:
    """`text` as a lower-case identifier: `Dense-1/BiasAdd` becomes `dense_1_bias_add`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text)
    name = re.sub(r"[^0-9a-z]+", "_", spaced.lower()).strip("_")
    if not name:
        return "tensor"
    if name[0].isdigit():
        name = f"n{name}"
    return f"{name}_" if name in KEYWORDS else name


def stem(name: str) -> str:
    """What a longer name begins with: `type_` gives `type_shape`, as Rust wants no `__`."""
    return name.rstrip("_")


def camel(text: str) -> str:
    """`text` as the name of a type: `hard_swish` becomes `HardSwish`."""
    name = "".join(part[:1].upper() + part[1:] for part in snake(text).split("_"))
    return name


class Scope:
    """Names that are taken. `unique` gives the wanted name, or that name and a number.

    `joint` stands before the number; names of types have none.
    """

    def __init__(self, taken: Iterable[str] = (), joint: str = "_"):
        self._taken = set(taken)
        self._joint = joint

    def free(self, wanted: str) -> str:
        """`wanted`, `wanted_2`, `wanted_3` …: the first that is free, which it stays."""
        name, i = wanted, 1
        while name in self._taken:
            i += 1
            name = f"{stem(wanted)}{self._joint}{i}"
        return name

    def unique(self, wanted: str) -> str:
        """The first name that is `free`, which is then taken."""
        name = self.free(wanted)
        self._taken.add(name)
        return name

    def first_free(self, candidates: Iterable[str]) -> str:
        """The first of `candidates` that is free, else the last with a number; it is then taken."""
        last = "tensor"
        for last in candidates:
            if last not in self._taken:
                break
        return self.unique(last)


def scope_of(nodes: Iterable[str]) -> str:
    """The leading path that all node names have in common: the name of the Keras model, mostly."""
    paths = [node.split("/")[:-1] for node in nodes]
    common: list[str] = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return "/".join(common)


def layer_names(node: str, scope: str, reserved: Container[str]) -> list[str]:
    """Identifiers for what the node computes, the best first.

    The layer's path without `scope` and without the operation at its end; then with the operation.
    A layer that is called like a function gets the number 0, as Keras counts from 1 on.
    """
    path = node.removeprefix(scope).strip("/").split("/")
    names = [snake("_".join(path))]
    if len(path) > 1:
        names.insert(0, snake("_".join(path[:-1])))
    return [f"{stem(name)}_0" if name in reserved else name for name in names]


def wrapped(nodes: Sequence[str], scope: str, width: int = 112) -> list[str]:
    """The nodes that a call stands for, below `scope`, in lines of a comment."""
    lines: list[str] = []
    for node in nodes:
        name = " ".join(node.removeprefix(scope).strip("/").split())
        if lines and len(lines[-1]) + len(name) + 2 <= width:
            lines[-1] += f", {name}"
        else:
            lines = [*lines[:-1], f"{lines[-1]},", name] if lines else [name]
    return lines
