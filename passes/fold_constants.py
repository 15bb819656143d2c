"""Evaluate what is known at compile time.

    %a = nn.weight @gamma                                %1 = nn.weight @"bn/mul"
    %b = nn.weight @variance                         ⇒
    %1 = tf.node "Mul"(%a, %b)  loc("bn/mul")

    %s = tf.node "Shape"(%x) : (tensor<?x7x7xf32>)   ⇒   %s = tf.dims <N, 7, 7> : tensor<3xi32>
    %2 = tf.node "Prod"(%s, %axes)                   ⇒   %2 = tf.dims <49*N> : tensor<i32>

Three kinds of operation have a known result: one whose operands are constants (a TensorFlow node
is run by TensorFlow, an `nn` operation by its NumPy meaning), one that looks only at the shape of
its operand, and integer arithmetic on such shapes, as long as the result is linear in the batch.

Legal because these operations are pure: nodes with state, effects or randomness are left alone. A
result much larger than its operands stays an operation, so that folding never makes a model large.
One pass in program order: an operation is evaluated once.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.passes import ModulePass

from tfrc.passes.constants import erase_unused
from tfrc.passes.folding import Folder


@dataclass(frozen=True)
class FoldConstantsPass(ModulePass):
    """Evaluate operations whose operands are constants, and shapes that are linear in the batch."""

    name = "fold-constants"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        folder = Folder(ctx)
        for func in op.ops:
            if not isinstance(func, FuncOp) or func.is_declaration:
                continue
            for inner in list(func.body.block.ops):
                folder.fold(inner)
            erase_unused(list(func.body.block.ops))
