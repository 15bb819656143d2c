"""Where Winograd's minimal filtering replaces the direct sum of a convolution: rule and scratch.

Measured on Zen 4 with AVX-512, one thread, batch 1, alone and in ResNet50 (times in µs):

    image, channels   direct   tiles of 2   tiles of 4
    56×56, 64          2050       1050          620
    28×28, 128         2040        970          570
    14×14, 256         2000        930          760
    7×7, 512           2160       1660         2400

The products of all points take the time of as many multiply-adds. A transformed number costs as
much as 9 of them, in vectors of 16 channels. The filter grows from 9 to 16 or 36 numbers a channel,
and is read from memory once for a few images: each number costs as much as 12 multiply-adds.
"""

from __future__ import annotations

from xdsl.dialects.builtin import f32

from tfrc.ir import nn
from tfrc.ir.nn.base import get_ints
from tfrc.ir.shape import Dim, element_of, shape_of

BLOCK = 32
"""Tiles that the kernel transforms together."""

LANES = 16
"""Channels of a vector."""

TRANSFORM = 9
"""Multiply-adds in the time of which a number is transformed."""

STREAM = 12
"""Multiply-adds in the time of which a number of the filter comes from memory."""

WORTH = 0.9
"""The share of the direct sum's time that is worth larger rounding errors and filters."""


def best_tile(op: nn.Conv2DOp) -> int | None:
    """The size of the tiles with which Winograd's filtering is fastest; None for a direct sum."""
    steps = {*get_ints(op.strides), *get_ints(op.dilations), int(op.groups.value.data)}
    *kernel, channels, filters = map(int, shape_of(op.filter))
    if (
        kernel != [3, 3]
        or min(get_ints(op.pads)) < 0
        or steps != {1}
        or element_of(op.result) != f32
    ):
        return None
    _, *image, _ = shape_of(op.result)
    height, width = map(int, image)
    columns = up(filters, LANES)

    def cost(points: int, places: int, transformed: int) -> int:
        products = points * places * channels * columns
        return products + TRANSFORM * transformed + STREAM * points * channels * columns

    costs = {
        tile: cost(points, tiles, points * tiles * (up(channels, LANES) + columns))
        for tile in (2, 4)
        for points, tiles in [((tile + 2) ** 2, -(-height // tile) * -(-width // tile))]
    }
    best = min(costs, key=lambda tile: costs[tile])
    return best if costs[best] < WORTH * cost(9, height * width, 0) else None


def up(number: int, unit: int) -> int:
    """The next multiple of `unit`."""
    return -(-number // unit) * unit


def scratch(op: nn.Conv2DOp, tile: int) -> Dim:
    """Elements of a block of transformed patches and of their products with the filters.

    They do not grow with the batch, whose tiles come in blocks of `BLOCK`.
    """
    batch, height, width, filters = shape_of(op.result)
    channels = int(shape_of(op.filter)[2])
    tiles = -(-int(height) // tile) * -(-int(width) // tile)
    block = min(int(batch) * tiles, BLOCK) if batch.is_static else BLOCK
    return Dim(0, (tile + 2) ** 2 * (distance(block, channels) + distance(block, int(filters))))


def distance(tiles: int, columns: int) -> int:
    """Elements between the matrices [tiles, columns] of two points: an odd number of lines."""
    return (-(-tiles * columns // LANES) | 1) * LANES
