"""What convolutions and pools share: data formats, and TensorFlow's padding rules."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import SSAValue

from tfrc.ir.shape import rank_of, shape_of
from tfrc.passes.legalize.table import Builder, Refusal


class Format:
    """Where the channels of a node's input are: last (NHWC, NDHWC, NWC) or first (NCHW …)."""

    def __init__(self, b: Builder, rank: int):
        self.name = b.get_text("data_format", "")
        self.channels_first = self.name.startswith("NC")
        self.rank = rank
        if self.name not in ("", "NWC", "NHWC", "NDHWC", "NCW", "NCHW", "NCDHW"):
            raise Refusal(f"data_format is {self.name}: NHWC and NCHW are supported")

    def to_channels_last(self, b: Builder, x: SSAValue) -> SSAValue:
        """`x` as `[N, spatial…, C]`."""
        if not self.channels_first:
            return x
        return b.transpose(x, [0, *range(2, self.rank), 1])

    def from_channels_last(self, b: Builder, y: SSAValue) -> SSAValue:
        """The inverse of `to_channels_last`."""
        if not self.channels_first:
            return y
        return b.transpose(y, [0, self.rank - 1, *range(1, self.rank - 1)])

    def spatial(self, values: Sequence[int], what: str) -> tuple[int, ...]:
        """The spatial entries of an attribute with one entry for each dimension; others are 1."""
        if len(values) != self.rank:
            raise Refusal(f"{what} is {list(values)}: it should have {self.rank} entries")
        channel = 1 if self.channels_first else self.rank - 1
        if values[0] != 1 or values[channel] != 1:
            raise Refusal(
                f"{what} is {list(values)}: over the batch and the channels only 1 is supported"
            )
        return tuple(v for i, v in enumerate(values) if i not in (0, channel))

    def spatial_pads(self, explicit: Sequence[int]) -> tuple[list[int], list[int]]:
        """Pads before and after each spatial dimension, of the attribute `explicit_paddings`."""
        if len(explicit) != 2 * self.rank:
            raise Refusal(
                f"explicit_paddings is {list(explicit)}: it should have {2 * self.rank} entries"
            )
        before = self.spatial([v + 1 for v in explicit[::2]], "explicit_paddings + 1")
        after = self.spatial([v + 1 for v in explicit[1::2]], "explicit_paddings + 1")
        return [v - 1 for v in before], [v - 1 for v in after]


def same_pads(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """The padding SAME: `⌈size / stride⌉` windows; of an odd number of zeros, more behind.

    https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2
    """
    windows = -(-size // stride)
    total = max((windows - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def spatial_sizes(x: SSAValue) -> list[int]:
    """The spatial extents of `[N, spatial…, C]`."""
    *spatial, _ = shape_of(x)[1:]
    for size in spatial:
        if not size.is_static:
            raise Refusal(
                f"a spatial dimension of its input is {size}: give the input a static height and "
                "width (--input-shape)"
            )
    return [int(size) for size in spatial]


def pads(
    b: Builder,
    layout: Format,
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> list[int]:
    """The explicit `pads` (before each dimension, then after each) of the attribute `padding`."""
    padding = b.get_text("padding", "VALID")
    match padding:
        case "SAME":
            pairs = [same_pads(*w) for w in zip(sizes, kernel, strides, dilations, strict=True)]
            return [*(p[0] for p in pairs), *(p[1] for p in pairs)]
        case "VALID":
            return [0] * (2 * len(sizes))
        case "EXPLICIT":
            before, after = layout.spatial_pads(b.get_ints("explicit_paddings"))
            return [*before, *after]
        case _:
            raise Refusal(f"padding is {padding}: SAME, VALID and EXPLICIT are supported")


def input_of_rank(b: Builder, i: int, *ranks: int) -> SSAValue:
    """Operand `i`, which has one of these ranks."""
    x = b.tensor(i)
    if rank_of(x) not in ranks:
        wanted = " or ".join(map(str, ranks))
        raise Refusal(f"its operand {i} has rank {rank_of(x)}, not {wanted}")
    return x
