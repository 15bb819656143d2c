"""Variables: reading, assigning, and updating rows."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import i1

from tfrc.ir import nn
from tfrc.ir.shape import shape_of, static_shape
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.state import handle_of
from tfrc.passes.legalize.table import Builder, Results, legalizes


@legalizes("ReadVariableOp")
def read_variable(node: NodeOp, b: Builder) -> Results:
    """The value that the variable has by then."""
    return b.variables.read(handle_of(node))


@legalizes("AssignVariableOp")
def assign_variable(node: NodeOp, b: Builder) -> Results:
    """The value of all later reads."""
    b.variables.assign(handle_of(node), b.tensor(1))
    return []


@legalizes("AssignAddVariableOp", "AssignSubVariableOp")
def assign_add_variable(node: NodeOp, b: Builder) -> Results:
    """The variable's value plus, or minus, the operand."""
    handle = handle_of(node)
    cls = nn.AddOp if node.op.data == "AssignAddVariableOp" else nn.SubOp
    b.variables.assign(handle, b.insert(cls(b.variables.read(handle), b.tensor(1))).result)
    return []


@legalizes("VarIsInitializedOp")
def var_is_initialized(node: NodeOp, b: Builder) -> Results:
    """True: a compiled model starts with its initial values."""
    return b.array(np.array(True), i1)


@legalizes("ResourceGather")
def resource_gather(node: NodeOp, b: Builder) -> Results:
    """Rows of the variable."""
    value, batch_dims = b.variables.read(handle_of(node)), b.get_int("batch_dims")
    return b.insert(nn.GatherOp(value, b.tensor(1), batch_dims, batch_dims)).result


@legalizes("ResourceScatterAdd", "ResourceScatterSub")
def resource_scatter_add(node: NodeOp, b: Builder) -> Results:
    """The variable's value plus, or minus, the sum of the updates of each row."""
    handle, indices = handle_of(node), b.tensor(1)
    value = b.variables.read(handle)
    rows, *rest = shape_of(value)
    updates = b.broadcast_to(b.tensor(2), [*shape_of(indices), *rest])
    total = b.insert(nn.SegmentSumOp(updates, indices, rows)).result
    cls = nn.AddOp if node.op.data == "ResourceScatterAdd" else nn.SubOp
    b.variables.assign(handle, b.insert(cls(value, total)).result)
    return []


@legalizes("VariableShape")
def variable_shape(node: NodeOp, b: Builder) -> Results:
    """The variable's extents, a constant."""
    shape = static_shape(b.variables.read(handle_of(node)))
    return b.array(np.array(shape), b.result_element(0))
