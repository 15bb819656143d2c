"""What variables hold while a function is legalized.

A function reads the value with which it is entered and assigns the one with which it is left (see
`ir/nn/variable.py`). TensorFlow's nodes stand in an order that respects control edges; a node that
reads in between gets the value that the last assignment before it gave.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from xdsl.dialects.builtin import TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, SSAValue

from tfrc.ir import nn
from tfrc.ir.dtype import element_type
from tfrc.ir.shape import shape_of, tensor, text
from tfrc.ir.tf import NodeOp, ShapeAttr, location, parse_shape_attr
from tfrc.ir.weights import WeightStore
from tfrc.passes.attributes import text as text_of
from tfrc.passes.legalize.unsupported import Refusal

HANDLE = "VarHandleOp"


Select = Callable[[SSAValue, SSAValue, SSAValue], SSAValue]


@dataclass
class Branch:
    """One of two branches: its condition, what variables held in front of both, and what the first
    has left."""

    condition: SSAValue
    before: dict[str, SSAValue]
    then: dict[str, SSAValue] | None = None


@dataclass
class Variables:
    """What the variables of one function hold at the node that is being legalized."""

    function: FuncOp
    weights: WeightStore
    types: dict[str, TensorType[Attribute]]
    """The types of all variables of the module, by key."""
    reads: dict[str, SSAValue] = field(default_factory=dict[str, SSAValue])
    values: dict[str, SSAValue] = field(default_factory=dict[str, SSAValue])
    branches: list[Branch] = field(default_factory=list[Branch])
    """The branches that the node is in, the outermost first."""
    seen: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    """For the indices of all rows, where they stand for some: which of them (`unique.py`)."""

    def read(self, handle: NodeOp) -> SSAValue:
        """The value behind a handle, or behind another node that names a variable as its own."""
        key = self.declare(handle)
        if key not in self.values:
            self.values[key] = self.entered(key)
            self.values[key].name_hint = handle.outputs[0].name_hint
        return self.values[key]

    def entered(self, key: str) -> SSAValue:
        """The value with which the function is entered."""
        if key not in self.reads:
            op = nn.ReadOp(key, self.types[key])
            op.location = location(key)
            first = self.function.body.block.first_op
            assert first is not None
            self.function.body.block.insert_op_before(op, first)
            self.reads[key] = op.result
        return self.reads[key]

    def assign(self, handle: NodeOp, value: SSAValue) -> None:
        """Let what comes later read `value`. Refusal if it has another type than the variable."""
        key = self.declare(handle)
        type_ = self.types[key]
        if value.type != type_:
            raise Refusal(
                f"it assigns {text(shape_of(value))} to '{key}', which is {text(shape_of(type_))}: "
                "a variable keeps its shape and type"
            )
        self.values[key] = value

    def enter(self, condition: SSAValue) -> None:
        """What comes now is of the branch that is taken if `condition` holds."""
        self.branches.append(Branch(condition, dict(self.values)))

    def otherwise(self) -> None:
        """What comes now is of the other branch."""
        branch = self.branches[-1]
        branch.then, self.values = self.values, branch.before

    def conditions(self) -> list[tuple[SSAValue, bool]]:
        """The conditions under which the node runs, and which value each then has."""
        return [(branch.condition, branch.then is None) for branch in self.branches]

    def leave(self, select: Select) -> None:
        """Behind both branches: `select(condition, a, b)` where they leave different values."""
        branch = self.branches.pop()
        assert branch.then is not None
        for key in sorted({*branch.then, *self.values}):
            then, otherwise = (v.get(key) or self.entered(key) for v in (branch.then, self.values))
            same = then is otherwise
            self.values[key] = then if same else select(branch.condition, then, otherwise)

    def declare(self, handle: NodeOp) -> str:
        """The key of a handle's variable, which the module then has."""
        key = text_of(handle.attrs.data, "key")
        if key not in self.types:
            self.types[key] = self.type_of(handle, key)
        return key

    def type_of(self, handle: NodeOp, key: str) -> TensorType[Attribute]:
        """The type of the initial value; without one, what the handle says."""
        if key in self.weights:
            array = self.weights[key]
            return tensor(element_type(array.dtype), array.shape)
        shape = handle.attrs.data.get("shape")
        dims = parse_shape_attr(shape) if isinstance(shape, ShapeAttr) else None
        if dims is None or None in dims:
            raise Refusal(f"variable '{key}' has no initial value, and its shape is not known")
        return tensor(handle.attrs.data["dtype"], [d for d in dims if d is not None])

    def finish(self) -> None:
        """Assign, before the return, what is not what was read."""
        last = self.function.body.block.last_op
        assert isinstance(last, ReturnOp)
        for key in sorted(self.values):
            if self.values[key] is not self.reads.get(key):
                op = nn.AssignOp(key, self.values[key])
                op.location = location(key)
                self.function.body.block.insert_op_before(op, last)


def handle_of(node: NodeOp, i: int = 0) -> NodeOp:
    """The node that makes the handle which is operand `i`."""
    owner = node.inputs[i].owner
    if not isinstance(owner, NodeOp) or owner.op.data != HANDLE:
        raise Refusal("its variable is not known at compile time")
    return owner
