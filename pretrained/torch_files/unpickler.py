"""A pickle reader that admits tensors and nothing else.

A pickle is a program: it may import any function and call it. PyTorch's files are pickles, so this reader admits
only the names below and refuses all others. Each gives a stand-in that describes a tensor without making one:

    collections.OrderedDict                           a dict
    torch.Size                                        a tuple
    torch.FloatStorage, torch.HalfStorage, ...        the name of the NumPy type
    torch._utils._rebuild_tensor, _rebuild_tensor_v2  `Tensor`, a record of storage, offset, shape and stride
    torch._utils._rebuild_parameter, torch.nn.parameter.Parameter   the tensor they wrap

The list is that of https://github.com/pytorch/pytorch/blob/main/torch/_weights_only_unpickler.py, cut down to what
`state_dict()` of an image classifier holds. The stand-ins keep no state that a hostile file could change: a file can
waste time and memory, but not run or read anything.
"""

import pickle
from typing import Any, BinaryIO, NamedTuple

STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}


class CheckpointError(ValueError):
    """A file of weights that cannot be read, or should not be."""


class Storage(NamedTuple):
    """`size` numbers, from `first` on, of the `numel` that the file keeps under `key`."""

    key: str
    dtype: str
    numel: int
    first: int
    size: int


class Tensor(NamedTuple):
    """What the file says about a tensor, unchecked: offset and stride count numbers of the storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    requires_grad: bool = False
    backward_hooks: Any = None
    metadata: Any = None

    def __setstate__(self, state: object) -> None:
        """Drops the flags that PyTorch before 0.4 stored beside a parameter."""


class _Dict(dict):
    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        """Drops `_metadata`, the versions of the modules a state dict came from."""


class TensorUnpickler(pickle.Unpickler):
    """Reads one pickle of a PyTorch file; `storages` then holds each storage it mentions, by key.

    Raises:
      CheckpointError: the pickle asks for anything but tensors (the message names it), or is broken.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, Storage] = {}

    def load(self) -> Any:
        """Returns the object: dicts, lists, tuples, numbers, strings and `Tensor` records."""
        try:
            return super().load()
        except CheckpointError:
            raise
        except Exception as error:  # A broken pickle raises almost anything, as the documentation of pickle warns.
            raise CheckpointError(f"broken or cut short ({type(error).__name__}: {error})") from error

    def find_class(self, module: str, name: str) -> Any:
        """Returns the stand-in of a global that tensors need."""
        match module, name:
            case "collections", "OrderedDict":
                return _Dict
            case "torch", "Size":
                return tuple
            case "torch", _ if name in STORAGES:
                return STORAGES[name]
            case "torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2":
                return Tensor
            case ("torch._utils", "_rebuild_parameter") | ("torch.nn.parameter", "Parameter"):
                return lambda data, *flags: data  # A new function each time: a pickle can set its attributes.
        raise CheckpointError(
            f"refused: it asks for the Python object '{module}.{name}', and only tensors are read, for anything else "
            "might run code. If you trust the file, load it with PyTorch and torch.save(model.state_dict(), ...) anew"
        )

    def persistent_load(self, pid: Any) -> Storage:
        """Returns the storage that a tensor refers to; its numbers lie elsewhere in the file."""
        match pid:
            case "storage", str(dtype), str(key), str(), int(numel), *view if dtype in STORAGES.values():
                # Files of PyTorch before 0.4 may name a part of a storage: its own key, first number and size.
                _, first, size = view[0] if view and view[0] else (key, 0, numel)
                storage = Storage(key, dtype, numel, first, size)
            case _:
                raise CheckpointError(f"expected the description of a tensor's storage, got {pid!r}")
        known = self.storages.setdefault(key, storage)
        if (known.dtype, known.numel) != (dtype, numel):
            raise CheckpointError(
                f"storage {key!r} is described as {dtype} [{numel}] and as {known.dtype} [{known.numel}]"
            )
        return storage
