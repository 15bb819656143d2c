"""A function of the `rt` dialect as Rust statements: each kernel call with what it borrows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import cast

from xdsl.dialects.builtin import ArrayAttr, FusedLoc, LocationAttr, NameLoc
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.dialects.memref import AllocOp, DeallocOp
from xdsl.ir import Attribute, Operation, SSAValue

from tfrc.backend_rust import rust
from tfrc.backend_rust.borrows import Borrows, Loan
from tfrc.backend_rust.calls import Call, Operand, Printed
from tfrc.backend_rust.kernels import FUNCTIONS, print_call
from tfrc.backend_rust.names import Scope, layer_names, scope_of, wrapped
from tfrc.backend_rust.options import EmitError
from tfrc.backend_rust.regions import MapBody, Regions
from tfrc.backend_rust.variables import VariableTable
from tfrc.backend_rust.weight_file import WeightFile
from tfrc.ir import rt
from tfrc.ir.dtype import size_of
from tfrc.ir.shape import Dim, DimsAttr, count, element_of, shape_of

ROLES = frozenset(
    "bias counter filter gradient indices input inputs key lhs offset out residual rhs scale "
    "scratch seed".split()
)
"""What statements call the slices they borrow, so that no buffer or argument is called so."""

LOCALS = ROLES | FUNCTIONS | {"arena", "n", "part", "threads", "v", "variables", "w", "weights"}
"""Every name with a meaning of its own in the body of a signature."""


@dataclass(frozen=True)
class Buffer:
    """`let name: Part<type> = part(offset, dims);`: the place of a tensor in the arena."""

    name: str
    type: str
    offset: str
    dims: str


@dataclass(frozen=True)
class Statement:
    """One kernel call: the node it stands for, the buffers that begin with it, its borrows.

    `condition` is what it runs under; empty if it always does.
    """

    nodes: tuple[str, ...]
    buffers: tuple[Buffer, ...]
    borrows: tuple[str, ...]
    call: str
    condition: str = ""


@dataclass(frozen=True)
class Run:
    """Statements one after the other that run under one condition, which may be empty."""

    condition: str
    statements: tuple[Statement, ...]

    @property
    def buffers(self) -> list[Buffer]:
        """The buffers that begin in it: later statements may use them as well."""
        return [buffer for each in self.statements for buffer in each.buffers]


def runs(statements: Sequence[Statement], is_single: bool) -> list[Run]:
    """The statements in runs, each as long as possible; of one statement each if `is_single`."""
    if is_single:
        return [Run(each.condition, (each,)) for each in statements]
    groups = groupby(statements, key=lambda each: each.condition)
    return [Run(condition, tuple(group)) for condition, group in groups]


@dataclass(frozen=True)
class Params:
    """`const NAME: Type = value;`: the static facts of a call."""

    name: str
    type: str
    value: str


@dataclass
class Source:
    """What all functions of src/model.rs share."""

    weights: WeightFile
    variables: VariableTable
    constants: Scope
    regions: Regions
    params: list[Params] = field(default_factory=list[Params])
    known_params: dict[tuple[str, str, str], str] = field(
        default_factory=dict[tuple[str, str, str], str]
    )
    """Stem, type and value → name."""
    uses: set[str] = field(default_factory=set[str])

    def param(self, stem: str, wanted: str, type_: str, value: str) -> str:
        """The name of a constant of the static facts of a call; `stem` says who may share it."""
        key = stem, type_, value
        if key not in self.known_params:
            self.known_params[key] = self.constants.unique(wanted)
            self.params.append(Params(self.known_params[key], type_, value))
        return self.known_params[key]


@dataclass(frozen=True)
class Place:
    """Where a value's elements lie: from element `first` of an argument, weight or allocation."""

    base: SSAValue
    first: Dim
    length: Dim
    element: Attribute


def node_names(op: Operation) -> list[str]:
    """The TensorFlow nodes that the operation stands for, the one that names it first."""
    match op.location:
        case NameLoc() as name:
            return [name.desc.data]
        case FusedLoc() as fused:
            parts = cast(ArrayAttr[LocationAttr], fused.locations)
            return [part.desc.data for part in parts if isinstance(part, NameLoc)]
        case _:
            return []


class FunctionWriter:
    """Walks one function and collects its statements."""

    def __init__(self, func: FuncOp, inputs: Sequence[str], outputs: Sequence[Dim], source: Source):
        """`inputs`: the names of the inputs; `outputs`: the outputs' offsets in the arena."""
        self._source = source
        self._scope = Scope(LOCALS)
        self._places: dict[SSAValue, Place] = {}
        self._columns: dict[SSAValue, rt.ColumnsOp] = {}
        self._offsets: dict[SSAValue, Dim] = {}
        self._buffers: dict[Place, str] = {}
        self._pending: list[Buffer] = []
        calls = rt.calls(func)
        self.scope_name = scope_of(name for op in calls for name in node_names(op)[:1])
        self.statements: list[Statement] = []
        self.writes_state = False
        """Whether a call writes a variable."""
        for argument in func.args:
            self._places[argument] = _whole(argument)
        arguments = func.args[: len(inputs)]
        self.inputs: dict[SSAValue, str] = {
            argument: self._scope.unique(name)
            for argument, name in zip(arguments, inputs, strict=True)
        }
        self._offsets.update(zip(func.args[len(inputs) :], outputs, strict=True))
        self.write(func.body.block.ops)

    def result(self, output: SSAValue) -> str:
        """The part of an output: the variable of the call that wrote it as a whole, if one did."""
        place = self._places[output]
        if place in self._buffers:
            return self._buffers[place]
        offset, dims = self._offsets[output], rust.dims(shape_of(output))
        return f"part({rust.dim(offset)}, {dims})"

    def write(self, operations: Iterable[Operation]) -> None:
        """Add the statements of `operations`."""
        for op in operations:
            match op:
                case rt.WeightOp() | rt.VariableOp():
                    self._places[op.result] = _whole(op.result)
                case AllocOp():
                    self._allocate(op)
                case rt.ViewOp():
                    (offset,) = op.offset.dims
                    source, view = self._places[op.source], _whole(op.result)
                    first = source.first + offset
                    self._places[op.result] = Place(source.base, first, view.length, view.element)
                case rt.ColumnsOp():
                    self._places[op.result] = self._places[op.source]
                    self._columns[op.result] = op
                case rt.CallOp():
                    self._pending = []
                    self.statements.append(self._call(op))
                case rt.SizeOp() | DeallocOp() | ReturnOp():
                    pass
                case _:
                    raise EmitError(f"{op.name} is no operation of the rt level: run all passes")

    def _columns_of(self, value: SSAValue) -> tuple[int, int] | None:
        """The first column of `value`, and how many there are, if it does not have all of them."""
        op = self._columns.get(value)
        return (op.begin, int(shape_of(op.source)[-1])) if op is not None else None

    def _allocate(self, op: AllocOp) -> None:
        offset = op.attributes.get(rt.OFFSET)
        if not isinstance(offset, DimsAttr):
            raise EmitError(f"a memref.alloc has no {rt.OFFSET}: run plan-arena first")
        (self._offsets[op.memref],) = offset.dims
        self._places[op.memref] = _whole(op.memref)

    def _call(self, op: rt.CallOp) -> Statement:
        nodes = node_names(op) or [op.kernel_name]
        base = self._base_name(op, nodes[0])
        borrows = Borrows()
        operands = self._operands(op, base, borrows)
        scratch = [self._scratch(value, borrows) for value in op.scratch]
        outs = self._outs(op, base, borrows)
        call = Call(
            kernel=op.kernel_name,
            operands=tuple(operands),
            outs=tuple(outs),
            scratch=tuple(scratch),
            static=op.static.data,
            body=self._map_body(op),
            stages=tuple(self._stages(op, operands, outs)),
        )
        text = self._text(print_call(call), base)
        lines = tuple(borrows.statements())
        comment = tuple(wrapped(nodes, self.scope_name))
        condition = " && ".join(self._condition(*literal) for literal in op.when)
        return Statement(comment, tuple(self._pending), lines, text, condition)

    def _map_body(self, op: rt.CallOp) -> MapBody | None:
        """The region of a map."""
        if op.kernel_name != "map" or op.body is None:
            return None
        return MapBody(self._source.regions, op.body.block)

    def _stages(
        self, op: rt.CallOp, operands: Sequence[Operand], outs: Sequence[Operand]
    ) -> Iterator[Call]:
        """The calls in the body of `row_bands`, on its operands, results and what lies between."""
        if op.kernel_name != "row_bands" or op.body is None:
            return
        arguments = op.body.block.args
        known: dict[SSAValue, Operand] = dict(zip(arguments, operands, strict=False))
        known.update(zip(arguments[-len(outs) :], outs, strict=True))

        def operand(role: str, value: SSAValue) -> Operand:
            between = Operand(role, element_of(value), shape_of(value), "")
            return replace(known.get(value, between), role=role)

        for call in op.stages:
            read = tuple(operand(role, value) for role, value in call.named_ins)
            written = tuple(operand("out", value) for value in call.outs)
            yield Call(call.kernel_name, read, written, (), call.static.data)

    def _condition(self, value: SSAValue, expected: bool) -> str:
        """Whether a bool in memory has the expected value."""
        place = self._places[value]
        if place.base in self.inputs:
            slice_ = self._argument(place)
        elif isinstance(place.base.owner, rt.VariableOp):
            slice_ = f"variables.part({self._variable(place)})"
        else:
            slice_ = f"arena.part({self._buffer(value, 'condition')})"
        return f"{slice_}[0] {'!=' if expected else '=='} 0"

    def _base_name(self, op: rt.CallOp, node: str) -> str:
        """What the call's constants, and the buffer that it is the first to write, are called."""
        candidates = layer_names(node, self.scope_name, FUNCTIONS)
        if self._places[op.outs[0]] in self._buffers:
            return candidates[0]
        return self._scope.first_free(candidates)

    def _operands(self, op: rt.CallOp, base: str, borrows: Borrows) -> list[Operand]:
        written = {self._places[value] for value in op.outs}
        borrowed = [v for v in op.ins if self._is_borrowed(v, written)]
        times = Counter(name for name, value in op.named_ins if value in borrowed)
        array = self._all_in_arena(op, written)
        operands: list[Operand] = []
        for position, (role, value) in enumerate(op.named_ins):
            place = self._places[value]
            # An argument or buffer may be called input_2 as well, and be used by the same call.
            local = self._scope.free(f"input_{position}") if times[role] > 1 else role
            if role == "inputs" and times[role] == 1:
                local = "input"
            type_ = rust.element(place.element, f"an operand of {op.kernel_name}")
            columns, result = self._columns_of(value), self._columns_of(op.outs[0])
            in_place = place in written and columns == result
            beside = place in written and not in_place
            if beside and (op.kernel_name != "map" or columns is None or result is None):
                raise EmitError(f"rt.call @{op.kernel_name} reads and writes parts of one buffer")
            if place in written:
                local = "out"
            elif place.base in self.inputs:
                local = self._argument(place)
            elif isinstance(place.base.owner, rt.WeightOp):
                constant = self._weight(op, place.base.owner, place, f"{base}_{local}")
                borrows.weights.append(Loan(local, f"w::{constant}", type_))
            elif isinstance(place.base.owner, rt.VariableOp):
                borrows.variables.reads.append(Loan(local, self._variable(place), type_))
            elif array:
                local = f"inputs[{position}]"
            else:
                part = self._buffer(value, base)
                borrows.arena.reads.append(Loan(local, part, type_))
            shape = shape_of(value)
            operands.append(Operand(role, place.element, shape, local, in_place, columns, beside))
        if array:
            parts = rust.listing([self._buffer(value, base) for value in op.ins])
            borrows.arena.reads.append(Loan("inputs", parts, "array"))
        return operands

    def _is_borrowed(self, value: SSAValue, written: set[Place]) -> bool:
        """Whether a value needs a name in the statement: not what is written, nor an argument."""
        place = self._places[value]
        return place not in written and place.base not in self.inputs

    def _all_in_arena(self, op: rt.CallOp, written: set[Place]) -> bool:
        """Whether the inputs are several buffers of one type and role, to borrow as an array."""
        places = [self._places[value] for value in op.ins]
        return (
            len(places) > 1
            and {name.data for name in op.names} == {"inputs"}
            and len({place.element for place in places}) == 1
            and not written.intersection(places)
            and all(place.base in self._offsets for place in places)
        )

    def _scratch(self, value: SSAValue, borrows: Borrows) -> Operand:
        """Scratch holds nothing before or after the call, so it is declared with each."""
        type_ = self._declare("scratch", value)
        borrows.arena.writes.append(Loan("scratch", "scratch", type_))
        return Operand("scratch", element_of(value), shape_of(value), "scratch")

    def _outs(self, op: rt.CallOp, base: str, borrows: Borrows) -> list[Operand]:
        outs: list[Operand] = []
        for i, value in enumerate(op.outs):
            # `row_bands` alone has more than one result: the second is the mean of the first.
            local = self._scope.free("mean") if i else "out"
            type_ = rust.element(element_of(value), f"a result of {op.kernel_name}")
            place = self._places[value]
            if isinstance(place.base.owner, rt.VariableOp):
                self.writes_state = True
                borrows.variables.writes.append(Loan(local, self._variable(place), type_))
            else:
                wanted, is_free = f"{base}_mean" if i else base, not i
                if value in self._columns:
                    wanted, is_free = self._concatenation(value), False
                part = self._buffer(value, wanted, is_free)
                borrows.arena.writes.append(Loan(local, part, type_))
            shape, columns = shape_of(value), self._columns_of(value)
            outs.append(Operand(local, element_of(value), shape, local, columns=columns))
        return outs

    def _buffer(self, value: SSAValue, wanted: str, is_free: bool = False) -> str:
        """The variable that holds the part of `value`; the first use declares it."""
        place = self._places[value]
        if place not in self._buffers:
            name = wanted if is_free else self._scope.unique(wanted)
            self._declare(name, value)
            self._buffers[place] = name
        return self._buffers[place]

    def _concatenation(self, value: SSAValue) -> str:
        """What the buffer of columns is called: as what joins them."""
        op = self._columns[value]
        nodes = node_names(op) or ["concat"]
        return layer_names(nodes[0], self.scope_name, FUNCTIONS)[0]

    def _declare(self, name: str, value: SSAValue) -> str:
        place = self._places[value]
        if value in self._columns:
            value = self._columns[value].source
        if place.base not in self._offsets:
            raise EmitError("a kernel writes into an input or a weight: run all passes")
        type_ = rust.element(place.element, f"the tensor {name}")
        offset = self._offsets[place.base] + place.first * size_of(place.element)
        self._pending.append(Buffer(name, type_, rust.dim(offset), rust.dims(shape_of(value))))
        return type_

    def _argument(self, place: Place) -> str:
        name = self.inputs[place.base]
        if place == _whole(place.base):
            return name
        return f"&{name}[{rust.dim(place.first)}..][..{rust.dim(place.length)}]"

    def _weight(self, op: rt.CallOp, weight: rt.WeightOp, place: Place, wanted: str) -> str:
        packing = weight.packing.data if weight.packing is not None else "plain"
        return self._source.weights.constant(
            weight.key,
            packing,
            op.number("groups", 1),
            wanted.upper(),
            (int(place.first), int(place.length)),
        )

    def _variable(self, place: Place) -> str:
        variable = place.base.owner
        assert isinstance(variable, rt.VariableOp)
        name = self._source.variables.part(variable.key, int(place.first), int(place.length))
        return f"v::{name}"

    def _text(self, printed: Printed, base: str) -> str:
        arguments = list(printed.arguments)
        if printed.params:
            arguments.insert(0, f"&{self._params(printed, base)}")
        if printed.threads:
            arguments.insert(0, "threads")
        function = printed.function
        if printed.receiver:
            function = f"{printed.receiver}.{function}"
        else:
            self._source.uses.add(function)
        self._source.uses |= printed.uses | set(filter(None, [printed.struct]))
        return f"{function}({', '.join(arguments)}){'?' if printed.fallible else ''};"

    def _params(self, printed: Printed, base: str) -> str:
        """The name of the constant, or the expression itself if it depends on the batch.

        Calls whose names differ in a number at the end, the steps of a loop, share what is equal.
        """
        if rust.mentions(printed.params, "n"):
            return printed.params
        stem = base.rstrip("0123456789").rstrip("_")
        return self._source.param(stem, base.upper(), printed.params_type, printed.params)


def _whole(value: SSAValue) -> Place:
    return Place(value, Dim(0, 0), count(shape_of(value)), element_of(value))
