"""Which TensorFlow nodes a graph does not need."""

from __future__ import annotations

from xdsl.dialects.func import FuncOp

from tfrc.ir.tf import NodeOp

WITHOUT_RESULT = frozenset({"Assert", "NoOp", "Print", "PrintV2"})
"""Ops that compute nothing: they check or print."""

WRITES = frozenset({"RngReadAndSkip"})
"""Ops that have a result and write a variable."""


def erase_dead_nodes(func: FuncOp) -> None:
    """Erase checks, and nodes whose results nothing uses; what writes state stays."""
    for op in reversed(list(func.body.block.ops)):
        if not isinstance(op, NodeOp) or any(r.first_use is not None for r in op.results):
            continue
        if op.op.data in WITHOUT_RESULT or (op.results and op.op.data not in WRITES):
            op.detach()
            op.erase()
