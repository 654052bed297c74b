"""PyTorch's zip files, from 1.6 on: NAME/data.pkl, a pickle of tensors, and their storages in NAME/data/KEY."""

import io
import os
import zipfile
from typing import Any, BinaryIO

from pretrained.torch_files.errors import CheckpointError
from pretrained.torch_files.storages import BIG_ENDIAN, ReadStorages, check_size
from pretrained.torch_files.unpickler import TensorUnpickler

EXPORTED = (
    "a program of torch.export with its weights. Save them alone: torch.save(torch.export.load(FILE).state_dict, ...)"
)
OTHER_ZIPS = {
    "constants.pkl": "TorchScript, a program with its weights. Save them alone: "
    "torch.save(torch.jit.load(FILE).state_dict(), ...)",
    "archive_format": EXPORTED,
    "/serialized_exported_program.json": EXPORTED,  # before PyTorch 2.8
    "/model.weights.h5": "a model of Keras. Save its weights alone, model.save_weights(FILE.weights.h5), for a network "
    "keras:NAME",
}


def read_zip(file: BinaryIO) -> tuple[Any, ReadStorages]:
    """Returns the unpickled contents, and what reads the bytes of storages."""
    archive = zipfile.ZipFile(file)
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        name = entry.filename.partition("/")[2] or f"/{entry.filename}"
        if name in entries:
            # Which of them counts differs from one reader to the next.
            raise CheckpointError(f"broken, or made to deceive: it holds {name} twice")
        entries[name] = entry
    for name, told in OTHER_ZIPS.items():
        if name in entries:
            raise CheckpointError(f"it is {told}")
    if "data.pkl" not in entries:
        told = ", but arrays of NumPy's (.npz)" if any(name.endswith(".npy") for name in entries) else ""
        raise CheckpointError(f"a zip file without NAME/data.pkl: not a PyTorch checkpoint{told}")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
        # A few bytes could unpack to terabytes.
        raise CheckpointError("a compressed zip file: torch.save writes none, so this is not a PyTorch checkpoint")
    if "byteorder" in entries and archive.read(entries["byteorder"]) != b"little":
        raise CheckpointError(BIG_ENDIAN)
    unpickler = TensorUnpickler(io.BytesIO(archive.read(entries["data.pkl"])))
    contents = unpickler.load()

    def read_storages(keys: set[str]) -> dict[str, bytes]:
        for key in keys:
            if f"data/{key}" not in entries:
                raise CheckpointError(f"broken: storage {key!r} is missing")
            check_size(unpickler.storages[key], entries[f"data/{key}"].file_size)
        # Entries may claim the same bytes, so that a small file fills the memory.
        if sum(entries[f"data/{key}"].file_size for key in keys) > os.fstat(file.fileno()).st_size:
            raise CheckpointError("broken, or made to deceive: its storages are longer than the file")
        return {key: archive.read(entries[f"data/{key}"]) for key in keys}

    return contents, read_storages
