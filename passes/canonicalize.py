"""Bring operations into the one form that other passes look for.

    %1 = nn.add %zero, %x : …                        uses of %1 become uses of %x
    %3 = nn.pad %2 before = [0, 1, 1, 0] …     =>    %4 = nn.conv2d %2, %w … pads = [1, 1, 1, 1]
    %4 = nn.conv2d %3, %w … pads = [0, 0, 0, 0]

The rules stand in `passes/rules/`, by theme. Each removes an operation, replaces one by a cheaper
one, or moves a constant to the right, and none undoes another, so the pass ends.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import GreedyRewritePatternApplier, PatternRewriteWalker

from tfrc.passes.matching import Rules
from tfrc.passes.rules import arithmetic, movement, products, windows

RULES = Rules()
for theme in (arithmetic, movement, products, windows):
    RULES.include(theme.RULES)


@dataclass(frozen=True)
class CanonicalizePass(ModulePass):
    """Bring operations into the one form that other passes look for."""

    name = "canonicalize"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(GreedyRewritePatternApplier([RULES])).rewrite_module(op)
