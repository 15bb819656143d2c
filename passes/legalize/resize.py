"""Resizing of images: along each dimension, a weighted sum of gathered rows.

The positions and weights are those of TensorFlow's kernels (core/kernels/image/resize_*_op.cc,
core/util/image_resizer_state.h), computed in float32 as there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import f32, i32
from xdsl.ir import SSAValue

from tfrc.ir import nn
from tfrc.ir.shape import shape_of
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.table import Builder, Refusal, Results, legalizes
from tfrc.passes.legalize.windows import input_of_rank, spatial_sizes

Positions = NDArray[np.int64]
Weights = NDArray[np.float32]
Taps = list[tuple[Positions, Weights]]
"""For each tap, the position it reads and its weight, for each element of the result."""


def _scale(size: int, target: int, align_corners: bool) -> np.float32:
    if align_corners and target > 1:
        return np.float32(size - 1) / np.float32(target - 1)
    return np.float32(size) / np.float32(target)


def _centres(size: int, target: int, align_corners: bool, half_pixel: bool) -> Weights:
    """Where each element of the result lies in the input."""
    x = np.arange(target, dtype=np.float32)
    scale = _scale(size, target, align_corners)
    return (x + np.float32(0.5)) * scale - np.float32(0.5) if half_pixel else x * scale


def nearest(size: int, target: int, align_corners: bool, half_pixel: bool) -> Taps:
    """One tap."""
    x = np.arange(target, dtype=np.float32)
    scale = _scale(size, target, align_corners)
    where = (x + np.float32(0.5)) * scale if half_pixel else x * scale
    # TensorFlow rounds half away from zero here; the positions are not negative.
    rounded = np.floor(where + np.float32(0.5)) if align_corners else np.floor(where)
    positions = np.clip(rounded, 0, size - 1).astype(np.int64)
    return [(positions, np.ones(target, np.float32))]


def bilinear(size: int, target: int, align_corners: bool, half_pixel: bool) -> Taps:
    """Two taps, weighted by the distance."""
    where = _centres(size, target, align_corners, half_pixel)
    low = np.floor(where)
    fraction = (where - low).astype(np.float32)
    below = np.maximum(low, 0).astype(np.int64)
    above = np.minimum(np.ceil(where), size - 1).astype(np.int64)
    return [(below, 1 - fraction), (above, fraction)]


def bicubic(size: int, target: int, align_corners: bool, half_pixel: bool) -> Taps:
    """Four taps of Keys's kernel, from a table of 1024 steps as in TensorFlow.

    With half-pixel centres, A = -0.5 and taps outside the input count for nothing; else A = -0.75
    and they read the border.
    """
    steps = 1024
    a = -0.5 if half_pixel else -0.75
    where = _centres(size, target, align_corners, half_pixel)
    low = np.floor(where).astype(np.int64)
    offset = np.rint((where - low) * steps).astype(np.int64) / steps

    def inner(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def outer(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    weights = [outer(offset + 1), inner(offset), inner(1 - offset), outer(2 - offset)]
    taps: list[tuple[Positions, NDArray[np.float64]]] = []
    for i, weight in enumerate(weights):
        position = low + i - 1
        inside = np.clip(position, 0, size - 1)
        taps.append((inside, np.where(position == inside, weight, 0) if half_pixel else weight))
    if half_pixel:
        total = sum(weight for _, weight in taps)
        taps = [(p, weight / np.where(np.abs(total) < 1e-3, 1, total)) for p, weight in taps]
    return [(p, weight.astype(np.float32)) for p, weight in taps]


def _taps(matrix: NDArray[np.float64]) -> Taps:
    """The taps of a matrix `[target, size]` of weights whose rows are zero but for one span."""
    used = matrix != 0
    first = np.argmax(used, axis=1)
    last = matrix.shape[1] - 1 - np.argmax(used[:, ::-1], axis=1)
    rows = np.arange(len(matrix))
    taps: Taps = []
    for i in range(int((last - first).max()) + 1):
        position = np.minimum(first + i, last)
        weight = np.where(first + i <= last, matrix[rows, position], 0)
        taps.append((position.astype(np.int64), weight.astype(np.float32)))
    return taps


def area(size: int, target: int, align_corners: bool, half_pixel: bool) -> Taps:
    """Each input weighted by how much of it the element covers; beyond the border, the border."""
    scale = float(_scale(size, target, align_corners))
    start = np.arange(target)[:, None] * scale
    pixel = np.arange(max(size, int(np.ceil(start[-1, 0] + scale))))[None, :]
    covered = np.minimum(start + scale, pixel + 1) - np.maximum(start, pixel)
    weights = np.maximum(covered, 0) / scale
    beyond = weights[:, size:].sum(axis=1, keepdims=True)
    return _taps(np.concatenate([weights[:, : size - 1], weights[:, size - 1 : size] + beyond], 1))


def _lanczos(radius: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda x: np.where(x > radius, 0, np.sinc(x) * np.sinc(x / radius))


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    inner = (1.5 * x - 2.5) * x * x + 1
    outer = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x >= 2, 0, np.where(x >= 1, outer, inner))


def _mitchell(x: NDArray[np.float64]) -> NDArray[np.float64]:
    inner = (7 / 6 * x - 2) * x * x + 8 / 9
    outer = ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9
    return np.where(x >= 2, 0, np.where(x >= 1, outer, inner))


KERNELS: dict[str, tuple[float, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    # kernel_type: radius, and weight at a distance
    "lanczos1": (1, _lanczos(1)),
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
    "gaussian": (1.5, lambda x: np.where(x >= 1.5, 0, np.exp(-2 * x * x))),
    "box": (1, lambda x: np.where(x < 0.5, 1, np.where(x == 0.5, 0.5, 0))),
    "triangle": (1, lambda x: np.maximum(1 - x, 0)),
    "keyscubic": (2, _cubic),
    "mitchellcubic": (2, _mitchell),
}
"""The sampling kernels of core/kernels/image/sampling_kernels.h."""


def sampled(
    size: int, target: int, scale: float, translation: float, kernel: str, antialias: bool
) -> Taps:
    """The taps of ScaleAndTranslate: a kernel as wide as an element of the result is."""
    radius, weight = KERNELS[kernel]
    inverse = 1 / scale
    width = max(inverse, 1.0) if antialias else 1.0
    centre = (np.arange(target)[:, None] + 0.5) * inverse - inverse * translation
    distance = np.arange(size)[None, :] + 0.5 - centre
    inside = (np.abs(distance) <= radius * width) & (centre >= 0) & (centre <= size)
    matrix = np.where(inside, weight(np.abs(distance) / width), 0)
    total = matrix.sum(axis=1, keepdims=True)
    return _taps(np.where(np.abs(total) < 1e-30, 0, matrix / np.where(total == 0, 1, total)))


def _along(b: Builder, x: SSAValue, axis: int, taps: Taps) -> SSAValue:
    """The weighted sum of gathered rows along a dimension."""
    total: SSAValue | None = None
    for positions, weights in taps:
        if not weights.any():
            continue
        rows = b.insert(nn.GatherOp(x, b.array(positions, i32), axis)).result
        if (weights != 1).any():
            shape = [len(weights), *[1] * (len(shape_of(x)) - 1 - axis)]
            rows = b.insert(nn.MulOp(rows, b.array(weights.reshape(shape), f32))).result
        total = rows if total is None else b.insert(nn.AddOp(total, rows)).result
    assert total is not None, "some tap has a weight"
    return total


@legalizes("ResizeArea")
def resize_area(node: NodeOp, b: Builder) -> Results:
    """The mean of what each element covers; the result is float32."""
    return _resize(b, area, False)


@legalizes("ScaleAndTranslate")
def scale_and_translate(node: NodeOp, b: Builder) -> Results:
    """Keras's Resizing with `antialias`; the result is float32."""
    x = b.cast(input_of_rank(b, 0, 4), f32)
    target = b.ints(1, "size")
    scale, translation = (b.constants.array(v) for v in node.inputs[2:4])
    if scale is None or translation is None:
        raise Refusal("its scale or translation depends on data: constants are supported")
    kernel = b.get_text("kernel_type", "lanczos3")
    if kernel not in KERNELS:
        raise Refusal(f"kernel_type is {kernel}: {', '.join(KERNELS)} are supported")
    antialias = b.get_flag("antialias", True)
    for axis, (size, extent) in enumerate(zip(spatial_sizes(x), target, strict=True), 1):
        factor, shift = float(scale[axis - 1]), float(translation[axis - 1])
        if size != extent or factor != 1 or shift != 0:
            x = _along(b, x, axis, sampled(size, extent, factor, shift, kernel, antialias))
    return x


def _resize(b: Builder, taps: Callable[[int, int, bool, bool], Taps], keeps_type: bool) -> SSAValue:
    x = input_of_rank(b, 0, 4)
    if not keeps_type:
        x = b.cast(x, f32)
    target = b.ints(1, "size")
    align, half = b.get_flag("align_corners"), b.get_flag("half_pixel_centers")
    if len(target) != 2 or min(target) < 1:
        raise Refusal(f"its size is {list(target)}: it should be a height and a width")
    for axis, (size, extent) in enumerate(zip(spatial_sizes(x), target, strict=True), 1):
        if size != extent:
            x = _along(b, x, axis, taps(size, extent, align, half))
    return x


@legalizes("ResizeNearestNeighbor")
def resize_nearest_neighbor(node: NodeOp, b: Builder) -> Results:
    """Rows and columns picked by `nn.gather`."""
    return _resize(b, nearest, True)


@legalizes("ResizeBilinear")
def resize_bilinear(node: NodeOp, b: Builder) -> Results:
    """Two taps along each dimension; the result is float32."""
    return _resize(b, bilinear, False)


@legalizes("ResizeBicubic")
def resize_bicubic(node: NodeOp, b: Builder) -> Results:
    """Four taps along each dimension; the result is float32."""
    return _resize(b, bicubic, False)


def _transposed(taps: Taps, size: int) -> Taps:
    """The taps of the gradient: each position of the input, and the elements that read it."""
    matrix = np.zeros((len(taps[0][0]), size))
    for positions, weights in taps:
        np.add.at(matrix, (np.arange(len(matrix)), positions), weights)
    return _taps(matrix.T)


def _resize_grad(
    b: Builder, sizes: Sequence[int], taps: Callable[[int, int, bool, bool], Taps]
) -> SSAValue:
    """The gradient of a resize from images of these `sizes`."""
    dy = input_of_rank(b, 0, 4)
    align, half = b.get_flag("align_corners"), b.get_flag("half_pixel_centers")
    for axis, (size, extent) in enumerate(zip(sizes, spatial_sizes(dy), strict=True), 1):
        if size != extent:
            dy = _along(b, dy, axis, _transposed(taps(size, extent, align, half), size))
    return dy


@legalizes("ResizeNearestNeighborGrad")
def resize_nearest_neighbor_grad(node: NodeOp, b: Builder) -> Results:
    """The sum of the elements that read each pixel."""
    return _resize_grad(b, b.ints(1, "size"), nearest)


@legalizes("ResizeBilinearGrad")
def resize_bilinear_grad(node: NodeOp, b: Builder) -> Results:
    """The weighted sum of the elements that read each pixel."""
    return _resize_grad(b, spatial_sizes(input_of_rank(b, 1, 4)), bilinear)


@legalizes("ResizeBicubicGrad")
def resize_bicubic_grad(node: NodeOp, b: Builder) -> Results:
    """The weighted sum of the elements that read each pixel."""
    return _resize_grad(b, spatial_sizes(input_of_rank(b, 1, 4)), bicubic)
