"""A module as data for other programs: JSON, and a Graphviz drawing."""

from __future__ import annotations

import json
from typing import Any

from xdsl.dialects.builtin import IntAttr, ModuleOp, StringAttr, SymbolRefAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import IRDLOperation

from tfrc.compiler.module import argument_names, functions, result_names
from tfrc.ir import nn
from tfrc.ir.dtype import TENSORFLOW_NAME
from tfrc.ir.shape import element_of, shape_of, text
from tfrc.ir.tf import NodeOp, node_name


def type_of(value: SSAValue | Attribute) -> dict[str, Any]:
    """The element type and shape of a tensor; dimensions are texts such as `N` or `224`."""
    element = element_of(value)
    return {
        "dtype": TENSORFLOW_NAME.get(element, str(element)),
        "shape": [str(dim) for dim in shape_of(value)],
    }


def operation_name(op: Operation) -> str:
    """`conv2d` of `nn.conv2d`, and TensorFlow's name of a node."""
    return op.op.data if isinstance(op, NodeOp) else op.name.removeprefix("nn.")


def _plain(attribute: Attribute) -> Any:
    """An attribute as JSON: its text, unless it is a plain string."""
    match attribute:
        case StringAttr() | IntAttr():
            return attribute.data
        case SymbolRefAttr():
            return attribute.root_reference.data
        case _:
            return str(attribute)


def describe(module: ModuleOp) -> dict[str, Any]:
    """The signatures of a module, with every operation in order.

    A value is the number of the operation that makes it, or `-1 - i` for argument `i`.
    """
    return {
        "signatures": {name: _function(function) for name, function in functions(module).items()}
    }


def _function(function: FuncOp) -> dict[str, Any]:
    values: dict[SSAValue, int] = {arg: -1 - i for i, arg in enumerate(function.args)}
    operations: list[dict[str, Any]] = []
    returned: list[int] = []
    for op in function.body.block.ops:
        if isinstance(op, ReturnOp):
            returned = [values[v] for v in op.arguments]
            continue
        for result in op.results:
            values[result] = len(operations)
        properties = op.properties if isinstance(op, IRDLOperation) else {}
        operations.append(
            {
                "op": operation_name(op),
                "node": node_name(op.location),
                "operands": [values[v] for v in op.operands],
                "results": [type_of(r) for r in op.results],
                "attributes": {k: _plain(v) for k, v in properties.items()},
            }
        )
    outputs = zip(result_names(function), returned, function.function_type.outputs, strict=True)
    return {
        "inputs": [
            {"name": name, **type_of(argument)}
            for name, argument in zip(argument_names(function), function.args, strict=True)
        ],
        "outputs": [{"name": name, "value": v, **type_of(t)} for name, v, t in outputs],
        "operations": operations,
    }


def to_json(module: ModuleOp) -> str:
    """`describe` as JSON text."""
    return json.dumps(describe(module), indent=1) + "\n"


def to_dot(module: ModuleOp) -> str:
    """Graphviz: a box for each operation that computes, an edge for each tensor, with its shape."""
    lines = ["digraph model {", '  node [shape=box, fontname="sans-serif"];']
    for number, (name, function) in enumerate(functions(module).items()):
        lines += [f"  subgraph cluster_{number} {{", f"    label={json.dumps(name)};"]
        lines += [f"    {line}" for line in _drawing(function, f"f{number}_")]
        lines.append("  }")
    return "\n".join([*lines, "}"]) + "\n"


def _drawing(function: FuncOp, prefix: str) -> list[str]:
    names: dict[SSAValue, str] = {}
    lines: list[str] = []

    def box(label: str, shape: str = "") -> str:
        name = f"{prefix}{len(lines)}"
        lines.append(f"{name} [label={json.dumps(label)}{shape}];")
        return name

    def edges(op: Operation, to: str) -> None:
        for value in op.operands:
            if value in names:
                label = json.dumps(text(shape_of(value)))
                lines.append(f"{names[value]} -> {to} [label={label}];")

    for name, argument in zip(argument_names(function), function.args, strict=True):
        names[argument] = box(name, ", shape=ellipse")
    for op in function.body.block.ops:
        if isinstance(op, nn.WeightOp | nn.ConstantOp):
            continue
        if isinstance(op, ReturnOp):
            edges(op, box(", ".join(result_names(function)), ", shape=ellipse"))
            continue
        label = "\n".join(filter(None, (operation_name(op), node_name(op.location))))
        here = box(label)
        names.update(dict.fromkeys(op.results, here))
        edges(op, here)
    return lines
