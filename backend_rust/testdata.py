"""testdata/features.npz: recorded inputs, and what TensorFlow makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np

from tfrc.backend_rust.options import Array, EmitError, Features
from tfrc.backend_rust.signatures import Signature, Tensor
from tfrc.ir.dtype import numpy_dtype


def write_features(
    path: Path, signatures: Sequence[Signature], features: Mapping[str, Features]
) -> None:
    """Write the arrays of all signatures under their keys; EmitError if one is missing."""
    arrays: dict[str, Array] = {}
    for signature in signatures:
        if signature.name not in features:
            raise EmitError(f"there are no features for the signature {signature.name}")
        recorded = features[signature.name]
        for tensors, given, what in (
            (signature.inputs, recorded.inputs, "input"),
            (signature.outputs, recorded.outputs, "output"),
        ):
            for tensor in tensors:
                if tensor.original not in given:
                    raise EmitError(
                        f"the features of {signature.name} lack the {what} {tensor.original}; "
                        f"they have {', '.join(given) or 'nothing'}"
                    )
                arrays[tensor.key] = as_tensor(given[tensor.original], tensor)
    write_npz(path, arrays)


def as_tensor(array: Array, tensor: Tensor) -> Array:
    """The array in the tensor's element type; EmitError if that is another kind of number."""
    array = np.asarray(array)
    dtype = numpy_dtype(tensor.element)
    if array.dtype.kind != dtype.kind:
        raise EmitError(
            f"the feature {tensor.original} is {array.dtype}, but the model has {tensor.dtype}"
        )
    if array.ndim != tensor.rank:
        raise EmitError(
            f"the feature {tensor.original} has rank {array.ndim}, but the model's shape is "
            f"{tensor.dims}"
        )
    return np.ascontiguousarray(array, dtype).reshape(array.shape)


def write_npz(path: Path, arrays: Mapping[str, Array]) -> None:
    """A compressed npz file; the same arrays give the same bytes."""
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            entry = ZipInfo(f"{name}.npy")
            entry.compress_type = ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
