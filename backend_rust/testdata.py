"""testdata/features.npz: recorded inputs, and what TensorFlow makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np

from tfrc.backend_rust.options import Array, EmitError, Features
from tfrc.backend_rust.signatures import Signature, Tensor
from tfrc.backend_rust.variables import Variable, variable_key
from tfrc.ir.dtype import numpy_dtype


def write_features(
    path: Path,
    signatures: Sequence[Signature],
    features: Mapping[str, Features],
    variables: Sequence[Variable],
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
                array = np.asarray(given[tensor.original])
                arrays[tensor.key] = as_tensor(array, tensor, tensor.rank + signature.writes)
        for variable in variables if signature.writes else ():
            if variable.path not in recorded.variables:
                raise EmitError(f"the features of {signature.name} lack {variable.path}")
            key = variable_key(signature.name, variable.path)
            arrays[key] = np.asarray(recorded.variables[variable.path])
    write_npz(path, arrays)


def as_tensor(array: Array, tensor: Tensor, rank: int) -> Array:
    """The array in the tensor's element type; EmitError if that is another kind of number."""
    dtype = numpy_dtype(tensor.element)
    if array.dtype.kind != dtype.kind:
        raise EmitError(
            f"the feature {tensor.original} is {array.dtype}, but the model has {tensor.dtype}"
        )
    if array.ndim != rank:
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
