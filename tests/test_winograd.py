"""Winograd's minimal filtering in NumPy: against the direct sum, and the order of its weights."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from xdsl.dialects.builtin import f32

from tfrc.backend_rust.weight_file import packed, panels
from tfrc.compiler.driver import CompileOptions, pipeline
from tfrc.ir import nn
from tfrc.ir.reference import Result, conv
from tfrc.ir.shape import Dim, tensor
from tfrc.ir.winograd import (
    TILES,
    conv1d_winograd,
    conv2d_winograd,
    matrices,
    transform_filter,
)
from tfrc.passes.kernels import select
from tfrc.passes.select_kernels import SelectKernelsPass

Array = NDArray[Any]


FORMS = [(kernel, tile) for kernel, tiles in TILES.items() for tile in tiles]


def both(
    kernel: tuple[int, ...],
    tile: int,
    size: tuple[int, int],
    channels: int,
    filters: int,
    pads: list[int],
    dtype: Any,
) -> tuple[Array, Array]:
    """Winograd's result in the arithmetic of `dtype`, and the direct sum in float64."""
    rng = np.random.default_rng(tile)
    x = np.maximum(rng.normal(size=(2, *size, channels)), 0).astype(dtype)
    deviation = np.sqrt(prod(kernel) * channels / 2)
    w = (rng.normal(size=(*kernel, channels, filters)) / deviation).astype(dtype)
    bias = rng.normal(size=filters).astype(dtype)
    sides = (pads[i] + size[i] + pads[2 + i] - kernel[i] + 1 for i in range(2))
    shape = (2, *sides, filters)
    residual = rng.normal(size=shape).astype(dtype)
    facts: dict[str, Any] = {"strides": [1, 1], "pads": pads, "dilations": [1, 1], "groups": 1}
    facts |= {"bias": bias, "residual": residual, "result": Result(shape, np.dtype(dtype))}
    direct = conv(input=x.astype(np.float64), filter=w.astype(np.float64), **facts)
    return conv2d_winograd(input=x, filter=w, tile=tile, **facts), direct


@pytest.mark.parametrize(("kernel", "tile"), FORMS)
@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 1, 1, 1], [0, 2, 5, 1]])
def test_is_the_direct_sum(kernel: tuple[int, ...], tile: int, pads: list[int]) -> None:
    for size in [(3, 5), (7, 9), (12, 10)]:
        result, direct = both(kernel, tile, size, 3, 5, pads, np.float64)
        # Two orders of summation in float64.
        np.testing.assert_allclose(result, direct, rtol=0, atol=1e-13 * np.abs(direct).max())


ERRORS: dict[tuple[tuple[int, ...], int], float] = {
    ((3, 3), 2): 4e-7,
    ((3, 3), 4): 1.5e-6,
    ((1, 3), 2): 4e-7,
    ((1, 3), 4): 4e-7,
    ((1, 5), 4): 7e-7,
}
"""What the documentation of tf-layers states, the largest of some draws."""


@pytest.mark.parametrize(("kernel", "tile"), FORMS)
def test_error_in_float32(kernel: tuple[int, ...], tile: int) -> None:
    # Other draws have other largest errors.
    error = 2 * ERRORS[kernel, tile]
    result, direct = both(kernel, tile, (20, 20), 128, 32, [1, 1, 1, 1], np.float32)
    np.testing.assert_allclose(result, direct, rtol=0, atol=error * np.abs(direct).max())


@pytest.mark.parametrize(("kernel", "tile"), FORMS)
def test_weights_are_a_matrix_for_each_point(kernel: tuple[int, ...], tile: int) -> None:
    rng = np.random.default_rng(0)
    w = rng.normal(size=(*kernel, 5, 21)).astype(np.float32)
    (_, gy, _), (_, gx, _) = (matrices(tile, taps) for taps in kernel)
    weights = packed(w, f"winograd{tile}", 1)
    assert weights.shape == (len(gy) * len(gx), 2, 5, 16)
    for point, matrix in enumerate(weights):
        y, x = divmod(point, len(gx))
        expected = np.einsum("i,j,ijcf->cf", gy[y], gx[x], w.astype(np.float64))
        # Sums in another order, in float64.
        np.testing.assert_allclose(panels(expected.astype(np.float32), 1)[0], matrix, rtol=1e-6)
    np.testing.assert_array_equal(transform_filter(w, tile)[-1], w[-1, -1])
    if kernel[0] == 1:
        np.testing.assert_array_equal(packed(w[0], f"winograd{tile}", 1), weights)


def test_a_sequence_is_an_image_of_one_line() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 13, 3)), rng.normal(size=(5, 3, 4))
    facts: dict[str, Any] = {"strides": [1], "pads": [4, 0], "dilations": [1], "groups": 1}
    facts |= {"bias": rng.normal(size=4), "residual": rng.normal(size=(2, 13, 4))}
    facts |= {"result": Result((2, 13, 4), np.dtype(np.float64))}
    direct = conv(input=x, filter=w, **facts)
    result = conv1d_winograd(input=x, filter=w, tile=4, **facts)
    np.testing.assert_allclose(result, direct, rtol=0, atol=1e-13 * np.abs(direct).max())


def selected(image: int, channels: int, filters: int, exact: bool = False) -> str:
    """The kernel of a convolution of images of `image`×`image` pixels, and its tile."""
    types = [
        tensor(f32, (Dim(1, 0), Dim(0, image), Dim(0, image), Dim(0, c)))
        for c in (channels, filters)
    ]
    filter = nn.WeightOp("w", tensor(f32, [Dim(0, d) for d in (3, 3, channels, filters)]))
    given = nn.WeightOp("x", types[0])
    op = nn.Conv2DOp(
        given.result,
        filter.result,
        strides=[1, 1],
        pads=[1, 1, 1, 1],
        dilations=[1, 1],
        groups=1,
    )
    assert op.result.type == types[1]
    chosen = select(op, exact)
    return chosen.name.removeprefix("conv2d_") + str(chosen.static.get("tile", ""))[:1]


def test_layers_of_resnet50_and_small_ones() -> None:
    layers = [(56, 64), (28, 128), (14, 256), (7, 512), (8, 16), (224, 3)]
    kernels = [selected(image, channels, channels) for image, channels in layers]
    assert kernels == ["winograd4", "winograd4", "winograd2", "winograd2", "conv2d", "conv2d"]
    assert selected(56, 64, 64, exact=True) == "conv2d"


@pytest.mark.parametrize(
    ("options", "exact"),
    [({}, False), ({"exact_convolution": True}, True), ({"level": 1}, True), ({"level": 3}, False)],
)
def test_exact_convolution(options: dict[str, Any], exact: bool) -> None:
    passes = [p for p in pipeline(CompileOptions(**options)) if isinstance(p, SelectKernelsPass)]
    assert [p.exact_convolution for p in passes] == [exact]
