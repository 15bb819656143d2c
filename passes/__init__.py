"""Rewrites of the IR, and the order in which the compiler runs them.

One file a pass, named as the pass. A pass that is not in `PASSES` does not exist.
"""

from __future__ import annotations

from xdsl.passes import ModulePass
from xdsl.transforms.common_subexpression_elimination import CommonSubexpressionElimination
from xdsl.transforms.dead_code_elimination import DeadCodeElimination

from tfrc.passes.canonicalize import CanonicalizePass
from tfrc.passes.elementwise_to_map import ElementwiseToMapPass
from tfrc.passes.fold_batch_norm import FoldBatchNormPass
from tfrc.passes.fold_constants import FoldConstantsPass
from tfrc.passes.free_early import FreeEarlyPass
from tfrc.passes.fuse_activation import FuseActivationPass
from tfrc.passes.fuse_epilogue import FuseEpiloguePass
from tfrc.passes.fuse_heads import FuseHeadsPass
from tfrc.passes.fuse_maps import FuseMapsPass
from tfrc.passes.in_place import InPlacePass
from tfrc.passes.inline_calls import InlineCallsPass
from tfrc.passes.legalize_tf import LegalizeTfPass
from tfrc.passes.merge_matmuls import MergeMatMulsPass
from tfrc.passes.micro_batch import MicroBatchPass
from tfrc.passes.plan_arena import PlanArenaPass
from tfrc.passes.raise_idioms import RaiseIdiomsPass
from tfrc.passes.remove_transposes import RemoveTransposesPass
from tfrc.passes.row_bands import RowBandsPass
from tfrc.passes.schedule import SchedulePass
from tfrc.passes.select_kernels import SelectKernelsPass
from tfrc.passes.space_to_batch_to_dilation import SpaceToBatchToDilationPass
from tfrc.passes.split_reductions import SplitReductionsPass
from tfrc.passes.squeeze_conv1d import SqueezeConv1DPass
from tfrc.passes.unroll_loops import UnrollLoopsPass

PASSES: dict[str, type[ModulePass]] = {
    each.name: each
    for each in (
        FoldConstantsPass,
        InlineCallsPass,
        UnrollLoopsPass,
        SpaceToBatchToDilationPass,
        LegalizeTfPass,
        CanonicalizePass,
        CommonSubexpressionElimination,
        DeadCodeElimination,
        RaiseIdiomsPass,
        SqueezeConv1DPass,
        RemoveTransposesPass,
        FoldBatchNormPass,
        FuseActivationPass,
        FuseEpiloguePass,
        ElementwiseToMapPass,
        FuseMapsPass,
        MergeMatMulsPass,
        FuseHeadsPass,
        SplitReductionsPass,
        SchedulePass,
        SelectKernelsPass,
        RowBandsPass,
        InPlacePass,
        FreeEarlyPass,
        PlanArenaPass,
        MicroBatchPass,
    )
}
"""Every pass by name, in the order in which they first run."""

SCHEDULE: tuple[tuple[str, int], ...] = (
    # pass, and the lowest optimisation level that runs it
    ("fold-constants", 0),
    ("inline-calls", 0),
    ("fold-constants", 0),
    ("unroll-loops", 0),
    ("space-to-batch-to-dilation", 1),
    ("legalize-tf", 0),
    ("canonicalize", 1),
    ("fold-constants", 1),
    ("cse", 1),
    ("dce", 0),
    ("raise-idioms", 2),
    ("squeeze-conv1d", 2),
    ("remove-transposes", 2),
    ("canonicalize", 2),
    ("fold-batch-norm", 1),
    ("fold-constants", 1),
    ("fuse-activation", 1),
    ("fuse-epilogue", 2),
    ("canonicalize", 1),
    ("elementwise-to-map", 0),
    ("fuse-maps", 2),
    ("merge-matmuls", 2),
    ("fuse-heads", 2),
    ("dce", 0),
    ("split-reductions", 0),
    ("schedule", 1),
    ("select-kernels", 0),
    ("row-bands", 2),
    ("in-place", 0),
    ("free-early", 0),
    ("plan-arena", 0),
    ("micro-batch", 2),
)
"""What `tfrc compile` runs, in order. A row names a pass and its options, as `-p` takes them."""

PIPELINES: dict[str, tuple[str, ...]] = {
    f"O{level}": tuple(spec for spec, lowest in SCHEDULE if lowest <= level) for level in range(4)
}
"""The passes of each optimisation level."""

OPTIONAL = {"inplace": "in-place", "memdrop": "free-early"}
"""Passes that a flag of `tfrc compile` leaves out of any pipeline: `--no-enable-inplace` and so on.
"""

FAST_CONVOLUTION = 2
"""The lowest level whose convolutions may use Winograd's minimal filtering."""
