"""The bytes of a PyTorch file's storages, which lie beside its pickle."""

from collections.abc import Callable
from typing import TypeAlias

from pretrained.torch_files.errors import CheckpointError
from pretrained.torch_files.stand_ins import Storage
from pretrained.torch_files.tensor import itemsize

ReadStorages: TypeAlias = Callable[[set[str]], dict[str, bytes]]  # the bytes of those with these keys
BIG_ENDIAN = "written on a big-endian machine; save it anew on a little-endian one"


def check_size(storage: Storage, size: int) -> None:
    """Raises unless `size`, in bytes, is the storage's. Called before reading: a bad number may ask for terabytes."""
    expected = storage.numel * itemsize(storage)
    if size != expected:
        raise CheckpointError(f"broken or cut short: storage {storage.key!r} has {size} bytes, expected {expected}")
