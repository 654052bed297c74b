"""Turns a tensor as a PyTorch file describes it into a NumPy view of its storage, with bounds checked."""

import math
from collections.abc import Mapping

import ml_dtypes
import numpy as np

from pretrained.torch_files.unpickler import CheckpointError, Storage, Tensor


def itemsize(storage: Storage) -> int:
    """Returns the bytes of one number of the storage."""
    return _dtype(storage).itemsize


def to_array(name: str, tensor: Tensor, storages: Mapping[str, bytes]) -> np.ndarray:
    """Makes the array that a tensor's record describes, without a copy.

    Args:
      name: the tensor's, for the error.
      tensor: the record, not to be trusted.
      storages: the bytes of each storage by key, as long as the storage's `numel` numbers.

    Returns:
      A read-only view of the storage, in the tensor's shape; not contiguous if the tensor was not.

    Raises:
      CheckpointError: the view would reach outside the storage, or have more elements than it.
    """
    storage, offset, shape, stride = tensor[:4]
    try:
        if not isinstance(storage, Storage):
            raise ValueError(f"its storage is {type(storage).__name__}, not a storage")
        # Slices cannot reach outside, whatever the file says.
        values = np.frombuffer(storages[storage.key], _dtype(storage))[storage.first :][: storage.size]
        count = math.prod(shape)
        last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
        natural = all(type(number) is int and number >= 0 for number in (offset, *shape, *stride))
        # No more elements than the storage has: with a stride of 0, a few bytes would become terabytes.
        if not natural or count > len(values) or (count > 0 and last >= len(values)):
            raise ValueError(
                f"shape {shape} with stride {stride} from {offset} on does not fit its storage of {len(values)} numbers"
            )
        if count == 0:
            return np.zeros(shape, _dtype(storage))
        # Where the size is 1, PyTorch allows any stride, even one that NumPy cannot hold.
        steps = [step * values.itemsize * (size > 1) for size, step in zip(shape, stride, strict=True)]
        return np.lib.stride_tricks.as_strided(values[offset:], shape, steps, writeable=False)
    except (TypeError, ValueError) as error:  # The record may hold anything in any place.
        raise CheckpointError(f"tensor {name!r}: {error}") from error


def _dtype(storage: Storage) -> np.dtype:
    return np.dtype(ml_dtypes.bfloat16 if storage.dtype == "bfloat16" else storage.dtype)
