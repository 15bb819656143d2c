"""The `rt` dialect: kernel calls on buffers.

A function takes its inputs and its outputs as memrefs and returns nothing. Each `rt.call` names a
kernel of tf-layers and writes its `outs`; an in-place call has one buffer among both.
`memref.alloc` and `memref.dealloc` show every life; `rt.view` is the same bytes in another shape,
or a part of them. The arena planner gives each `memref.alloc` an `rt.offset`.

    func.func @serving_default(%x: memref<?x4xf32>, %out: memref<?x2xf32>) {
      %w = rt.weight @"dense/kernel" packing "panels" : memref<4x2xf32>
      %N = rt.size <N> : index
      %0 = memref.alloc(%N) : memref<?x2xf32>
      rt.call @matmul(lhs = %x, rhs = %w) -> %0
        : (memref<?x4xf32>, memref<4x2xf32>) -> memref<?x2xf32>
      rt.call @softmax(input = %0) -> %out {axis = 1} : (memref<?x2xf32>) -> memref<?x2xf32>
      memref.dealloc %0 : memref<?x2xf32>
      func.return
    }
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from xdsl.dialects.builtin import (
    ArrayAttr,
    BoolAttr,
    DenseArrayBase,
    DictionaryAttr,
    IndexType,
    IntegerAttr,
    LocationAttr,
    MemRefType,
    StringAttr,
    SymbolRefAttr,
    i1,
)
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Dialect, Region, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    opt_region_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import ConstantLike, Pure
from xdsl.utils.exceptions import VerifyException

from tfrc.ir.nn.base import get_ints, require
from tfrc.ir.shape import Dim, DimsAttr, buffer, count, element_of, shape_of, text

OFFSET = "rt.offset"
"""The attribute of a planned `memref.alloc`: its first byte in the arena, as `#nn.dims<…>`.

Of an `nn.variable`: its first byte in the block of all variables.
"""


ARENA = "rt.arena"
"""The attribute of a planned function: the bytes of its arena, as `#nn.dims<…>`."""

THREAD_SCRATCH = "rt.thread_scratch"
"""The attribute of a planned function: elements of scratch that each further thread wants."""

MICRO_BATCH = "rt.micro_batch"
"""The attribute of a planned function: how many examples of a large batch it takes at once."""

PACKED = "packed"
"""The static fact of a `matmul` whose `rhs` a `pack` has written: its extents [k, n]."""

REGISTER_TILE = "register_tile"
"""A static fact that changes how a product is computed and not what: [rows, columns]."""

DYNAMIC = "dynamic_"
"""What begins the name of a kernel that packs at run time what its namesake takes packed."""


PRODUCTS = frozenset(
    "conv1d conv1d_winograd conv2d conv2d_winograd conv3d dynamic_conv1d dynamic_conv2d "
    "dynamic_conv3d matmul".split()
)
"""Kernels that end in the epilogue of a product: it adds a residual, and writes rows anywhere."""


POOLS = frozenset({"max_pool", "avg_pool"})
"""Kernels that have a distance between the pixels that they read, and between those they write."""


def calls(function: FuncOp) -> list[CallOp]:
    """The kernel calls of a function of buffers, in their order."""
    return [op for op in function.body.block.ops if isinstance(op, CallOp)]


def elements(value: SSAValue) -> Dim:
    """How many elements a buffer has."""
    return count(shape_of(value))


@irdl_op_definition
class WeightOp(IRDLOperation):
    """`%w = rt.weight @name packing "panels" : memref<…>`: a constant of the weight file.

    `packing` is the order in which the kernel reads it (`plain`: row-major); the type says what it
    means, not how it lies.
    """

    name = "rt.weight"

    sym = prop_def(SymbolRefAttr)
    packing = opt_prop_def(StringAttr)
    result = result_def(MemRefType)

    traits = traits_def(Pure(), ConstantLike())
    assembly_format = "$sym (`packing` $packing^)? attr-dict `:` type($result)"

    def __init__(self, name: str, result_type: MemRefType[Attribute], packing: str | None = None):
        super().__init__(
            properties={
                "sym": SymbolRefAttr(name),
                "packing": StringAttr(packing) if packing else None,
            },
            result_types=[result_type],
        )

    @property
    def key(self) -> str:
        """The name in the weight store."""
        return self.sym.root_reference.data


@irdl_op_definition
class VariableOp(IRDLOperation):
    """`%v = rt.variable @"dense/kernel" : memref<…>`: the memory of an `nn.variable`.

    It holds the variable's value when the function is called, and outlives the call. A kernel that
    writes it changes the value, so that whatever reads the old one stands before.
    """

    name = "rt.variable"

    sym = prop_def(SymbolRefAttr)
    result = result_def(MemRefType)

    traits = traits_def(Pure())
    assembly_format = "$sym attr-dict `:` type($result)"

    def __init__(self, key: str, result_type: MemRefType[Attribute]):
        super().__init__(properties={"sym": SymbolRefAttr(key)}, result_types=[result_type])

    @property
    def key(self) -> str:
        """The name of the variable."""
        return self.sym.root_reference.data


@irdl_op_definition
class SizeOp(IRDLOperation):
    """`%0 = rt.size <49*N> : index`: a dimension that depends on the batch."""

    name = "rt.size"

    value = prop_def(DimsAttr)
    result = result_def(IndexType)

    traits = traits_def(Pure())
    assembly_format = "$value attr-dict `:` type($result)"

    def __init__(self, value: Dim):
        super().__init__(properties={"value": DimsAttr.of([value])}, result_types=[IndexType()])


@irdl_op_definition
class ViewOp(IRDLOperation):
    """`%v = rt.view %b offset <0> : memref<…> to memref<…>`: the elements of `%b` from `offset` on.

    A reshape has offset 0 and as many elements; a slice of the leading dimension has fewer. The
    view is contiguous and lives as long as its source.
    """

    name = "rt.view"

    source = operand_def(MemRefType)
    result = result_def(MemRefType)
    offset = prop_def(DimsAttr)

    traits = traits_def(Pure())
    assembly_format = "$source `offset` $offset attr-dict `:` type($source) `to` type($result)"

    def __init__(self, source: SSAValue, result_type: MemRefType[Attribute], offset: Dim):
        super().__init__(
            operands=[source],
            result_types=[result_type],
            properties={"offset": DimsAttr.of([offset])},
        )

    def verify_(self) -> None:
        (offset,) = self.offset.dims
        source, view = count(shape_of(self.source)), count(shape_of(self.result))
        for n in (1, 2):
            require(
                offset.at(n) + view.at(n) <= source.at(n),
                f"rt.view: {text(shape_of(self.result))} from element {offset} does not fit into "
                f"{text(shape_of(self.source))}",
            )


@irdl_op_definition
class ColumnsOp(IRDLOperation):
    """`%v = rt.columns %b first <8> : memref<…x32xf32> to memref<…x16xf32>`: columns of `%b`.

    `v[…, i] = b[…, first + i]`, where an operand of a concatenation along the last axis lies in the
    result. The view is not contiguous, and lives as long as its source. Only kernels that know the
    distance of two rows can take it: see `passes/columns.py`.
    """

    name = "rt.columns"

    source = operand_def(MemRefType)
    result = result_def(MemRefType)
    first = prop_def(DimsAttr)

    traits = traits_def(Pure())
    assembly_format = "$source `first` $first attr-dict `:` type($source) `to` type($result)"

    def __init__(self, source: SSAValue, first: int, width: int):
        shape = (*shape_of(source)[:-1], Dim(0, width))
        super().__init__(
            operands=[source],
            result_types=[buffer(element_of(source), shape)],
            properties={"first": DimsAttr.of([first])},
        )

    @property
    def begin(self) -> int:
        """The first column."""
        return int(self.first.dims[0])

    def verify_(self) -> None:
        *rows, of = shape_of(self.source)
        *view, width = shape_of(self.result)
        require(
            rows == view and self.begin + int(width) <= int(of),
            f"rt.columns: {text(shape_of(self.result))} from column {self.begin} on is no part of "
            f"{text(shape_of(self.source))}",
        )


@irdl_op_definition
class CallOp(IRDLOperation):
    """`rt.call @kernel(name = %in, …) -> %out {static facts}`: run a kernel that writes `outs`.

    Operands carry the names that the `nn` operation gives them, attributes are the static facts of
    the operation and of its kernel (tile, packing). A `map` has its body as a region. `scratch`
    buffers hold nothing before or after the call. With `when(%c, not %d)` it runs if the bool `c`
    is true and `d` is not; else `outs` stay as they are.
    """

    name = "rt.call"

    kernel = prop_def(SymbolRefAttr)
    names = prop_def(ArrayAttr[StringAttr])
    static = prop_def(DictionaryAttr)
    ins = var_operand_def(MemRefType)
    outs = var_operand_def(MemRefType)
    scratch = var_operand_def(MemRefType)
    conditions = var_operand_def(MemRefType)
    expected = prop_def(ArrayAttr[BoolAttr])
    body = opt_region_def("single_block")

    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    def __init__(
        self,
        kernel: str,
        ins: Sequence[tuple[str, SSAValue]],
        outs: Sequence[SSAValue],
        static: Mapping[str, Attribute],
        *,
        scratch: Sequence[SSAValue] = (),
        when: Sequence[tuple[SSAValue, bool]] = (),
        body: Region | None = None,
        loc: LocationAttr | None = None,
    ):
        super().__init__(
            operands=[
                [value for _, value in ins],
                list(outs),
                list(scratch),
                [value for value, _ in when],
            ],
            regions=[[body] if body is not None else []],
            properties={
                "kernel": SymbolRefAttr(kernel),
                "names": ArrayAttr(StringAttr(name) for name, _ in ins),
                "static": DictionaryAttr(dict(static)),
                "expected": ArrayAttr(BoolAttr.from_bool(expected) for _, expected in when),
            },
        )
        if loc is not None:
            self.location = loc

    @property
    def kernel_name(self) -> str:
        """The kernel's name, as in tf-layers."""
        return self.kernel.root_reference.data

    @property
    def named_ins(self) -> list[tuple[str, SSAValue]]:
        """The input buffers with their names; a variadic operand repeats its name."""
        return list(zip((name.data for name in self.names), self.ins, strict=True))

    def ints(self, name: str) -> tuple[int, ...]:
        """A static fact of several integers."""
        return get_ints(cast(DenseArrayBase, self.static.data[name]))

    def number(self, name: str, default: int | None = None) -> int:
        """A static fact of one integer; `default` is for a call that has none of that name."""
        value = self.static.data.get(name)
        if value is None and default is not None:
            return default
        return int(cast(IntegerAttr, value).value.data)

    @property
    def stages(self) -> list[CallOp]:
        """The calls in the body of `row_bands` on lines, of which the last computes the result."""
        return [call for call in self.inner_calls if call.kernel_name != "mean"]

    @property
    def inner_calls(self) -> list[CallOp]:
        """The calls in the body: the `stages` of `row_bands`, and the mean of the last result."""
        ops = self.body.block.ops if self.body is not None else ()
        return [op for op in ops if isinstance(op, CallOp)]

    @property
    def when(self) -> list[tuple[SSAValue, bool]]:
        """The conditions under which it runs, and the value that each must have."""
        expected = (bool(each.value.data) for each in self.expected)
        return list(zip(self.conditions, expected, strict=True))

    def verify_(self) -> None:
        for condition in self.conditions:
            require(
                element_of(condition) == i1 and not shape_of(condition),
                f"rt.call @{self.kernel_name}: its condition is a {condition.type}",
            )
        if len(self.names) != len(self.ins):
            raise VerifyException(
                f"rt.call @{self.kernel_name}: {len(self.names)} names for {len(self.ins)} operands"
            )
        require(len(self.outs) > 0, f"rt.call @{self.kernel_name}: writes nothing")
        if self.kernel_name == "row_bands":
            self._verify_bands()

    def _verify_bands(self) -> None:
        require(self.body is not None and bool(self.stages), "rt.call @row_bands: has no stages")
        assert self.body is not None
        arguments = self.body.block.args
        last = (self.stages[-1], *(call for call in self.inner_calls if call not in self.stages))
        results = [out for call in last for out in call.outs]
        types = [argument.type for argument in arguments]
        require(
            types[: len(self.ins)] == list(self.ins.types)
            and [value.type for value in results] == list(self.outs.types),
            "rt.call @row_bands: its operands or results have other types in its body",
        )
        require(
            results == list(arguments[-len(results) :]),
            "rt.call @row_bands: the last arguments of its body are not its results",
        )

    @classmethod
    def parse(cls, parser: Parser) -> CallOp:
        kernel = parser.parse_symbol_name()

        def named() -> tuple[str, object]:
            name = parser.parse_identifier("an operand's name")
            parser.parse_punctuation("=")
            return name, parser.parse_unresolved_operand()

        ins = parser.parse_comma_separated_list(parser.Delimiter.PAREN, named)
        parser.parse_punctuation("->")
        outs = parser.parse_comma_separated_list(
            parser.Delimiter.NONE, parser.parse_unresolved_operand
        )
        scratch = (
            parser.parse_comma_separated_list(
                parser.Delimiter.PAREN, parser.parse_unresolved_operand
            )
            if parser.parse_optional_keyword("scratch")
            else []
        )

        def condition() -> tuple[object, bool]:
            expected = parser.parse_optional_keyword("not") is None
            return parser.parse_unresolved_operand(), expected

        when = (
            parser.parse_comma_separated_list(parser.Delimiter.PAREN, condition)
            if parser.parse_optional_keyword("when")
            else []
        )
        static = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        pos = parser.pos
        type_ = parser.parse_function_type()
        outputs = type_.outputs.data
        read = [*(v for _, v in ins), *(v for v, _ in when)]
        values = parser.resolve_operands(read, type_.inputs.data, pos)  # pyright: ignore
        results = parser.resolve_operands([*outs, *scratch], outputs, pos)
        body = parser.parse_optional_region()
        return CallOp(
            kernel.data,
            [(name, value) for (name, _), value in zip(ins, values[: len(ins)], strict=True)],
            results[: len(outs)],
            static,
            scratch=results[len(outs) :],
            when=list(zip(values[len(ins) :], (e for _, e in when), strict=True)),
            body=body,
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(self.kernel_name)

        def named(pair: tuple[str, SSAValue]) -> None:
            printer.print_string(f"{pair[0]} = ")
            printer.print_ssa_value(pair[1])

        with printer.in_parens():
            printer.print_list(self.named_ins, named)
        printer.print_string(" -> ")
        printer.print_list(self.outs, printer.print_ssa_value)
        if self.scratch:
            printer.print_string(" scratch")
            with printer.in_parens():
                printer.print_list(self.scratch, printer.print_ssa_value)

        def condition(pair: tuple[SSAValue, bool]) -> None:
            printer.print_string("" if pair[1] else "not ")
            printer.print_ssa_value(pair[0])

        if self.when:
            printer.print_string(" when")
            with printer.in_parens():
                printer.print_list(self.when, condition)
        if self.static.data:
            printer.print_string(" ")
            printer.print_attr_dict(self.static.data)
        printer.print_string(" : ")
        read = [*self.ins.types, *self.conditions.types]
        printer.print_function_type(read, [*self.outs.types, *self.scratch.types])
        if self.body is not None:
            printer.print_string(" ")
            printer.print_region(self.body)


RT = Dialect("rt", [WeightOp, VariableOp, SizeOp, ViewOp, ColumnsOp, CallOp], [])
