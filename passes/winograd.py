"""Where Winograd's minimal filtering replaces the direct sum of a convolution: rule and scratch.

Measured on Zen 4 with AVX-512, one thread, batch 1, alone and in ResNet50 (times in µs):

    image, channels   direct   tiles of 2   tiles of 4
    56×56, 64          2050       1050          620
    28×28, 128         2040        970          570
    14×14, 256         2000        930          760
    7×7, 512           2160       1660         2400
    62, 128, 3 taps      51         39           31
    250, 64, 5 taps     178                      89

The products of all points take the time of as many multiply-adds. A transformed number costs as
much as 9 of them, in vectors of 16 channels. The filter grows from 9 to 16 or 36 numbers a channel,
and is read from memory once for a few images: each number costs as much as 12 multiply-adds.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from xdsl.dialects.builtin import f32

from tfrc.ir.nn.base import get_ints
from tfrc.ir.nn.linear import ConvOp
from tfrc.ir.shape import Dim, element_of, shape_of
from tfrc.ir.winograd import TILES, tiles_of

FAR_WEIGHTS = 256 * 1024
"""Elements of the filter at all points, beyond which the kernel takes more tiles together."""

LANES = 16
"""Channels of a vector."""

TRANSFORM = 9
"""Multiply-adds in the time of which a number is transformed."""

STREAM = 12
"""Multiply-adds in the time of which a number of the filter comes from memory."""

WORTH = 0.9
"""The share of the direct sum's time that is worth larger rounding errors and filters."""

WORTH_OF_SEQUENCE = 0.6
"""The same for filters of one line.

They are most of the memory of a model of sequences, and grow by 1.6 for five taps and by 2 for
three. `-O3`, which asks for the fastest, takes more of them.
"""


@dataclass(frozen=True)
class Work:
    """What a convolution with tiles of some size does, for a batch of one."""

    points: int
    tiles: int
    channels: int
    filters: int

    @staticmethod
    def of(op: ConvOp, tile: int) -> Work:
        """That of `op`; a direct sum has one tile for each pixel, and its taps as points."""
        *kernel, channels, filters = map(int, shape_of(op.filter))
        sizes = tiles_of(kernel, tile)
        image = map(int, shape_of(op.result)[1:-1])
        points = prod(m + taps - 1 for m, taps in zip(sizes, kernel, strict=True))
        tiles = prod(-(-size // m) for size, m in zip(image, sizes, strict=True))
        return Work(points, tiles, channels, filters)

    @property
    def cost(self) -> int:
        """The time of the products and of streaming the filter, in multiply-adds."""
        return self.points * (self.tiles + STREAM) * self.channels * up(self.filters, LANES)

    @property
    def block(self) -> int:
        """Tiles of a batch that the kernel takes together at most."""
        weights = self.points * self.channels * up(self.filters, LANES)
        return 64 if weights > FAR_WEIGHTS else 32

    @property
    def transforms(self) -> int:
        """The time of the transforms, in multiply-adds."""
        vectors = up(self.channels, LANES) + up(self.filters, LANES)
        return TRANSFORM * self.points * self.tiles * vectors


def best_tile(op: ConvOp) -> int | None:
    """The size of the tiles with which Winograd's filtering is fastest; None for a direct sum."""
    steps = {*get_ints(op.strides), *get_ints(op.dilations), int(op.groups.value.data)}
    *kernel, _, _ = map(int, shape_of(op.filter))
    tiles = TILES.get((1, *kernel)[-2:], ())
    is_whole = min(get_ints(op.pads)) >= 0
    if len(kernel) > 2 or not is_whole or steps != {1} or element_of(op.result) != f32:
        return None
    works = {tile: Work.of(op, tile) for tile in tiles}
    costs = {tile: work.cost + work.transforms for tile, work in works.items()}
    best = min(costs, key=costs.__getitem__, default=None)
    worth = WORTH_OF_SEQUENCE if (1, *kernel)[-2] == 1 else WORTH
    return best if best is not None and costs[best] < worth * Work.of(op, 1).cost else None


def up(number: int, unit: int) -> int:
    """The next multiple of `unit`."""
    return -(-number // unit) * unit


def scratch(op: ConvOp, tile: int) -> Dim:
    """Elements of a block of transformed patches and of their products with the filters.

    They do not grow with the batch, whose tiles come in blocks.
    """
    work, batch = Work.of(op, tile), shape_of(op.result)[0]
    block = min(int(batch) * work.tiles, work.block) if batch.is_static else work.block
    matrices = distance(block, work.channels) + distance(block, work.filters)
    return Dim(0, work.points * matrices)


def distance(tiles: int, columns: int) -> int:
    """Elements between the matrices [tiles, columns] of two points: an odd number of lines."""
    return (-(-tiles * columns // LANES) | 1) * LANES
