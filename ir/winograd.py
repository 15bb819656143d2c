"""Winograd's minimal filtering: matrices, the transform of filters, and the meaning.

Along each axis it is F(m, r), for r taps and tiles of m results: `Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A`
of a filter `g` and a patch `d` of n = m + r - 1 pixels (Lavin and Gray, "Fast Algorithms for
Convolutional Neural Networks", 2015). The matrices are those of Toom and Cook for n - 1 points `a`
and ∞: a row of `Bᵀ` has the coefficients of `Π (x - b)` over the other points `b`, a column of `Aᵀ`
the powers of `a`, a row of `G` the powers of `a` divided by `Π (a - b)`. An axis where the filter
has one tap stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfrc.ir.nn.activation import ActivationAttr
from tfrc.ir.reference_elementwise import activate

Array = NDArray[Any]

POINTS: dict[int, tuple[float, ...]] = {
    4: (0.0, 1.0, -1.0),
    6: (0.0, 0.625, -0.625, 1.5, -1.5),
    8: (0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0),
}
"""The points besides ∞, by the size of a patch: those of the least error among simple fractions.

Those of 6 leave a quarter of the error of ±1 and ±2.
"""

TILES: dict[tuple[int, ...], tuple[int, ...]] = {(3, 3): (2, 4), (1, 3): (2, 4), (1, 5): (4,)}
"""Height and width of a filter → the sizes of tiles that the kernels have."""


@cache
def matrices(tile: int, taps: int) -> tuple[Array, Array, Array]:
    """`Bᵀ` [n, n], `G` [n, taps] and `Aᵀ` [tile, n] in float64."""
    if taps == 1:
        return np.eye(1), np.eye(1), np.eye(1)
    n = tile + taps - 1
    points = POINTS[n]
    bt, g, at = np.zeros((n, n)), np.zeros((n, taps)), np.zeros((tile, n))
    for i, a in enumerate(points):
        others = [b for b in points if b != a]
        bt[i, :-1] = np.poly(others)[::-1]
        g[i] = np.power(a, range(taps)) / prod(a - b for b in others)
        at[:, i] = np.power(a, range(tile))
    bt[-1] = np.poly(points)[::-1]
    g[-1, -1] = at[-1, -1] = 1
    return bt, g, at


def tiles_of(kernel: Sequence[int], tile: int) -> list[int]:
    """The size of a tile along each axis of a filter."""
    return [1 if taps == 1 else tile for taps in kernel]


def transform_filter(filter: Array, tile: int) -> Array:
    """`G g Gᵀ` of a filter [taps…, C, F]: a matrix for each point, [points, C, F], rounded once."""
    *kernel, channels, filters = filter.shape
    points = filter.astype(np.float64)
    for axis, taps in enumerate(kernel):
        _, g, _ = matrices(tile, taps)
        points = np.moveaxis(np.tensordot(g, points, (1, axis)), 0, axis)
    return points.reshape(-1, channels, filters).astype(filter.dtype)


def conv2d_winograd(
    *,
    input: Array,
    filter: Array,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    groups: int,
    tile: int,
    bias: Array | None = None,
    residual: Array | None = None,
    activation: ActivationAttr | None = None,
    result: Any,
) -> Array:
    """`nn.conv2d` with a filter of `TILES`, in the arithmetic of the input."""
    assert {*strides, *dilations, groups} == {1}, "Winograd's filters are dense"
    *kernel, channels, _ = filter.shape
    batch, height, width, filters = result.shape
    (bty, _, aty), (btx, _, atx) = (
        [matrix.astype(input.dtype) for matrix in matrices(tile, taps)] for taps in kernel
    )
    m, n = tiles_of(kernel, tile), [len(bty), len(btx)]
    down, across = -(-height // m[0]), -(-width // m[1])
    top, left, _, _ = pads
    size = (down - 1) * m[0] + n[0], (across - 1) * m[1] + n[1]
    x = np.zeros((batch, *size, channels), input.dtype)
    inside = input[:, : x.shape[1] - top, : x.shape[2] - left]
    x[:, top : top + inside.shape[1], left : left + inside.shape[2]] = inside
    weights = transform_filter(filter, tile)
    y = np.empty((batch, down * m[0], across * m[1], filters), input.dtype)
    for i, j in product(range(down), range(across)):
        rows, columns = i * m[0], j * m[1]
        patch = x[:, rows : rows + n[0], columns : columns + n[1]]
        points = np.einsum("yi,xj,nijc->yxnc", bty, btx, patch, optimize=True)
        products = points.reshape(-1, batch, channels) @ weights
        products = products.reshape(*n, batch, filters)
        tiles = np.einsum("iy,jx,yxnf->nijf", aty, atx, products, optimize=True)
        y[:, rows : rows + m[0], columns : columns + m[1]] = tiles
    y = y[:, :height, :width]
    for extra in (bias, residual):
        y = y if extra is None else y + extra
    return activate(y, activation)


def conv1d_winograd(
    *,
    input: Array,
    filter: Array,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    residual: Array | None = None,
    result: Any,
    **facts: Any,
) -> Array:
    """`nn.conv1d` as `conv2d_winograd` on images of one line."""
    batch, length, filters = result.shape
    image = type(result)((batch, 1, length, filters), result.dtype)
    wide = conv2d_winograd(
        input=input[:, None],
        filter=filter[None],
        strides=[1, *strides],
        pads=[0, pads[0], 0, pads[1]],
        dilations=[1, *dilations],
        residual=None if residual is None else residual[:, None],
        result=image,
        **facts,
    )
    return wide[:, 0]
