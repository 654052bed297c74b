"""Turns a tensor as a PyTorch file describes it into a NumPy view of its storage, with bounds checked."""

import math
import reprlib
from collections.abc import Mapping

import ml_dtypes
import numpy as np

from pretrained.torch_files.errors import CheckpointError
from pretrained.torch_files.stand_ins import FLOAT8, UNTYPED, Storage, Tensor


def itemsize(storage: Storage) -> int:
    """Returns the bytes of one number of the storage."""
    return numpy_dtype(storage.dtype).itemsize


def numpy_dtype(name: str) -> np.dtype:
    """Returns the NumPy type of this name, of which `ml_dtypes` has some."""
    return np.dtype(getattr(ml_dtypes, name) if name == "bfloat16" or name in FLOAT8 else name)


def to_array(name: str, tensor: Tensor, storages: Mapping[str, bytes]) -> np.ndarray:
    """Makes the array that a tensor's record describes, without a copy.

    Args:
      name: the tensor's, for the error.
      tensor: the record, not to be trusted.
      storages: the bytes of each storage by key, as long as the storage's `numel` numbers.

    Returns:
      A read-only view of the storage, in the tensor's shape; not contiguous if the tensor was not. A copy, where the
      storage holds the negative or the conjugate of the tensor.

    Raises:
      CheckpointError: the view would reach outside the storage, or have more elements than it, or the record says what
        only a newer PyTorch knows.
    """
    storage, offset, shape, stride = tensor[:4]
    try:
        if not isinstance(storage, Storage):
            raise ValueError(f"its storage is {type(storage).__name__}, not a storage")
        # Slices cannot reach outside, whatever the file says.
        width = itemsize(storage)
        data = memoryview(storages[storage.key])[storage.first * width :][: storage.size * width]
        if tensor.dtype is not None and (tensor.dtype not in UNTYPED or storage.dtype != "uint8"):
            raise ValueError(f"of type {reprlib.repr(tensor.dtype)}, in a storage of {storage.dtype}")
        dtype = numpy_dtype(tensor.dtype or storage.dtype)
        held = len(data) // dtype.itemsize
        # Before any arithmetic: a list times a number would be as long as the number says.
        natural = len(shape) == len(stride) <= 64 and all(
            type(number) is int and 0 <= number < 2**63 for number in (offset, *shape, *stride)
        )
        count = math.prod(shape) if natural else 0
        last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True)) if natural else 0
        # No more elements than the storage has: with a stride of 0, a few bytes would become terabytes.
        if not natural or count > held or (count > 0 and last >= held):
            told = f"shape {reprlib.repr(shape)} with stride {reprlib.repr(stride)} from {reprlib.repr(offset)} on"
            raise ValueError(f"{told} does not fit its storage of {held} numbers")
        if count == 0:
            return np.zeros(shape, dtype)
        # Where the size is 1, PyTorch allows any stride, even one that NumPy cannot hold.
        steps = [step * dtype.itemsize * (size > 1) for size, step in zip(shape, stride, strict=True)]
        array: np.ndarray = np.ndarray(shape, dtype, data, offset * dtype.itemsize, steps)
        return _lazily(array, tensor.metadata or {})
    except Exception as error:  # The record may hold anything in any place.
        raise CheckpointError(f"tensor {name!r}: {error}") from error


def _lazily(array: np.ndarray, metadata: Mapping[str, bool]) -> np.ndarray:
    """Does what PyTorch puts off: a conjugate or negative view says so beside the numbers that it was made of."""
    if not metadata.keys() <= {"conj", "neg"}:
        raise ValueError(f"saved with {', '.join(map(reprlib.repr, metadata))}, of which only conj and neg are known")
    if metadata.get("conj"):
        array = array.conj()
    if metadata.get("neg"):
        array = -array
    array.flags.writeable = False
    return array
