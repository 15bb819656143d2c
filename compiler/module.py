"""A module as text, its weights as a file, and its functions by name."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, StringAttr, UnknownLoc
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation
from xdsl.printer import Printer

from tfrc.ir import nn, rt
from tfrc.ir.tf import NodeOp
from tfrc.ir.weights import CompilerContext
from tfrc.passes.attributes import text


class DumpPrinter(Printer):
    """Prints the locations of operations, `loc("block1/conv")`: the names of TensorFlow nodes."""

    def print_op(self, op: Operation) -> None:
        super().print_op(op)
        if not isinstance(op.location, UnknownLoc):
            self.print_string(" ")
            self.print_attribute(op.location)


def module_text(module: ModuleOp) -> str:
    """The module as text that parses back, with locations."""
    stream = StringIO()
    DumpPrinter(stream).print_op(module)
    return stream.getvalue() + "\n"


def weight_names(module: ModuleOp) -> list[str]:
    """The weights that the module refers to, each once, in order of first use."""
    keys = (_key(op) for op in module.walk())
    return list(dict.fromkeys(key for key in keys if key is not None))


def _key(op: Operation) -> str | None:
    """The weight that an operation refers to; the initial value of a variable is one."""
    match op:
        case nn.WeightOp() | rt.WeightOp() | nn.VariableOp():
            return op.key
        case NodeOp() if "key" in op.attrs.data:
            return text(op.attrs.data, "key")
        case _:
            return None


def write_weights(module: ModuleOp, ctx: CompilerContext, path: Path) -> None:
    """Write the weights that the module refers to, beside its text at `path`, as safetensors."""
    names = [name for name in weight_names(module) if name in ctx.weights]
    if names:
        ctx.weights.save(path.with_suffix(".safetensors"), iter(names))


def functions(module: ModuleOp) -> dict[str, FuncOp]:
    """The public functions of a module, its signatures, by name."""
    return {
        op.sym_name.data: op for op in module.ops if isinstance(op, FuncOp) and not _is_private(op)
    }


def _is_private(function: FuncOp) -> bool:
    return function.sym_visibility is not None and function.sym_visibility.data == "private"


def argument_names(function: FuncOp) -> list[str]:
    """What TensorFlow calls the arguments of a signature."""
    return _names(function.arg_attrs, len(function.args))


def result_names(function: FuncOp) -> list[str]:
    """What TensorFlow calls the results of a signature."""
    return _names(function.res_attrs, len(function.function_type.outputs))


def _names(attributes: ArrayAttr[DictionaryAttr] | None, count: int) -> list[str]:
    names = [f"_{i}" for i in range(count)]
    for i, entry in enumerate(attributes or ()):
        name = entry.data.get("tf.name")
        if isinstance(name, StringAttr):
            names[i] = name.data
    return names
