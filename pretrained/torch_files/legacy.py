"""PyTorch's files before 1.6: five pickles, and the storages.

magic number, protocol, machine, tensors, keys of the storages
for each key the number of elements as 8 bytes, and the storage
"""

import os
import reprlib
from typing import Any, BinaryIO

from pretrained.torch_files.errors import CheckpointError
from pretrained.torch_files.storages import BIG_ENDIAN, ReadStorages, check_size
from pretrained.torch_files.tensor import itemsize
from pretrained.torch_files.unpickler import TensorUnpickler

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
OTHERS = {
    b"version https://git-lfs": "as a pointer of Git LFS does, which `git lfs pull` replaces by the file",
    b"\x89HDF": "as HDF5 does, which Keras writes",
    b"\x1f\x8b": "as gzip does",
    b"<": "as a web page does: the download went wrong",
    b"\x08": "as ONNX does, which is a program with its weights",
    b"\x93NUMPY": "as an array of NumPy's does",
    b"\x80": "as other pickles do",
}


def read_legacy(file: BinaryIO) -> tuple[Any, ReadStorages]:
    """Returns the unpickled contents, and what reads the bytes of storages."""
    start = file.read(32)
    file.seek(0)
    # Every PyTorch pickle starts with 0x80; anything else, such as an HTML page, is not tried.
    if not start:
        raise CheckpointError("broken or cut short: it is empty")
    if start[:1] != b"\x80" or TensorUnpickler(file).load() != MAGIC:
        told = next((f", {told}" for magic, told in OTHERS.items() if start.lstrip().startswith(magic)), "")
        raise CheckpointError(f"not a PyTorch checkpoint, zip or legacy: it starts with {start[:16]!r}{told}")
    if (protocol := TensorUnpickler(file).load()) != PROTOCOL:
        raise CheckpointError(f"legacy protocol {reprlib.repr(protocol)}, expected {PROTOCOL}")
    machine = TensorUnpickler(file).load()
    if not (isinstance(machine, dict) and machine.get("little_endian") is True):
        raise CheckpointError(BIG_ENDIAN)
    unpickler = TensorUnpickler(file)
    contents = unpickler.load()
    keys = TensorUnpickler(file).load()
    if not isinstance(keys, list) or not all(isinstance(key, str | int) for key in keys):
        raise CheckpointError(f"broken: expected the keys of its storages, got {reprlib.repr(keys)}")
    if sorted(map(str, keys)) != sorted(unpickler.storages):
        needed = reprlib.repr(sorted(unpickler.storages))
        raise CheckpointError(f"broken: its tensors need the storages {needed}, it lists {reprlib.repr(keys)}")
    length = os.fstat(file.fileno()).st_size

    def read_storages(wanted: set[str]) -> dict[str, bytes]:
        storages = {}
        for storage in (unpickler.storages[str(key)] for key in keys):
            size = int.from_bytes(file.read(8), "little") * itemsize(storage)
            check_size(storage, size)
            check_size(storage, min(size, length - file.tell()))
            if storage.key in wanted:
                storages[storage.key] = file.read(size)
            else:
                file.seek(size, os.SEEK_CUR)
        return storages

    return contents, read_storages
