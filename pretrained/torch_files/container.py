"""PyTorch's `.pth` files as NumPy arrays, without PyTorch and without trusting the file.

    zip (PyTorch 1.6 on)    NAME/data.pkl, a pickle of tensors, and their storages uncompressed in NAME/data/KEY
    legacy (0.1.10 on)      five pickles: magic number, protocol, machine, tensors, keys of the storages;
                            then for each key the number of elements as 8 bytes, and the storage

Format: https://github.com/pytorch/pytorch/blob/main/torch/serialization.py.
"""

import io
import os
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pretrained.torch_files.tensor import itemsize, to_array
from pretrained.torch_files.unpickler import CheckpointError, Storage, Tensor, TensorUnpickler

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_BIG_ENDIAN = "written on a big-endian machine; save it anew on a little-endian one"


def read_torch_file(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads the state dict of a `.pth` file, zip or legacy.

    A dict wrapped as `{"state_dict": ...}` or `{"model": ...}` is unwrapped, and a `module.` before every name
    (`DataParallel`) is dropped.

    Args:
      path: the file; `torch.save(model.state_dict(), path)` wrote it.

    Returns:
      Name -> read-only array, of the shape and dtype it was saved with. Tensors that shared memory still do.

    Raises:
      CheckpointError: the file holds anything but tensors, is broken, or is of another kind. The message starts with
        the path.
    """
    with open(path, "rb") as file:
        try:
            is_zip = file.read(4) == b"PK\x03\x04"
            file.seek(0)
            contents, storages = _read_zip(file) if is_zip else _read_legacy(file)
            return {name: to_array(name, tensor, storages) for name, tensor in _state_dict(contents).items()}
        except CheckpointError as error:
            raise CheckpointError(f"{Path(path)}: {error}") from error.__cause__


def _read_zip(file: BinaryIO) -> tuple[Any, dict[str, bytes]]:
    """Returns the unpickled contents and the bytes of each storage."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = {entry.filename.partition("/")[2]: entry for entry in archive.infolist()}
            if "data.pkl" not in entries:
                raise CheckpointError("a zip file without NAME/data.pkl: not a PyTorch checkpoint")
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
                # A few bytes could unpack to terabytes.
                raise CheckpointError("a compressed zip file, as PyTorch never writes: not a PyTorch checkpoint")
            if "byteorder" in entries and archive.read(entries["byteorder"]) != b"little":
                raise CheckpointError(_BIG_ENDIAN)
            unpickler = TensorUnpickler(io.BytesIO(archive.read(entries["data.pkl"])))
            contents = unpickler.load()
            storages = {}
            for key, storage in unpickler.storages.items():
                if f"data/{key}" not in entries:
                    raise CheckpointError(f"broken: storage {key!r} is missing")
                entry = entries[f"data/{key}"]
                _check_size(storage, entry.file_size)
                storages[key] = archive.read(entry)
            return contents, storages
    except (zipfile.BadZipFile, EOFError, RuntimeError) as error:  # RuntimeError: encrypted, or of an unknown kind.
        raise CheckpointError(f"broken or cut short ({error})") from error


def _read_legacy(file: BinaryIO) -> tuple[Any, dict[str, bytes]]:
    """Returns the unpickled contents and the bytes of each storage."""
    start = file.read(16)
    file.seek(0)
    # Every PyTorch pickle starts with 0x80; anything else, such as an HTML page, is not tried.
    if start[:1] != b"\x80" or TensorUnpickler(file).load() != _MAGIC:
        raise CheckpointError(f"not a PyTorch checkpoint, zip or legacy: it starts with {start!r}")
    if (protocol := TensorUnpickler(file).load()) != _PROTOCOL:
        raise CheckpointError(f"legacy protocol {protocol!r}, expected {_PROTOCOL}")
    machine = TensorUnpickler(file).load()
    if not (isinstance(machine, dict) and machine.get("little_endian") is True):
        raise CheckpointError(_BIG_ENDIAN)
    unpickler = TensorUnpickler(file)
    contents = unpickler.load()
    keys = TensorUnpickler(file).load()
    if not (isinstance(keys, list) and sorted(map(str, keys)) == sorted(unpickler.storages)):
        raise CheckpointError(f"broken: its tensors need the storages {sorted(unpickler.storages)}, it lists {keys!r}")
    length = os.fstat(file.fileno()).st_size
    storages = {}
    for storage in (unpickler.storages[str(key)] for key in keys):
        size = int.from_bytes(file.read(8), "little") * itemsize(storage)
        _check_size(storage, size)
        _check_size(storage, min(size, length - file.tell()))
        storages[storage.key] = file.read(size)
    return contents, storages


def _check_size(storage: Storage, size: int) -> None:
    """Raises unless `size`, in bytes, is the storage's. Called before reading: a bad number may ask for terabytes."""
    expected = storage.numel * itemsize(storage)
    if size != expected:
        raise CheckpointError(f"broken or cut short: storage {storage.key!r} has {size} bytes, expected {expected}")


def _state_dict(contents: Any) -> dict[str, Tensor]:
    """Finds the state dict in the unpickled contents."""
    for wrapper in ("state_dict", "model"):
        if isinstance(contents, dict) and isinstance(contents.get(wrapper), dict):
            contents = contents[wrapper]
    if not isinstance(contents, dict):
        raise CheckpointError(f"expected a state dict, name -> tensor, got {type(contents).__name__}")
    others = [f"{name!r}: {type(value).__name__}" for name, value in contents.items() if not isinstance(value, Tensor)]
    if others:
        raise CheckpointError(f"expected a state dict, name -> tensor, got also {', '.join(others[:8])}")
    prefix = "module." if all(str(name).startswith("module.") for name in contents) else ""
    return {str(name).removeprefix(prefix): tensor for name, tensor in contents.items()}
