"""Put the body of a function in place of a call of it.

    func.func private @g(%a : …) -> … {
      %b = tf.node "Relu"(%a) …  loc("relu")
      func.return %b : …                         ⇒    %1 = tf.node "Relu"(%x)  loc("call/relu")
    }
    %1 = tf.node "PartitionedCall"(%x) {f = @g} …  loc("call")

Legal for any function that does not call itself, at any depth: operations stand in program order,
so that effects keep theirs. A function that nothing refers to afterwards is erased. Every later
pass then sees one body: among them Keras's grouped convolutions, which are calls of a function
marked for XLA.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr, SymbolRefAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, SSAValue
from xdsl.passes import ModulePass

from tfrc.ir.tf import NodeOp, location, node_name

CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall", "StatelessPartitionedCall"})
"""Ops that run the function in their attribute `f` and nothing else."""


def symbols(attr: Attribute) -> Iterator[str]:
    """The functions that an attribute of a node refers to."""
    match attr:
        case SymbolRefAttr():
            yield attr.root_reference.data
        case ArrayAttr():
            for item in attr:  # pyright: ignore[reportUnknownVariableType]
                yield from symbols(item)  # pyright: ignore[reportUnknownArgumentType]
        case _:
            pass


def _nodes(func: FuncOp) -> list[NodeOp]:
    return [] if func.is_declaration else [o for o in func.body.block.ops if isinstance(o, NodeOp)]


def inline(call: NodeOp, callee: FuncOp) -> None:
    """Replace `call` by a copy of the body of `callee`."""
    block = call.parent_block()
    assert block is not None
    values: dict[SSAValue, SSAValue] = dict(zip(callee.args, call.inputs, strict=True))
    for op in callee.body.block.ops:
        if isinstance(op, ReturnOp):
            for old, new in zip(call.outputs, op.operands, strict=True):
                old.replace_all_uses_with(values[new])
            break
        copy = op.clone(values)
        parts = filter(None, (call.node_name, node_name(op.location)))
        copy.location = location("/".join(parts))
        block.insert_op_before(copy, call)
    call.detach()
    call.erase()


class _Inliner:
    def __init__(self, module: ModuleOp):
        self.functions = {f.sym_name.data: f for f in module.ops if isinstance(f, FuncOp)}
        self.active: set[str] = set()
        self.done: set[str] = set()

    def function(self, func: FuncOp) -> None:
        """Inline the calls in `func`, those in its callees first."""
        name = func.sym_name.data
        if name in self.done:
            return
        self.active.add(name)
        for node in _nodes(func):
            target = node.attrs.data.get("f")
            if node.op.data not in CALLS or not isinstance(target, SymbolRefAttr):
                continue
            callee = self.functions.get(target.root_reference.data)
            if callee is None or callee.is_declaration or callee.sym_name.data in self.active:
                continue
            self.function(callee)
            inline(node, callee)
        self.active.remove(name)
        self.done.add(name)


def erase_unused_functions(module: ModuleOp) -> None:
    """Erase private functions that no function in use refers to."""
    functions = {f.sym_name.data: f for f in module.ops if isinstance(f, FuncOp)}
    private = StringAttr("private")
    pending = [f for f in functions.values() if f.sym_visibility != private]
    used = set(pending)
    while pending:
        for node in _nodes(pending.pop()):
            for name in (s for attr in node.attrs.data.values() for s in symbols(attr)):
                func = functions.get(name)
                if func is not None and func not in used:
                    used.add(func)
                    pending.append(func)
    for func in functions.values():
        if func not in used:
            func.detach()
            func.erase()


@dataclass(frozen=True)
class InlineCallsPass(ModulePass):
    """Put the bodies of functions in place of their calls."""

    name = "inline-calls"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        inliner = _Inliner(op)
        for func in list(inliner.functions.values()):
            inliner.function(func)
        erase_unused_functions(op)
