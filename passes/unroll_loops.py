"""Write out loops whose number of iterations is known, branches, and the lists that they fill.

    %l = tf.node "TensorListFromTensor"(%x)  // 3 rows
    %r:4 = tf.node "While"(%zero, %l, %h) {                ⇒   %x0:3 = tf.node "Unpack"(%x)
      cond = @less_than_3, body = @cell }                      %h1 = … the cell on %x0#0, %h
                                                               %h2 = … the cell on %x0#1, %h1
                                                               %h3 = … the cell on %x0#2, %h2

The loop is run at compile time on what is known of its values: condition and body are copied once
for each iteration, and folded as they are copied, so that the counter is a constant each time. A
TensorList is then a row of values: reading an element takes one of them, stacking packs them.
Keras's recurrent layers are such loops whenever the sequence length is static.

Of an If or Case on a constant, one branch is left. Of others all are written out, between marks:

    %y = tf.node "If"(%c, %x) {                        ⇒   tf.then %c
      then_branch = @half, else_branch = @third}           %0 = … half of %x
                                                           tf.else
                                                           %1 = … a third of %x
                                                           %y = tf.merge %c then(%0) else(%1)

Legal because it does what the loop does, in its order. A loop stays if its condition depends on
data, or if the copies would have more than `max_nodes` nodes: so much code is not worth it. A
branch stays if it returns lists of which it depends on data how long they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import (
    ArrayAttr,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    i1,
    i64,
)
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass

from tfrc.ir import nn
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.shape import element_of, shape_of, tensor
from tfrc.ir.tf import ElseOp, MergeOp, NodeOp, ThenOp, VariantType
from tfrc.passes.attributes import flag
from tfrc.passes.constants import erase_unused, is_tensor
from tfrc.passes.dead_nodes import erase_dead_nodes
from tfrc.passes.folding import Folder
from tfrc.passes.inline_calls import erase_unused_functions

Elements = list[SSAValue | None]
"""The values of a TensorList; None for one that nothing has written."""


NOTHING: Elements = [None]
"""What an Optional holds that holds nothing."""


class _TooLong(Exception):
    """A loop that has more iterations than are worth writing out, or an unknown number."""


def _erase(op: Operation) -> None:
    op.detach()
    op.erase()


def _replace(op: NodeOp, values: Sequence[SSAValue]) -> None:
    for old, new in zip(op.outputs, values, strict=True):
        old.replace_all_uses_with(new)
    _erase(op)


def _insert(op: NodeOp, before: NodeOp) -> NodeOp:
    block = before.parent_block()
    assert block is not None
    op.location = before.location
    block.insert_op_before(op, before)
    return op


class Unroller:
    """Runs the functions of a module on what is known of their values."""

    def __init__(self, ctx: Context, module: ModuleOp, max_nodes: int):
        self.folder = Folder(ctx)
        self.functions = {f.sym_name.data: f for f in module.ops if isinstance(f, FuncOp)}
        self.max_nodes = max_nodes
        self.copied = 0
        self.lists: dict[SSAValue, Elements] = {}

    def function(self, func: FuncOp) -> None:
        """Run every operation of `func` in order."""
        for op in list(func.body.block.ops):
            self.operation(op)
        erase_dead_nodes(func)
        erase_unused(list(func.body.block.ops))

    def operation(self, op: Operation) -> None:
        """Fold, unroll or look up one operation; or leave it."""
        if not isinstance(op, NodeOp):
            return
        name = op.op.data
        if name in ("While", "StatelessWhile"):
            self.loop(op)
        elif name in ("If", "StatelessIf", "Case", "StatelessCase"):
            self.branch(op)
        elif name in LIST_OPS:
            LIST_OPS[name](self, op)
        elif name == "Identity" and isinstance(op.outputs[0].type, VariantType):
            _replace(op, list(op.inputs))
        else:
            self.folder.fold(op)

    def callee(self, attr: Attribute | None) -> FuncOp | None:
        """The function that an attribute names."""
        if not isinstance(attr, SymbolRefAttr):
            return None
        func = self.functions.get(attr.root_reference.data)
        return None if func is None or func.is_declaration else func

    def integer(self, value: SSAValue) -> int | None:
        """The integer or bool of rank 0 that `value` is known to be."""
        array = self.folder.constants.array(value)
        return int(array.item()) if array is not None and array.size == 1 else None

    def copy(
        self,
        func: FuncOp,
        arguments: Sequence[SSAValue],
        block: Block,
        constants: dict[Operation, Operation],
    ) -> list[SSAValue]:
        """Run a copy of the body of `func` at the end of `block`; the values that it returns.

        Constants are copied once for all iterations.
        """
        values: dict[SSAValue, SSAValue] = dict(zip(func.args, arguments, strict=True))
        for op in func.body.block.ops:
            if isinstance(op, ReturnOp):
                return [values[v] for v in op.operands]
            if op in constants:
                values[op.results[0]] = constants[op].results[0]
                continue
            self.copied += 1
            if self.copied > self.max_nodes:
                raise _TooLong
            copy = op.clone(values)
            block.add_op(copy)
            if isinstance(copy, nn.ConstantOp | nn.WeightOp):
                constants[op] = copy
                continue
            # A user of all results, to find what has taken their place.
            holder = NodeOp("Identity", list(copy.results), {}, [])
            block.add_op(holder)
            self.operation(copy)
            values.update(zip(op.results, holder.operands, strict=True))
            _erase(holder)
        raise AssertionError("every function returns")

    def attempt(self, op: NodeOp, run: Callable[[Block], Sequence[SSAValue]]) -> None:
        """Put what `run` writes into a block in place of `op`, unless it is too long."""
        parent = op.parent_block()
        assert parent is not None
        outermost = parent.parent is not None
        if outermost:
            self.copied = 0
        block = Block()
        try:
            values = run(block)
        except _TooLong:
            for inner in reversed(list(block.ops)):
                _erase(inner)
            if not outermost:
                raise
            return
        for inner in list(block.ops):
            inner.detach()
            parent.insert_op_before(inner, op)
        _replace(op, values)

    def loop(self, op: NodeOp) -> None:
        """Unroll a While whose condition is known before each iteration."""
        cond, body = self.callee(op.attrs.data.get("cond")), self.callee(op.attrs.data.get("body"))
        if cond is None or body is None:
            return
        constants: dict[Operation, Operation] = {}

        def run(block: Block) -> list[SSAValue]:
            values = list(op.inputs)
            while self.test(cond, values, block, constants):
                values = self.copy(body, values, block, constants)
            return values

        self.attempt(op, run)

    def test(
        self,
        cond: FuncOp,
        values: Sequence[SSAValue],
        block: Block,
        constants: dict[Operation, Operation],
    ) -> bool:
        """Whether the condition holds. _TooLong if it is not known."""
        (result,) = self.copy(cond, values, block, constants)
        known = self.integer(result)
        if known is None:
            raise _TooLong
        return bool(known)

    def branch(self, op: NodeOp) -> None:
        """Take the branch of an If or Case whose first operand is known; else write out all."""
        known = self.integer(op.inputs[0])
        attrs = op.attrs.data
        if "branches" in attrs:
            listed = attrs["branches"]
            branches: list[Attribute] = list(listed) if isinstance(listed, ArrayAttr) else []  # pyright: ignore
            taken = known if known is not None and 0 <= known < len(branches) else -1
        else:
            branches = [attrs[key] for key in ("then_branch", "else_branch") if key in attrs]
            taken = 0 if known else 1
        functions = [f for f in map(self.callee, branches) if f is not None]
        if not functions or len(functions) < len(branches):
            return
        if known is not None:
            functions = [functions[taken]]
        self.attempt(op, lambda block: self.choose(op, functions, 0, block))

    def choose(
        self, op: NodeOp, functions: Sequence[FuncOp], index: int, block: Block
    ) -> Sequence[SSAValue]:
        """Write out the branches of `op` from `index` on; the last is for every other number."""
        arguments = op.inputs[1:]
        if index == len(functions) - 1:
            return self.copy(functions[index], arguments, block, {})
        condition = self.condition(op, index, block)

        def mark(marker: Operation) -> None:
            marker.location = op.location
            block.add_op(marker)

        mark(ThenOp(condition))
        then = self.copy(functions[index], arguments, block, {})
        mark(ElseOp())
        otherwise = self.choose(op, functions, index + 1, block)
        return self.merge(op, condition, then, otherwise, block)

    def condition(self, op: NodeOp, index: int, block: Block) -> SSAValue:
        """Whether the branch `index` is taken, as a bool."""
        value = op.inputs[0]
        if value.type == TensorType(i1, []):
            return value
        if not is_tensor(value) or shape_of(value):
            raise _TooLong
        number = np.array(index if "branches" in op.attrs.data else 0)
        constant = nn.ConstantOp.of(number.astype(numpy_dtype(element_of(value))))
        compare = "Equal" if "branches" in op.attrs.data else "NotEqual"
        node = NodeOp(compare, [value, constant.result], {}, [TensorType(i1, [])])
        for each in (constant, node):
            each.location = op.location
            block.add_op(each)
        return node.outputs[0]

    def merge(
        self,
        op: NodeOp,
        condition: SSAValue,
        then: Sequence[SSAValue],
        otherwise: Sequence[SSAValue],
        block: Block,
    ) -> Sequence[SSAValue]:
        """The end of two branches; lists are merged element by element."""
        pairs: list[tuple[SSAValue, SSAValue]] = []
        types: list[Attribute] = []
        shapes: list[int | None] = []
        for output, a, b in zip(op.outputs, then, otherwise, strict=True):
            if not isinstance(output.type, VariantType):
                pairs.append((a, b))
                types.append(output.type)
                shapes.append(None)
                continue
            rows = self.paired(a, b)
            pairs += rows
            types += [x.type for x, _ in rows]
            shapes.append(len(rows))
        end = MergeOp(condition, [a for a, _ in pairs], [b for _, b in pairs], types)
        end.location = op.location
        block.add_op(end)
        merged = iter(end.outputs)
        values: list[SSAValue] = []
        for length in shapes:
            if length is None:
                values.append(next(merged))
                continue
            holder = NodeOp("Identity", [], {}, [VariantType()])
            block.add_op(holder)
            self.lists[holder.outputs[0]] = [next(merged) for _ in range(length)]
            values.append(holder.outputs[0])
        return values

    def paired(self, then: SSAValue, otherwise: SSAValue) -> list[tuple[SSAValue, SSAValue]]:
        """The elements of two lists in pairs. What one side has not written is not read either."""
        a, b = self.elements(then), self.elements(otherwise)
        if a is None or b is None:
            raise _TooLong
        if NOTHING in (a, b):
            a = b = b if a == NOTHING else a
        if len(a) != len(b):
            raise _TooLong
        pairs = [(x or y, y or x) for x, y in zip(a, b, strict=True)]
        if any(x is None or y is None for x, y in pairs):
            raise _TooLong
        return [(x, y) for x, y in pairs if x is not None and y is not None]

    # Lists

    def elements(self, value: SSAValue) -> Elements | None:
        """The elements of a list, if they are known."""
        return self.lists.get(value)

    def reserve(self, op: NodeOp) -> None:
        """`TensorListReserve`: a list of a given length."""
        size = self.integer(op.inputs[1])
        if size is not None and 0 <= size <= self.max_nodes:
            self.lists[op.outputs[0]] = [None] * size

    def empty(self, op: NodeOp) -> None:
        """`EmptyTensorList`: a list that grows."""
        self.lists[op.outputs[0]] = []

    def from_tensor(self, op: NodeOp) -> None:
        """`TensorListFromTensor`: the rows of a tensor."""
        value = op.inputs[0]
        if not is_tensor(value):
            return
        size, *row = shape_of(value)
        if not size.is_static or int(size) > self.max_nodes:
            return
        types = [tensor(element_of(value), row)] * int(size)
        attrs = {"num": IntegerAttr(int(size), i64), "axis": IntegerAttr(0, i64)}
        rows = _insert(NodeOp("Unpack", [value], attrs, types), op)
        self.lists[op.outputs[0]] = list(rows.outputs)

    def get_item(self, op: NodeOp) -> None:
        """`TensorListGetItem`."""
        elements, index = self.elements(op.inputs[0]), self.integer(op.inputs[1])
        if elements is None or index is None or not 0 <= index < len(elements):
            return
        value = elements[index]
        if value is not None:
            _replace(op, [value])

    def set_item(self, op: NodeOp) -> None:
        """`TensorListSetItem`: another list with one element changed."""
        elements, index = self.elements(op.inputs[0]), self.integer(op.inputs[1])
        if elements is None or index is None or index < 0:
            return
        grown = [*elements]
        if index >= len(grown):
            if not flag(op.attrs.data, "resize_if_index_out_of_bounds"):
                return
            grown += [None] * (index + 1 - len(grown))
        grown[index] = op.inputs[2]
        self.lists[op.outputs[0]] = grown

    def push_back(self, op: NodeOp) -> None:
        """`TensorListPushBack`."""
        elements = self.elements(op.inputs[0])
        if elements is not None:
            self.lists[op.outputs[0]] = [*elements, op.inputs[1]]

    def pop_back(self, op: NodeOp) -> None:
        """`TensorListPopBack`: the list without its last element, and that element."""
        elements = self.elements(op.inputs[0])
        if not elements or elements[-1] is None:
            return
        self.lists[op.outputs[0]] = elements[:-1]
        op.outputs[1].replace_all_uses_with(elements[-1])

    def stack(self, op: NodeOp) -> None:
        """`TensorListStack`: all elements along a dimension in front."""
        elements = self.elements(op.inputs[0])
        values = [v for v in elements or () if v is not None]
        if not values or elements is None or len(values) < len(elements):
            return
        attrs = {"N": IntegerAttr(len(values), i64), "axis": IntegerAttr(0, i64)}
        pack = _insert(NodeOp("Pack", values, attrs, [op.outputs[0].type]), op)
        _replace(op, list(pack.outputs))

    def length(self, op: NodeOp) -> None:
        """`TensorListLength`."""
        elements = self.elements(op.inputs[0])
        if elements is None:
            return
        constant = nn.ConstantOp.of(np.array(len(elements), np.int32))
        constant.location = op.location
        block = op.parent_block()
        assert block is not None
        block.insert_op_before(constant, op)
        _replace(op, [constant.result])

    def some(self, op: NodeOp) -> None:
        """`OptionalFromValue`: values that only one branch has, for the gradient of the branch."""
        self.lists[op.outputs[0]] = list(op.inputs)

    def nothing(self, op: NodeOp) -> None:
        """`OptionalNone`: what the other branch has instead."""
        self.lists[op.outputs[0]] = NOTHING

    def unwrap(self, op: NodeOp) -> None:
        """`OptionalGetValue`."""
        values = [v for v in self.elements(op.inputs[0]) or () if v is not None]
        if len(values) == len(op.outputs):
            _replace(op, values)


LIST_OPS: dict[str, Callable[[Unroller, NodeOp], None]] = {
    "EmptyTensorList": Unroller.empty,
    "OptionalFromValue": Unroller.some,
    "OptionalGetValue": Unroller.unwrap,
    "OptionalNone": Unroller.nothing,
    "TensorListFromTensor": Unroller.from_tensor,
    "TensorListGetItem": Unroller.get_item,
    "TensorListLength": Unroller.length,
    "TensorListPopBack": Unroller.pop_back,
    "TensorListPushBack": Unroller.push_back,
    "TensorListReserve": Unroller.reserve,
    "TensorListSetItem": Unroller.set_item,
    "TensorListStack": Unroller.stack,
}
"""What each op does to lists whose elements are known."""


@dataclass(frozen=True)
class UnrollLoopsPass(ModulePass):
    """Write out branches, and loops whose number of iterations is known."""

    name = "unroll-loops"

    max_nodes: int = 20_000

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        unroller = Unroller(ctx, op, self.max_nodes)
        private = StringAttr("private")
        for func in list(unroller.functions.values()):
            if func.sym_visibility != private and not func.is_declaration:
                unroller.function(func)
        erase_unused_functions(op)
