"""Variables: reading, assigning, and updating rows."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import i1, i32

from tfrc.ir import nn
from tfrc.ir.dtype import numpy_dtype
from tfrc.ir.shape import count, element_of, shape_of, static_shape
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.indexing import gather_elements
from tfrc.passes.legalize.state import handle_of
from tfrc.passes.legalize.table import Builder, Results, legalizes
from tfrc.passes.legalize.unique import update


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
    if node.inputs[1] in b.variables.seen:
        return value
    return b.insert(nn.GatherOp(value, b.tensor(1), batch_dims, batch_dims)).result


@legalizes("ResourceGatherNd")
def resource_gather_nd(node: NodeOp, b: Builder) -> Results:
    """Elements of the variable."""
    return gather_elements(b, b.variables.read(handle_of(node)))


@legalizes("ResourceScatterUpdate")
def resource_scatter_update(node: NodeOp, b: Builder) -> Results:
    """Rows of the variable become those of the updates; the last one of those for the same row.

    Each row of the variable looks for itself among the indices, from behind.
    """
    handle = handle_of(node)
    value = b.variables.read(handle)
    rows, *rest = shape_of(value)
    if node.inputs[1] in b.variables.seen:
        new = b.broadcast_to(b.tensor(2), shape_of(value))
        b.variables.assign(handle, update(b, value, new))
        return []
    element, length = element_of(b.tensor(1)), count(b.shape(1))
    indices = b.insert(nn.ReverseOp(b.reshape(b.tensor(1), [1, length]), [1])).result
    updates = b.broadcast_to(b.tensor(2), [*b.shape(1), *rest])
    updates = b.insert(nn.ReverseOp(b.reshape(updates, [length, *rest]), [0])).result
    own = b.array(np.arange(int(rows)).astype(numpy_dtype(element))[:, None], element)
    matches = b.insert(nn.EqualOp(own, indices)).result
    found = b.insert(nn.AnyOp(matches, [1])).result
    first = b.insert(nn.ArgMaxOp(b.cast(matches, i32), 1, i32)).result
    new = b.insert(nn.GatherOp(updates, first, 0)).result
    found = b.reshape(found, [rows, *[1] * len(rest)])
    b.variables.assign(handle, b.insert(nn.SelectOp(found, new, value)).result)
    return []


@legalizes("ResourceScatterAdd", "ResourceScatterSub")
def resource_scatter_add(node: NodeOp, b: Builder) -> Results:
    """The variable's value plus, or minus, the sum of the updates of each row."""
    handle, indices = handle_of(node), b.tensor(1)
    value = b.variables.read(handle)
    rows, *rest = shape_of(value)
    updates = b.broadcast_to(b.tensor(2), [*shape_of(indices), *rest])
    cls = nn.AddOp if node.op.data == "ResourceScatterAdd" else nn.SubOp
    if node.inputs[1] not in b.variables.seen:
        updates = b.insert(nn.SegmentSumOp(updates, indices, rows)).result
    new = b.insert(cls(value, updates)).result
    b.variables.assign(handle, update(b, value, new))
    return []


@legalizes("VariableShape")
def variable_shape(node: NodeOp, b: Builder) -> Results:
    """The variable's extents, a constant."""
    shape = static_shape(b.variables.read(handle_of(node)))
    return b.array(np.array(shape), b.result_element(0))
