"""Turn TensorFlow nodes into `nn` operations.

    %1 = tf.node "Conv2D"(%x, %w) {padding = "SAME", strides = [1, 2, 2, 1], …}
      ⇒
    %1 = nn.conv2d %x, %w strides = [2, 2] pads = [0, 0, 1, 1] dilations = [1, 1] groups = 1

`legalize/` holds one function for each op. `nn` has one way to say each thing, so this is where
padding becomes explicit, NCHW becomes NHWC, and shapes, axes and sizes that are operands in
TensorFlow become attributes. Nodes are taken in program order, and one whose operands have become
known is folded on the way: the shape of a `Reshape` is often known only once the shape of its
input is.

Of a branch that is known at run time only, both sides are computed, and `nn.select` takes the
values of one, also for the variables that they assign:

    tf.then %c                                     %0 = nn.neg %x …
    %0 = tf.node "Neg"(%x) …                  ⇒    %1 = nn.select %c, %0, %x …
    tf.else
    %1 = tf.merge %c then(%0) else(%x) …

`select-kernels` makes a call run under the condition under which somebody wants its result.

Afterwards a function holds `nn` operations alone. If something is not supported, the pass raises
one `Unsupported` that names all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import FunctionType, ModuleOp, StringAttr, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass

from tfrc.ir import nn
from tfrc.ir.shape import shape_of, text
from tfrc.ir.tf import DimsOp, ElseOp, MergeOp, NodeOp, ResourceType, ThenOp, node_name
from tfrc.passes.constants import element_type, erase_unused
from tfrc.passes.dead_nodes import erase_dead_nodes
from tfrc.passes.folding import Folder
from tfrc.passes.legalize import LEGALIZATIONS, Refusal, Unsupported, legalize
from tfrc.passes.legalize.state import HANDLE, Variables
from tfrc.passes.legalize.table import Builder, is_supported_element
from tfrc.passes.legalize.unsupported import Problem


def _refuse_types(node: NodeOp) -> None:
    """Refuse element types that no kernel computes with."""
    for value in (*node.outputs, *node.inputs):
        element = element_type(value)
        if not isinstance(element, ResourceType) and not is_supported_element(element):
            raise Refusal(
                f"it computes with {element}: float32, float64, integers and bool are supported"
            )


class Legalizer:
    """Legalizes functions, and collects what it cannot."""

    def __init__(self, ctx: Context):
        self.folder = Folder(ctx)
        self.problems: list[tuple[Operation, Problem]] = []
        self.tainted: set[Operation] = set()
        """Nodes that stayed for want of a legalization, and all that depend on them."""
        self.types: dict[str, TensorType[Attribute]] = {}
        """The variables of the module."""

    def function(self, func: FuncOp) -> None:
        """Legalize the body of `func`, and give it the type of what it returns."""
        erase_dead_nodes(func)
        variables = Variables(func, self.folder.constants.weights, self.types)
        for op in list(func.body.block.ops):
            # A handle falls with the last node that takes it.
            if isinstance(op, NodeOp) and op.op.data != HANDLE:
                self.node(op, variables)
            elif isinstance(op, ThenOp | ElseOp | MergeOp):
                self.mark(op, variables)
        self.materialize_results(func, variables)
        variables.finish()
        erase_dead_nodes(func)
        erase_unused(list(func.body.block.ops))
        last = func.body.block.last_op
        assert isinstance(last, ReturnOp)
        func.function_type = FunctionType.from_lists(
            func.function_type.inputs.data, [v.type for v in last.operands]
        )

    def node(self, node: NodeOp, variables: Variables) -> None:
        """Replace one node, or note why not."""
        if any(isinstance(v.owner, Operation) and v.owner in self.tainted for v in node.inputs):
            self.tainted.add(node)
            if node.op.data in LEGALIZATIONS:
                return
        if self.folder.fold(node):
            return
        try:
            if node.op.data not in LEGALIZATIONS:
                self.refuse(node, None)
                return
            _refuse_types(node)
            values = legalize(node, self.folder.constants, variables)
        except Refusal as refusal:
            self.refuse(node, str(refusal))
            return
        for old, new in zip(node.outputs, values, strict=True):
            if new is not None:
                old.replace_all_uses_with(new)
        node.detach()
        node.erase()

    def mark(self, op: ThenOp | ElseOp | MergeOp, variables: Variables) -> None:
        """Begin or end a branch. Behind it, what the two sides give differently is selected."""
        match op:
            case ThenOp():
                variables.enter(op.condition)
            case ElseOp():
                variables.otherwise()
            case MergeOp():
                self.merge(op, variables)
        if op not in self.tainted:
            op.detach()
            op.erase()

    def merge(self, op: MergeOp, variables: Variables) -> None:
        """Replace the results of a branch, and let variables hold what either side left."""
        if any(isinstance(v.owner, Operation) and v.owner in self.tainted for v in op.operands):
            self.tainted.add(op)
            variables.leave(lambda condition, a, b: a)
            return

        def select(condition: SSAValue, a: SSAValue, b: SSAValue) -> SSAValue:
            a, b = (self.tensor(v, op, variables) for v in (a, b))
            if a.type != b.type:
                raise Refusal(
                    f"its branches give {text(shape_of(a))} and {text(shape_of(b))}: "
                    "only branches whose results have one shape are compiled"
                )
            result = nn.SelectOp(condition, a, b)
            result.location = op.location
            block = op.parent_block()
            assert block is not None
            block.insert_op_before(result, op)
            return result.result

        try:
            pairs = zip(op.then_values, op.else_values, strict=True)
            values = [a if a is b else select(op.condition, a, b) for a, b in pairs]
            variables.leave(select)
        except Refusal as refusal:
            self.tainted.add(op)
            self.problems.append((op, Problem("If", node_name(op.location), str(refusal))))
            return
        for old, new in zip(op.outputs, values, strict=True):
            old.replace_all_uses_with(new)

    def refuse(self, node: NodeOp, reason: str | None) -> None:
        """Note that `node` stays."""
        self.tainted.add(node)
        self.problems.append((node, Problem(node.op.data, node.node_name, reason)))

    def materialize_results(self, func: FuncOp, variables: Variables) -> None:
        """A shape that a function returns is a tensor like any other."""
        last = func.body.block.last_op
        assert isinstance(last, ReturnOp)
        for i, value in enumerate(last.operands):
            if isinstance(value.owner, DimsOp):
                last.operands[i] = self.tensor(value, last, variables)

    def tensor(self, value: SSAValue, before: Operation, variables: Variables) -> SSAValue:
        """`value` as an operand of an `nn` operation. Refusal if its shape is not known."""
        anchor = NodeOp("Identity", [value], {}, [value.type], before.location)
        block = before.parent_block()
        assert block is not None
        block.insert_op_before(anchor, before)
        try:
            return Builder(anchor, self.folder.constants, variables).tensor(0)
        finally:
            anchor.detach()
            anchor.erase()


@dataclass(frozen=True)
class LegalizeTfPass(ModulePass):
    """Turn TensorFlow nodes into nn operations, or name everything that is not supported."""

    name = "legalize-tf"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        legalizer = Legalizer(ctx)
        private = StringAttr("private")
        for func in list(op.ops):
            if isinstance(func, FuncOp) and not func.is_declaration:
                if func.sym_visibility != private:
                    legalizer.function(func)
        # A node may have lost its users to folding after it was refused.
        problems = [p for node, p in legalizer.problems if node.parent is not None]
        if problems:
            raise Unsupported(problems)
        first = op.body.block.first_op
        for key in sorted(legalizer.types):
            assert first is not None
            op.body.block.insert_op_before(nn.VariableOp(key, legalizer.types[key]), first)
        for func in list(op.ops):
            if isinstance(func, FuncOp) and func.sym_visibility == private:
                # A body that While or If ran; no node refers to one any more.
                func.detach()
                func.erase()
