"""The public functions of a module: what the API, the tests and the documentation say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import BlockArgument, SSAValue

from tfrc.backend_rust import rust
from tfrc.backend_rust.feature_vector import FeatureVector
from tfrc.backend_rust.names import Scope, camel, snake, stem
from tfrc.backend_rust.options import CrateOptions, EmitError
from tfrc.backend_rust.statements import FunctionWriter, Run, Source, Statement, runs
from tfrc.backend_rust.tensor import Tensor
from tfrc.ir import rt
from tfrc.ir.dtype import size_of
from tfrc.ir.shape import Dim, DimsAttr, count, element_of, shape_of

ALIGNMENT = 64

TAKEN = frozenset(
    "session new from_file with_threads max_batch clone default drop model into_model lend save "
    "load reset".split()
)
"""Methods that `Model` and `Session` have anyway."""


LOCAL_NAMES = frozenset(
    "arguments b bools c count example first model n outputs read repeat self session sink source "
    "step steps variables".split()
)
"""Names that the generated functions around the inputs and outputs need for themselves."""


BENCH_BATCHES = (1, 10, 32, 100, 1000)
"""What `cargo bench` measures: one example, and batches."""

BENCH_MEMORY = 1 << 30
"""The most bytes that a session for it may have."""


@dataclass(frozen=True)
class Signature:
    """One public function. `method` takes a slice for each input, `arrays_method` a view.

    `vector` says how one example is taken from one vector; None if `method` does that already.
    `score` is the element of an example's output that decides, for a classifier.
    """

    name: str
    method: str
    arrays_method: str
    vector: FeatureVector | None
    score: int | None
    outputs_type: str
    owned_type: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    arena: Dim
    statements: tuple[Statement, ...]
    inner: tuple[str, ...]
    scope: str
    results: tuple[str, ...]
    writes: bool
    """Whether it writes variables, so that it takes `&mut` and its test runs several steps."""
    micro_batch: int | None = None
    """How many examples of a batch run at once; None for all."""
    thread_scratch: int = 0
    """Elements of scratch memory for each further thread."""

    @property
    def stem(self) -> str:
        """What other names are made from."""
        return stem(self.method)

    @property
    def is_batched(self) -> bool:
        """Whether the batch size can be chosen."""
        return any(x.is_batched for x in self.inputs)

    @property
    def batch_input(self) -> Tensor | None:
        """The input that tells the batch size."""
        return next((x for x in self.inputs if x.is_batched), None)

    @property
    def batch(self) -> str:
        """How the method finds the batch size."""
        x = self.batch_input
        if x is None:
            return "1"
        return f'batch_size("{x.name}", {x.name}.len(), {x.example}, {x.rest})?'

    @property
    def checked(self) -> list[Tensor]:
        """The inputs whose length follows from the batch size."""
        return [x for x in self.inputs if x is not self.batch_input]

    @property
    def arguments(self) -> str:
        """`, x: &[f32], y: &[i32]`: what follows `self`."""
        return "".join(f", {x.argument}" for x in self.inputs)

    @property
    def names(self) -> str:
        """`x, y`."""
        return ", ".join(x.name for x in self.inputs)

    @property
    def references(self) -> str:
        """`&x, &y`."""
        return ", ".join(f"&{x.name}" for x in self.inputs)

    @property
    def views(self) -> str:
        """`, x: ArrayView<'_, f32, Ix2>`: what follows `self`."""
        return "".join(f", {x.name}: {x.view}" for x in self.inputs)

    @property
    def slices(self) -> str:
        """The slices of arrays that are in row-major order."""
        return ", ".join(f"{x.name}.as_slice().unwrap_or_default()" for x in self.inputs)

    @property
    def width(self) -> str:
        """Elements of an example's output, from which a classifier takes its score."""
        (y,) = self.outputs
        return rust.integer(y.length.scale or y.length.offset)

    @property
    def score_remark(self) -> str:
        """Which number the score is."""
        y = self.outputs[0].name
        return (
            f"its element of `{y}`" if self.width == "1" else f"element {self.score} of its `{y}`"
        )

    @property
    def bench_batches(self) -> str:
        """The batch sizes to measure: those whose memory is no burden."""
        sizes = [n for n in BENCH_BATCHES if n == 1 or self.arena.at(n) <= BENCH_MEMORY]
        return rust.listing([str(n) for n in sizes])

    @property
    def black_boxes(self) -> str:
        """`black_box(&x)`: inputs that the optimizer knows nothing about."""
        return ", ".join(f"black_box(&{x.name})" for x in self.inputs)

    @property
    def parameters(self) -> list[str]:
        """The inputs as parameters of the function in src/model.rs."""
        return [
            f"{self.parameter(name)}: &[{x.type}]"
            for x, name in zip(self.inputs, self.inner, strict=True)
        ]

    @property
    def is_uniform(self) -> bool:
        """Whether all outputs, of which there are several, have one element type."""
        return len(self.outputs) > 1 and len({y.type for y in self.outputs}) == 1

    @property
    def parts_type(self) -> str:
        """What the function in src/model.rs returns: where the outputs are."""
        if self.is_uniform:
            return f"[Part<{self.outputs[0].type}>; {len(self.outputs)}]"
        return rust.tuple_or_one([f"Part<{y.type}>" for y in self.outputs])

    @property
    def parts(self) -> str:
        """The value of that type."""
        return rust.listing(self.results) if self.is_uniform else rust.tuple_or_one(self.results)

    @property
    def parts_pattern(self) -> str:
        """The pattern that takes it apart."""
        names = [y.name for y in self.outputs]
        return rust.listing(names) if self.is_uniform else rust.tuple_or_one(names)

    @property
    def has_long_type(self) -> bool:
        """Whether clippy may have an opinion on the type of the parts."""
        return len(self.outputs) > 2 and not self.is_uniform

    @property
    def can_be_split(self) -> bool:
        """Whether the examples of a batch can be run one by one, for the test."""
        return (
            self.is_batched
            and not self.writes
            and all(x.length.scale and not x.length.offset for x in (*self.inputs, *self.outputs))
        )

    @property
    def batch_in_arena(self) -> str:
        """The examples that the arena has room for."""
        return f"max_batch.clamp(1, {self.micro_batch})" if self.micro_batch else "max_batch.max(1)"

    @property
    def micro_batch_inputs(self) -> str:
        """The parts of the inputs that hold `count` examples from the `first` on."""
        return ", ".join(
            f"&{x.name}[{x.example} * first..][..{x.example} * count]" if x.is_batched else x.name
            for x in self.inputs
        )

    def result_offset(self, index: int, batch: str) -> str:
        """Where an output of all `batch` examples begins, in bytes."""
        sizes = [y.length.scale * size_of(y.element) for y in self.outputs[:index]]
        terms = [f"({rust.integer(size)} * {batch}).next_multiple_of(64)" for size in sizes]
        return " + ".join(terms) or "0"

    def result_bytes(self, batch: str) -> str:
        """The bytes of all outputs of `batch` examples."""
        return self.result_offset(len(self.outputs), batch)

    @property
    def arena_bytes(self) -> str:
        """Bytes of the arena for the batch size `n`."""
        return rust.dim(self.arena)

    @property
    def many_arguments(self) -> bool:
        """Whether clippy has an opinion on the number of arguments of the method."""
        return len(self.inputs) > 6

    def runs(self, is_single: bool) -> list[Run]:
        """The statements by the condition that they run under, or each by itself."""
        return runs(self.statements, is_single)

    def uses(self, name: str) -> bool:
        """Whether the body mentions a parameter."""
        texts = [
            text
            for s in self.statements
            for text in (
                *s.borrows,
                s.call,
                s.condition,
                *(t for b in s.buffers for t in (b.offset, b.dims)),
            )
        ]
        return any(rust.mentions(text, name) for text in (*texts, *self.results))

    def parameter(self, name: str) -> str:
        """The name of a parameter, with `_` in front if the body does not need it."""
        return name if self.uses(name) else f"_{name}"


def aligned(dim: Dim) -> Dim:
    """At least `dim` bytes for every batch size, and a multiple of the alignment."""
    return Dim(*(-(-part // ALIGNMENT) * ALIGNMENT for part in (dim.scale, dim.offset)))


def written(func: FuncOp) -> set[SSAValue]:
    """The arguments that some call writes, also through a view: the outputs."""
    source: dict[SSAValue, SSAValue] = {}
    outs: set[SSAValue] = set()
    for op in func.body.block.ops:
        if isinstance(op, rt.ViewOp | rt.ColumnsOp):
            source[op.result] = source.get(op.source, op.source)
        elif isinstance(op, rt.CallOp):
            outs.update(source.get(value, value) for value in op.outs)
    return outs.intersection(func.args)


def tensor_names(func: FuncOp, arguments: Sequence[BlockArgument], default: str) -> list[str]:
    """TensorFlow's names, from the `tf.name` attributes; else the names in the IR."""
    attributes = func.arg_attrs.data if func.arg_attrs is not None else ()
    names: list[str] = []
    for i, argument in enumerate(arguments):
        found = attributes[argument.index].data.get("tf.name") if attributes else None
        hint = argument.name_hint or f"{default}_{i}"
        names.append(found.data if isinstance(found, StringAttr) else hint)
    return names


def tensors(
    arguments: Sequence[BlockArgument], names: Sequence[str], keys: Sequence[str], scope: Scope
) -> list[Tensor]:
    """The description of inputs or outputs."""
    return [
        Tensor(
            name=scope.unique(snake(name)),
            original=name,
            key=key,
            element=element_of(argument),
            type=rust.element(element_of(argument), f"the tensor {name}"),
            dims=rust.dims(shape_of(argument)),
            rank=len(shape_of(argument)),
            length=count(shape_of(argument)),
        )
        for argument, name, key in zip(arguments, names, keys, strict=True)
    ]


def array_keys(
    signature: str, inputs: Sequence[str], outputs: Sequence[str], is_only: bool
) -> tuple[list[str], list[str]]:
    """The names of a signature's arrays in testdata/features.npz.

    Inputs and outputs have their own names; an output that is called as an input is `out:NAME`.
    With several signatures, `SIGNATURE:` stands before each.
    """
    prefix = "" if is_only else f"{signature}:"
    return (
        [f"{prefix}{name}" for name in inputs],
        [f"{prefix}{'out:' if name in inputs else ''}{name}" for name in outputs],
    )


def vector_and_slices(base: str, takes_vector: bool, options: CrateOptions) -> tuple[str, str]:
    """The methods that take one vector and slices; the first is empty if there is none.

    With one input it would be the second; a step is made for a batch, not for an example.
    """
    if not takes_vector:
        return "", base
    if options.layout == "tf2rust":
        return base, f"{stem(base)}_from_slices"
    return f"{stem(base)}_features", base


def read_signature(
    func: FuncOp, source: Source, methods: Scope, is_only: bool, options: CrateOptions
) -> Signature:
    """Everything that the templates say about one function."""
    name = func.sym_name.data
    outs = written(func)
    inputs = [a for a in func.args if a not in outs]
    outputs = [a for a in func.args if a in outs]
    if not outputs:
        raise EmitError(f"the signature {name} has no outputs")
    if list(func.args) != [*inputs, *outputs]:
        raise EmitError(f"the signature {name} should have its outputs after its inputs")
    arena, size = func.attributes.get(rt.ARENA), func.attributes.get(rt.MICRO_BATCH)
    scratch = func.attributes.get(rt.THREAD_SCRATCH)
    planned = arena.dims[0] if isinstance(arena, DimsAttr) else Dim(0, 0)
    offsets: list[Dim] = []
    end = aligned(planned)
    for argument in outputs:
        offsets.append(end)
        end = end + aligned(count(shape_of(argument)) * size_of(element_of(argument)))
    input_names = tensor_names(func, inputs, "input")
    output_names = tensor_names(func, outputs, "output")
    keys = array_keys(name, input_names, output_names, is_only)
    described = tensors(inputs, input_names, keys[0], Scope(LOCAL_NAMES))
    results = tensors(
        outputs,
        output_names,
        keys[1],
        Scope([*LOCAL_NAMES, *(f"{stem(snake(t))}_shape" for t in output_names)]),
    )
    base = methods.unique("predict" if name == "serving_default" else snake(name))
    writer = FunctionWriter(func, [t.name for t in described], offsets, source)
    takes_vector = len(inputs) > 1 and not writer.writes_state
    vector_method, method = vector_and_slices(base, takes_vector, options)
    return Signature(
        name=name,
        method=method,
        arrays_method=f"{stem(base)}_from_arrays",
        vector=FeatureVector(vector_method, described) if vector_method else None,
        score=options.decisions.columns.get(name) if options.decisions is not None else None,
        outputs_type=f"{camel(base)}Outputs",
        owned_type=f"Owned{camel(base)}Outputs",
        inputs=tuple(described),
        outputs=tuple(results),
        arena=end,
        statements=tuple(writer.statements),
        inner=tuple(writer.inputs.values()),
        scope=rust.doc_text(writer.scope_name),
        results=tuple(writer.result(argument) for argument in outputs),
        writes=writer.writes_state,
        micro_batch=int(size.value.data) if isinstance(size, IntegerAttr) else None,
        thread_scratch=int(scratch.value.data) if isinstance(scratch, IntegerAttr) else 0,
    )


def read_signatures(module: ModuleOp, source: Source, options: CrateOptions) -> list[Signature]:
    """The public functions of a planned module."""
    functions = [op for op in module.ops if isinstance(op, FuncOp) and not is_private(op)]
    if not functions:
        raise EmitError("the module has no public function")
    methods = Scope(TAKEN)
    return [read_signature(f, source, methods, len(functions) == 1, options) for f in functions]


def is_private(func: FuncOp) -> bool:
    """Whether a function is the body of control flow, not a signature."""
    return func.sym_visibility is not None and func.sym_visibility.data == "private"
