"""What the masks of TensorFlow's StridedSlice mean: the index of NumPy's basic indexing.

https://www.tensorflow.org/api_docs/python/tf/strided_slice
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import EllipsisType

from tfrc.passes.attributes import Attributes, integer

Index = int | slice | EllipsisType | None


@dataclass(frozen=True)
class Masks:
    """The five bit masks; bit `i` is about entry `i` of begin, end and strides."""

    begin: int
    end: int
    ellipsis: int
    new_axis: int
    shrink_axis: int

    @staticmethod
    def of(attrs: Attributes) -> Masks:
        """The masks of a StridedSlice node."""
        names = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
        return Masks(*(integer(attrs, name) for name in names))


def numpy_index(
    begin: Sequence[int], end: Sequence[int], strides: Sequence[int], masks: Masks
) -> tuple[Index, ...]:
    """The index `i` for which `x[i]` is the slice.

    TensorFlow looks at the ellipsis first, then at a new axis, then at shrinking; an entry that
    shrinks ignores its end, its stride and the begin and end masks.
    """
    index: list[Index] = []
    for i, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
        bit = 1 << i
        if masks.ellipsis & bit:
            index.append(...)
        elif masks.new_axis & bit:
            index.append(None)
        elif masks.shrink_axis & bit:
            index.append(int(first))
        else:
            index.append(
                slice(
                    None if masks.begin & bit else int(first),
                    None if masks.end & bit else int(last),
                    int(step),
                )
            )
    return tuple(index)


def expand_ellipsis(index: Sequence[Index], rank: int) -> tuple[int | slice | None, ...]:
    """The index with full slices in place of the ellipsis, or at the end if there is none."""
    used = sum(1 for entry in index if isinstance(entry, int | slice))
    full = [slice(None)] * (rank - used)
    result: list[int | slice | None] = []
    seen = False
    for entry in index:
        if isinstance(entry, EllipsisType):
            result += [] if seen else full
            seen = True
        else:
            result.append(entry)
    return tuple(result if seen else [*result, *full])
