"""Einsum of one or two operands: sums, transposes, reshapes and one matrix product."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.shape import Dim, Shape, broadcast, count, rank_of, shape_of
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.linear import matrix_product
from tfrc.passes.legalize.table import Builder, Refusal, Results, legalizes


def _labels(term: str, rank: int, equation: str) -> str:
    """One letter for each dimension; an ellipsis stands for as many capital-free marks."""
    if "..." in term:
        named = len(term) - 3
        marks = "".join(chr(0xE000 + i) for i in range(rank - named))[::-1]
        term = term.replace("...", marks)
    if len(term) != rank or "." in term:
        raise Refusal(f"equation {equation} does not fit an operand of rank {rank}")
    if len(set(term)) != rank:
        raise Refusal(f"equation {equation} takes a diagonal: a label may occur once in a term")
    return term


class _Operand:
    """A value and the label of each of its dimensions."""

    def __init__(self, value: SSAValue, labels: str):
        self.value = value
        self.labels = labels

    def sum_over(self, b: Builder, labels: set[str]) -> None:
        """Sum over the dimensions with these labels."""
        axes = [i for i, label in enumerate(self.labels) if label in labels]
        if axes:
            self.value = b.insert(nn.SumOp(self.value, axes)).result
            self.labels = "".join(label for label in self.labels if label not in labels)

    def order(self, b: Builder, labels: Sequence[str]) -> None:
        """Transpose the dimensions into this order."""
        self.value = b.transpose(self.value, [self.labels.index(label) for label in labels])
        self.labels = "".join(labels)

    def sizes(self, labels: Sequence[str]) -> Shape:
        """The extents of the dimensions with these labels."""
        shape = shape_of(self.value)
        return tuple(shape[self.labels.index(label)] for label in labels)


def _in(labels: str, chosen: set[str]) -> list[str]:
    return [label for label in labels if label in chosen]


@legalizes("Einsum")
def einsum(node: NodeOp, b: Builder) -> Results:
    """`Σ` over the labels that the result lacks.

    Labels are batch (in both operands and the result), rows (in the left one and the result),
    columns (in the right one and the result), or summed (in both operands).
    """
    equation = b.get_text("equation", "").replace(" ", "")
    left_side, arrow, target = equation.partition("->")
    terms = left_side.split(",")
    if not arrow or len(terms) != len(node.inputs) or len(terms) > 2:
        raise Refusal(f"equation is {equation}: one or two operands and an arrow are supported")
    operands = [
        _Operand(b.tensor(i), _labels(term, rank_of(b.tensor(i)), equation))
        for i, term in enumerate(terms)
    ]
    ellipsis = max((sum(c >= "\ue000" for c in o.labels) for o in operands), default=0)
    target = _labels(target, ellipsis + len(target.replace("...", "")), equation)
    for i, operand in enumerate(operands):
        others = {label for j, o in enumerate(operands) if j != i for label in o.labels}
        operand.sum_over(b, set(operand.labels) - others - set(target))
    result = operands[0] if len(operands) == 1 else _contract(b, operands[0], operands[1], target)
    if set(result.labels) != set(target):
        raise Refusal(f"equation {equation} has a label in its result that no operand has")
    result.order(b, target)
    return result.value


def _contract(b: Builder, left: _Operand, right: _Operand, target: str) -> _Operand:
    shared = set(left.labels) & set(right.labels)
    kept = set(target)
    batch = _in(target, shared & kept)
    summed = _in(left.labels, shared - kept)
    rows = _in(left.labels, set(left.labels) - shared)
    columns = _in(right.labels, set(right.labels) - shared)
    if not summed and not (rows and columns):
        return _multiply(b, left, right, target)
    depth = left.sizes(summed)
    transposed = right.labels == "".join([*batch, *columns, *summed])
    row_sizes, column_sizes = left.sizes(rows), right.sizes(columns)
    left.order(b, [*batch, *rows, *summed])
    right.order(b, [*batch, *columns, *summed] if transposed else [*batch, *summed, *columns])
    sizes = broadcast(left.sizes(batch), right.sizes(batch))
    if sizes is None:
        raise Refusal("the batch dimensions of its operands do not broadcast")
    inner, wide = count(depth), count(column_sizes)
    matrix = (wide, inner) if transposed else (inner, wide)
    # Without a batch, the rows may stay apart: nn.matmul takes any number of dimensions.
    flat_rows = row_sizes if not batch and row_sizes else (count(row_sizes),)
    x = b.reshape(left.value, (*left.sizes(batch), *flat_rows, inner))
    y = b.reshape(right.value, (*right.sizes(batch), *matrix))
    product = matrix_product(b, x, y, False, transposed)
    shape = (*sizes, *row_sizes, *column_sizes)
    return _Operand(b.reshape(product, shape), "".join([*batch, *rows, *columns]))


def _multiply(b: Builder, left: _Operand, right: _Operand, target: str) -> _Operand:
    """A product without a sum: each operand with extent 1 for the labels that it lacks."""
    values: list[SSAValue] = []
    for operand in (left, right):
        own = _in(target, set(operand.labels))
        operand.order(b, own)
        sizes = dict(zip(own, shape_of(operand.value), strict=True))
        values.append(b.reshape(operand.value, [sizes.get(c, Dim(0, 1)) for c in target]))
    return _Operand(b.insert(nn.MulOp(values[0], values[1])).result, target)
