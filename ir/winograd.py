"""Winograd's minimal filtering F(m×m, 3×3): matrices, the transform of filters, and the meaning.

A tile of m×m results is `Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A` of a filter `g` and a patch `d` of n×n pixels,
n = m + 2 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015). The matrices
are those of Toom and Cook for n - 1 points `a` and ∞: a row of `Bᵀ` has the coefficients of
`Π (x - b)` over the other points `b`, a column of `Aᵀ` the powers of `a`, a row of `G` the powers
of `a` divided by `Π (a - b)`.
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
    2: (0.0, 1.0, -1.0),
    4: (0.0, 0.625, -0.625, 1.5, -1.5),
}
"""Points besides ∞ of each size of tile. Those of 4 leave a quarter of the error of ±1 and ±2."""


@cache
def matrices(tile: int) -> tuple[Array, Array, Array]:
    """`Bᵀ` [n, n], `G` [n, 3] and `Aᵀ` [tile, n] in float64."""
    points = POINTS[tile]
    n = tile + 2
    bt, g, at = np.zeros((n, n)), np.zeros((n, 3)), np.zeros((tile, n))
    for i, a in enumerate(points):
        others = [b for b in points if b != a]
        bt[i, :-1] = np.poly(others)[::-1]
        g[i] = np.power(a, range(3)) / prod(a - b for b in others)
        at[:, i] = np.power(a, range(tile))
    bt[-1] = np.poly(points)[::-1]
    g[-1, -1] = at[-1, -1] = 1
    return bt, g, at


def transform_filter(filter: Array, tile: int) -> Array:
    """`G g Gᵀ` of a filter [3, 3, C, F]: a matrix for each point, [n², C, F], rounded once."""
    _, g, _ = matrices(tile)
    points = np.einsum("yi,xj,ijcf->yxcf", g, g, filter.astype(np.float64), optimize=True)
    return points.reshape(-1, *filter.shape[2:]).astype(filter.dtype)


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
    """`nn.conv2d` with a 3×3 filter, by tiles of `tile`×`tile`, in the arithmetic of the input."""
    assert {*strides, *dilations, groups} == {1}, "Winograd's filters are dense"
    bt, _, at = (matrix.astype(input.dtype) for matrix in matrices(tile))
    batch, height, width, filters = result.shape
    down, across = -(-height // tile), -(-width // tile)
    top, left, _, _ = pads
    channels = input.shape[3]
    x = np.zeros((batch, down * tile + 2, across * tile + 2, channels), input.dtype)
    inside = input[:, : x.shape[1] - top, : x.shape[2] - left]
    x[:, top : top + inside.shape[1], left : left + inside.shape[2]] = inside
    weights = transform_filter(filter, tile)
    y = np.empty((batch, down * tile, across * tile, filters), input.dtype)
    for i, j in product(range(down), range(across)):
        rows, columns = i * tile, j * tile
        patch = x[:, rows : rows + tile + 2, columns : columns + tile + 2]
        points = np.einsum("yi,xj,nijc->yxnc", bt, bt, patch, optimize=True)
        products = points.reshape(-1, batch, channels) @ weights
        products = products.reshape(tile + 2, tile + 2, batch, filters)
        tiles = np.einsum("iy,jx,yxnf->nijf", at, at, products, optimize=True)
        y[:, rows : rows + tile, columns : columns + tile] = tiles
    y = y[:, :height, :width]
    for extra in (bias, residual):
        y = y if extra is None else y + extra
    return activate(y, activation)
