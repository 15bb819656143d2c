"""What the gradient operations mean, as the plainest possible NumPy: window by window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def padded(x: Array, pads: Sequence[int], value: float) -> Array:
    """`[N, spatial…, C]` with a border of `value`; without elements where pads are negative."""
    rank = len(pads) // 2
    sides = [(0, 0), *((pads[i], pads[rank + i]) for i in range(rank)), (0, 0)]
    inside = tuple(
        slice(max(-before, 0), size - max(-after, 0))
        for (before, after), size in zip(sides, x.shape, strict=True)
    )
    widths = [(max(before, 0), max(after, 0)) for before, after in sides]
    return np.pad(x[inside], widths, constant_values=value)


def unpadded(x: Array, pads: Sequence[int], shape: Sequence[int]) -> Array:
    """What lies inside of the border around `shape`."""
    spans = [slice(pads[i], pads[i] + shape[1 + i]) for i in range(len(pads) // 2)]
    return x[(slice(None), *spans)]


def taps(
    kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], sizes: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Each position in a window, and where it is in a padded `[N, spatial…, C]` for all windows."""
    for tap in product(*map(range, kernel)):
        spans = [
            slice(t * d, t * d + (size - 1) * s + 1, s)
            for t, d, s, size in zip(tap, dilations, strides, sizes, strict=True)
        ]
        yield tap, (slice(None), *spans)


def conv_backprop_filter(
    *,
    input: Array,
    gradient: Array,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    result: Any,
) -> Array:
    """`nn.conv2d_backprop_filter`, `nn.conv3d_backprop_filter`: tap by tap."""
    x, dy = padded(input.astype(np.float64), pads, 0), gradient.astype(np.float64)
    kernel = result.shape[:-2]
    axes = range(dy.ndim - 1)
    out = np.zeros(result.shape)
    for tap, window in taps(kernel, strides, dilations, dy.shape[1:-1]):
        out[tap] = np.tensordot(x[window], dy, (axes, axes))
    return out


def depthwise_conv2d_backprop_filter(
    *,
    input: Array,
    gradient: Array,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    result: Any,
) -> Array:
    """`nn.depthwise_conv2d_backprop_filter`: tap by tap."""
    x, dy = padded(input.astype(np.float64), pads, 0), gradient.astype(np.float64)
    *kernel, channels, multiplier = result.shape
    dy = dy.reshape(*dy.shape[:-1], channels, multiplier)
    out = np.zeros(result.shape)
    for tap, window in taps(kernel, strides, dilations, dy.shape[1:-2]):
        out[tap] = (x[window][..., None] * dy).sum((0, 1, 2))
    return out


def max_pool_grad(
    *,
    input: Array,
    gradient: Array,
    window: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    result: Any,
) -> Array:
    """`nn.max_pool_grad`: finds the first largest element of all windows, then adds at it."""
    x = padded(input.astype(np.float64), pads, 0)
    inside = padded(np.ones(input.shape, np.bool_), pads, 0)
    every = list(taps(window, strides, [1] * len(window), gradient.shape[1:-1]))
    best = np.full(gradient.shape, -np.inf)
    owner = np.full(gradient.shape, -1)
    for i, (_, where) in enumerate(every):
        larger = inside[where] & ((x[where] > best) | (owner < 0))
        best, owner = np.where(larger, x[where], best), np.where(larger, i, owner)
    out = np.zeros(x.shape)
    for i, (_, where) in enumerate(every):
        out[where] += np.where(owner == i, gradient, 0)
    return unpadded(out, pads, input.shape)


def max_pool3d_grad(
    *,
    input: Array,
    gradient: Array,
    window: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    result: Any,
) -> Array:
    """`nn.max_pool3d_grad`: adds at all elements that are the largest of a window."""
    x = padded(input.astype(np.float64), pads, np.nan)
    every = list(taps(window, strides, [1] * len(window), gradient.shape[1:-1]))
    best = np.full(gradient.shape, np.finfo(input.dtype).min, np.float64)
    for _, where in every:
        best = np.fmax(best, x[where])
    out = np.zeros(x.shape)
    for _, where in every:
        out[where] += np.where(x[where] == best, gradient, 0)
    return unpadded(out, pads, input.shape)


def segment_sum(*, input: Array, indices: Array, skip_negative: bool = False, result: Any) -> Array:
    """`nn.segment_sum`; IndexError for an index that is no row of the result."""
    rows = input.reshape(-1, *result.shape[1:])
    out = np.zeros(result.shape, np.float64 if input.dtype.kind == "f" else input.dtype)
    for index, row in zip(indices.reshape(-1).tolist(), rows, strict=True):
        if index < 0 and skip_negative:
            continue
        if not 0 <= index < len(out):
            raise IndexError(f"an index is outside [0, {len(out)})")
        out[index] += row
    return out
