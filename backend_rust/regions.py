"""The bodies of `nn.map`: types that run on vectors of f32, and closures for all other types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from xdsl.dialects.builtin import FloatAttr, i1
from xdsl.ir import Attribute, Block, Operation, SSAValue

from tfrc.backend_rust import rust, scalar_rules
from tfrc.backend_rust.expressions import Binding, Expr, Rule
from tfrc.backend_rust.names import Scope, camel
from tfrc.backend_rust.options import EmitError
from tfrc.backend_rust.vector_rules import VECTOR, VECTOR_CASTS
from tfrc.ir import nn
from tfrc.ir.nn.activation import AnyFloatAttr
from tfrc.ir.nn.map import YieldOp, runs_on_vectors
from tfrc.ir.shape import element_of

LONGEST_NAME = 4
"""Operations that a region's name lists; a longer chain is named by its first and last."""

LONGEST_INLINE = 70
"""Characters of an expression that stays within another one; a longer one gets a name."""

LONGEST_EQUATION = 90
"""Characters of an equation that documents a region."""


@dataclass(frozen=True)
class RegionType:
    """A `tf_layers::Region` of src/model.rs."""

    name: str
    doc: str
    token: str
    arguments: str
    count: int
    lines: tuple[str, ...]
    result: str


@dataclass(frozen=True)
class Body:
    """Statements and the expression of the result."""

    lines: tuple[str, ...]
    result: str

    def mentions(self, name: str) -> bool:
        return any(rust.mentions(text, name) for text in (*self.lines, self.result))


Spell = Callable[[Operation, Sequence[Expr]], tuple[Rule, Sequence[Expr]]]
"""The rule for an operation, and its operands with the parameters added."""


def parameters(op: Operation) -> list[float]:
    """The numbers that an operation carries: `alpha`."""
    return [
        float(cast(AnyFloatAttr, a).value.data)
        for a in op.properties.values()
        if isinstance(a, FloatAttr)
    ]


def kind(op: Operation) -> str:
    """`exp` for `nn.exp`."""
    return op.name.removeprefix("nn.")


def name_of(value: SSAValue) -> str:
    """What a value that needs a name is called: the operation that makes it."""
    return kind(value.owner) if isinstance(value.owner, Operation) else "x"


class BodyWriter:
    """Turns the operations of a block into expressions; what is used twice or long gets a name."""

    def __init__(self, arguments: Mapping[SSAValue, Expr], taken: Iterable[str]):
        self._values = dict(arguments)
        self._scope = Scope({"s", "math", "integer", *taken})
        self._lines: list[str] = []

    def write(
        self,
        block: Block,
        constant: Callable[[nn.ConstantOp], Expr],
        spell: Spell,
        finish: Callable[[Expr], Expr] = lambda e: e,
    ) -> Body:
        """The body; `finish` makes the closure's value of the yielded one."""
        for op in block.ops:
            match op:
                case YieldOp():
                    return Body(tuple(self._lines), finish(self._values[op.value]).text)
                case nn.ConstantOp():
                    self._values[op.result] = constant(op)
                case _:
                    self._values[op.results[0]] = self._operation(op, spell)
        raise EmitError("the body of a map ends in nn.yield")

    def _operation(self, op: Operation, spell: Spell) -> Expr:
        rule, operands = spell(op, [self._values[v] for v in op.operands])
        if rule.repeats:
            wanted = [name_of(v) for v in op.operands] + ["alpha"] * len(operands)
            operands = [self._named(e, name) for e, name in zip(operands, wanted, strict=False)]
        built = rule.build(operands)
        result = op.results[0]
        is_last = any(isinstance(use.operation, YieldOp) for use in result.uses)
        uses = len(list(result.uses))
        if uses > 1 or (len(built.text) > LONGEST_INLINE and not is_last):
            return self._named(built, kind(op))
        return built

    def _named(self, expr: Expr, wanted: str) -> Expr:
        """A name for `expr`, unless it is one or a constant."""
        simple = expr.suffix or expr.text.replace("_", "").isalnum()
        if simple or expr.text.startswith(("s.splat", "s.zero")):
            return expr
        name = self._scope.unique(wanted)
        self._lines.append(f"let {name} = {expr.text};")
        return Expr(name)


def vector_constant(op: nn.ConstantOp) -> Expr:
    """`s.splat(6.0)`."""
    value = float(op.array)
    return Expr("s.zero()" if value == 0 else f"s.splat({rust.floating(value)})")


def vector_spell(op: Operation, operands: Sequence[Expr]) -> tuple[Rule, Sequence[Expr]]:
    """The rule on vectors of f32."""
    if isinstance(op, nn.CastOp):
        return VECTOR_CASTS[element_of(op.input), element_of(op.result)], operands
    if kind(op) not in VECTOR:
        raise EmitError(f"{op.name} has no form on vectors of f32")
    extra = [Expr(f"s.splat({rust.floating(alpha)})") for alpha in parameters(op)]
    return VECTOR[kind(op)], [*operands, *extra]


def scalar_constant(op: nn.ConstantOp) -> Expr:
    """`6.0`, of the type f32."""
    element = element_of(op.result)
    if element == i1:
        return Expr(rust.boolean(bool(op.array)))
    text = rust.literal(op.array.item(), element)
    suffix = "" if "::" in text else f"_{rust.TYPES[element]}"
    return Expr(text, Binding.PREFIX if text.startswith("-") else Binding.ATOM, suffix)


def scalar_spell(op: Operation, operands: Sequence[Expr]) -> tuple[Rule, Sequence[Expr]]:
    """The rule on single numbers."""
    source, target = element_of(op.operands[0]), element_of(op.results[0])
    if isinstance(op, nn.CastOp):
        return Rule(lambda x: scalar_rules.cast(x[0], source, target)), operands
    if isinstance(op, nn.SelectOp):
        return scalar_rules.SELECT, operands
    table = scalar_rules.rules(source)
    if kind(op) not in table:
        raise EmitError(f"{op.name} has no form on single numbers of type {source}")
    extra = [Expr(rust.floating(alpha)) for alpha in parameters(op)]
    return table[kind(op)], [*operands, *extra]


def argument_names(count: int) -> list[str]:
    """`x`; `x, y`; `x, y, z`; `x0, x1, …`."""
    return list("xyz"[:count]) if count <= 3 else [f"x{i}" for i in range(count)]


def region_name(block: Block) -> str:
    """`MulAdd`: the operations, one after the other."""
    kinds = [kind(op) for op in block.ops if not isinstance(op, nn.ConstantOp | YieldOp)]
    runs = [k for i, k in enumerate(kinds) if i == 0 or kinds[i - 1] != k]
    if len(runs) > LONGEST_NAME:
        runs = [*runs[:2], "to", *runs[-1:]]
    return camel("_".join(runs)) if runs else "Constant"


class Regions:
    """The region types of the crate; equal bodies share one."""

    def __init__(self, scope: Scope):
        self._scope = scope
        self._by_body: dict[tuple[tuple[int, ...], tuple[str, ...], str], RegionType] = {}

    @property
    def types(self) -> list[RegionType]:
        """In the order of their first use."""
        return list(self._by_body.values())

    def vector(self, block: Block, order: Sequence[int]) -> str:
        """The name of the type for a body of f32; input `i` of the kernel is `order[i]` of it.

        An argument of the body that `order` names twice is one input.
        """
        inputs = max(order, default=-1) + 1
        names = argument_names(inputs)
        by_argument: dict[SSAValue, str] = {
            arg: names[order[i]] for i, arg in enumerate(block.args)
        }
        arguments = {value: Expr(name) for value, name in by_argument.items()}
        body = BodyWriter(arguments, names).write(block, vector_constant, vector_spell)
        key = ((inputs,), body.lines, body.result)
        if key not in self._by_body:
            wanted = region_name(block)
            self._by_body[key] = RegionType(
                name=self._scope.unique(wanted),
                doc=equation(block, by_argument) or "A chain of elementwise operations.",
                token="s" if body.mentions("s") else "_",
                arguments=", ".join(n if body.mentions(n) else f"_{n}" for n in names),
                count=inputs,
                lines=body.lines,
                result=body.result,
            )
        return self._by_body[key].name

    def closure(self, block: Block, order: Sequence[int], in_place: bool) -> str:
        """`|(x, y)| x.wrapping_add(y)`; in place, `|x, y| …` with the tensor's element first."""
        inputs = max(order, default=-1) + 1
        names = argument_names(inputs)
        types: dict[str, Attribute] = {}
        by_argument: dict[SSAValue, Expr] = {}
        for i, arg in enumerate(block.args):
            name = names[order[i]]
            types[name] = arg.type
            is_true = Expr(f"{name} != 0", Binding.COMPARE)
            by_argument[arg] = is_true if arg.type == i1 else Expr(name)
        result = next(op.value for op in block.ops if isinstance(op, YieldOp))
        is_bool = result.type == i1

        def finish(value: Expr) -> Expr:
            return Expr(f"u8::from({value.text})") if is_bool else value

        writer = BodyWriter(by_argument, names)
        body = writer.write(block, scalar_constant, scalar_spell, finish)
        return f"|{closure_parameters(types, in_place)}| {braced(body)}"


@dataclass(frozen=True)
class MapBody:
    """The body of one map, to be printed in either form."""

    regions: Regions
    block: Block

    @property
    def is_vector(self) -> bool:
        """Whether it runs on vectors of f32."""
        return runs_on_vectors(self.block)

    def vector(self, order: Sequence[int]) -> str:
        """The name of its region type; see `Regions.vector`."""
        return self.regions.vector(self.block, order)

    def closure(self, order: Sequence[int], in_place: bool) -> str:
        """It as a closure; see `Regions.closure`."""
        return self.regions.closure(self.block, order, in_place)


def closure_parameters(types: Mapping[str, Attribute], in_place: bool) -> str:
    """The parameters of a closure for `map_any`: one tuple; in place, the first by itself."""
    names = sorted(types, key=argument_names(len(types)).index)
    groups = [names[:1], names[1:]] if in_place else [names]
    parts: list[str] = []
    for group in groups:
        pattern = rust.tuple_or_one(group)
        parts.append(f"{pattern}: {rust.tuple_or_one([rust.TYPES[types[n]] for n in group])}")
    return ", ".join(parts)


def braced(body: Body) -> str:
    """The body of a closure."""
    if not body.lines:
        return body.result
    return "{ " + " ".join([*body.lines, body.result]) + " }"


SYMBOLS = {"add": "+", "sub": "-", "mul": "·", "div": "/", "less": "<", "greater": ">"}
"""Operators in the equation that documents a region."""


def equation(block: Block, names: Mapping[SSAValue, str]) -> str:
    """`hard_swish(x) · y`: the body as one formula; empty if it is too long to be of help."""
    texts = dict(names)
    for op in block.ops:
        match op:
            case YieldOp():
                text = texts[op.value]
                text = text[1:-1] if text.startswith("(") and _is_closed(text) else text
                return f"`{text}`." if len(text) <= LONGEST_EQUATION else ""
            case nn.ConstantOp():
                texts[op.result] = f"{op.array.item():.6g}"
            case _:
                parts = [texts[v] for v in op.operands]
                symbol = SYMBOLS.get(kind(op))
                texts[op.results[0]] = (
                    f"({f' {symbol} '.join(parts)})"
                    if symbol
                    else f"{kind(op)}({', '.join(parts)})"
                )
    return ""


def _is_closed(text: str) -> bool:
    """Whether the parenthesis that opens `text` closes at its end."""
    depth = 0
    for i, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return i == len(text) - 1
    return False
