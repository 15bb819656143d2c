"""The `tf` dialect: a TensorFlow graph as it is.

One operation class stands for every TensorFlow op, so that importing cannot fail on an op that
nobody has met: `legalize-tf` decides what is supported. Attributes keep TensorFlow's names, and
the location of an operation is the name of its node.

Constants are `nn.constant` and `nn.weight` from the import on; an integer tensor that depends on
the batch size (a folded `Shape`) is `tf.dims`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import (
    DictionaryAttr,
    LocationAttr,
    NameLoc,
    NoneAttr,
    StringAttr,
    TensorType,
    UnknownLoc,
    i1,
)
from xdsl.ir import Attribute, Dialect, ParametrizedAttribute, SSAValue, TypeAttribute
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from tfrc.ir.shape import Dim, DimsAttr, shape_of


@irdl_attr_definition
class StringType(ParametrizedAttribute, TypeAttribute):
    """`!tf.string`: a byte string of any length (TensorFlow's DT_STRING)."""

    name = "tf.string"


@irdl_attr_definition
class ResourceType(ParametrizedAttribute, TypeAttribute):
    """`!tf.resource`: a handle of a variable or a table (TensorFlow's DT_RESOURCE)."""

    name = "tf.resource"


@irdl_attr_definition
class VariantType(ParametrizedAttribute, TypeAttribute):
    """`!tf.variant`: a TensorList or another opaque value (TensorFlow's DT_VARIANT)."""

    name = "tf.variant"


@irdl_attr_definition
class OtherType(ParametrizedAttribute, TypeAttribute):
    """`!tf.dtype<"qint8">`: an element type that has no name in the IR."""

    name = "tf.dtype"

    dtype: StringAttr


@irdl_attr_definition
class UnrankedType(ParametrizedAttribute, TypeAttribute):
    """`!tf.unranked<f32>`: a tensor whose rank TensorFlow could not infer."""

    name = "tf.unranked"

    element_type: Attribute


@irdl_attr_definition
class PartialType(ParametrizedAttribute, TypeAttribute):
    """`!tf.partial<"N, ?, 4", f32>`: a tensor of known rank with dimensions that are not known.

    A `?` is a dimension that TensorFlow could not infer, or that is not linear in the batch. The
    operation behind it can still be legalized once its operands are known better.
    """

    name = "tf.partial"

    dims: StringAttr
    element_type: Attribute

    @staticmethod
    def of(dims: Sequence[Dim | None], element: Attribute) -> PartialType:
        """The type with these dimensions, None for each that is not known."""
        text = ", ".join("?" if d is None else str(d) for d in dims)
        return PartialType(StringAttr(text), element)

    @property
    def shape(self) -> tuple[Dim | None, ...]:
        """The dimensions, None for each that is not known."""
        parts = (part.strip() for part in self.dims.data.split(","))
        return tuple(None if part == "?" else Dim.parse(part) for part in parts)


@irdl_attr_definition
class ShapeAttr(ParametrizedAttribute):
    """`#tf.shape<"?,224,224,3">`: a TensorShapeProto; `"unknown"` if it has no rank."""

    name = "tf.shape"

    text: StringAttr


def node_name(location: LocationAttr) -> str:
    """The TensorFlow node name that a location carries, or ''."""
    match location:
        case NameLoc():
            return location.desc.data
        case UnknownLoc():
            return ""
        case _:
            parts = getattr(location, "locations", ())
            return ", ".join(filter(None, (node_name(part) for part in parts)))


def location(name: str) -> LocationAttr:
    """The location of the TensorFlow node `name`."""
    return NameLoc(StringAttr(name), NoneAttr()) if name else UnknownLoc()


@irdl_op_definition
class NodeOp(IRDLOperation):
    """`%y = tf.node "Conv2D"(%x, %w) {strides = [1, 1, 1, 1]} : (…) -> …`: one node of the graph.

    It says nothing about meaning: the op's name and its attributes are TensorFlow's. Nodes stand in
    an order that respects data edges and control edges.
    """

    name = "tf.node"

    op = prop_def(StringAttr)
    attrs = prop_def(DictionaryAttr)
    inputs = var_operand_def()
    outputs = var_result_def()

    def __init__(
        self,
        op: str,
        inputs: Sequence[SSAValue],
        attrs: Mapping[str, Attribute],
        result_types: Sequence[Attribute],
        loc: LocationAttr | None = None,
    ):
        super().__init__(
            operands=[inputs],
            result_types=[result_types],
            properties={"op": StringAttr(op), "attrs": DictionaryAttr(dict(attrs))},
        )
        if loc is not None:
            self.location = loc

    @property
    def node_name(self) -> str:
        """The name of the node in the TensorFlow graph."""
        return node_name(self.location)

    @classmethod
    def parse(cls, parser: Parser) -> NodeOp:
        op = parser.parse_str_literal("a TensorFlow op name")
        unresolved = parser.parse_comma_separated_list(
            parser.Delimiter.PAREN, parser.parse_unresolved_operand
        )
        attrs = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        pos = parser.pos
        type_ = parser.parse_function_type()
        operands = parser.resolve_operands(unresolved, type_.inputs.data, pos)
        return NodeOp(op, operands, attrs, type_.outputs.data)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_string_literal(self.op.data)
        with printer.in_parens():
            printer.print_list(self.inputs, printer.print_ssa_value)
        if self.attrs.data:
            printer.print_string(" ")
            printer.print_attr_dict(self.attrs.data)
        printer.print_string(" : ")
        printer.print_function_type(self.inputs.types, self.outputs.types)


@irdl_op_definition
class DimsOp(IRDLOperation):
    """`%s = tf.dims <N, 49> : tensor<2xi32>`: an integer tensor that depends on the batch.

    Row-major elements, each linear in `N`. Constant folding makes these from `Shape` nodes and
    folds arithmetic on them; an operation of the `nn` level never has one as an operand.
    """

    name = "tf.dims"

    value = prop_def(DimsAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure())
    assembly_format = "$value attr-dict `:` type($result)"

    def __init__(self, value: DimsAttr, result_type: TensorType[Attribute]):
        super().__init__(properties={"value": value}, result_types=[result_type])

    def verify_(self) -> None:
        size = 1
        for dim in shape_of(self.result):
            size *= int(dim)
        if size != len(self.value.dims):
            raise VerifyException(
                f"tf.dims holds {len(self.value.dims)} elements, but its type has {size}"
            )


@irdl_op_definition
class ThenOp(IRDLOperation):
    """`tf.then %c : tensor<i1>`: what follows, up to the `tf.else` of the same branch, is of the
    branch that is taken if `c` is true.

    Branches are written one behind the other and nest. An assignment in one is seen by what follows
    in it, and behind its `tf.merge` only if it was taken.
    """

    name = "tf.then"

    condition = operand_def(TensorType)

    assembly_format = "$condition attr-dict `:` type($condition)"

    def __init__(self, condition: SSAValue):
        super().__init__(operands=[condition])

    def verify_(self) -> None:
        require_bool(self, self.condition)


@irdl_op_definition
class ElseOp(IRDLOperation):
    """`tf.else`: what follows, up to the `tf.merge`, is of the branch that is taken otherwise."""

    name = "tf.else"

    assembly_format = "attr-dict"


@irdl_op_definition
class MergeOp(IRDLOperation):
    """`%y = tf.merge %c then(%a : …) else(%b : …) …`: the end of both branches; `y = c ? a : b`.

    The variables likewise have the values that the branch taken has left.
    """

    name = "tf.merge"

    condition = operand_def(TensorType)
    then_values = var_operand_def()
    else_values = var_operand_def()
    outputs = var_result_def()

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    assembly_format = (
        "$condition `then` `(` ($then_values^ `:` type($then_values))? `)` `else` `(` "
        "($else_values^ `:` type($else_values))? `)` attr-dict `:` type($condition) "
        "(`->` type($outputs)^)?"
    )

    def __init__(
        self,
        condition: SSAValue,
        then_values: Sequence[SSAValue],
        else_values: Sequence[SSAValue],
        result_types: Sequence[Attribute],
    ):
        super().__init__(
            operands=[[condition], then_values, else_values], result_types=[result_types]
        )

    def verify_(self) -> None:
        require_bool(self, self.condition)
        counts = {len(self.then_values), len(self.else_values), len(self.outputs)}
        if len(counts) > 1:
            raise VerifyException(
                f"tf.merge has {len(self.then_values)} and {len(self.else_values)} values for "
                f"{len(self.outputs)} results"
            )


def require_bool(op: IRDLOperation, condition: SSAValue) -> None:
    """Raise unless `condition` is one bool."""
    if condition.type != TensorType(i1, []):
        raise VerifyException(f"{op.name}: its condition is a {condition.type}, not a tensor<i1>")


def parse_shape_attr(attr: ShapeAttr) -> tuple[int | None, ...] | None:
    """The dimensions of a `#tf.shape`, None for each unknown one; None if the rank is unknown."""
    if attr.text.data == "unknown":
        return None
    parts = [p for p in attr.text.data.split(",") if p]
    return tuple(None if p == "?" else int(p) for p in parts)


TF = Dialect(
    "tf",
    [NodeOp, DimsOp, ThenOp, ElseOp, MergeOp],
    [StringType, ResourceType, VariantType, OtherType, UnrankedType, PartialType, ShapeAttr],
)
