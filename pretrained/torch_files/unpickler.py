"""A pickle reader that makes tensors and nothing else.

A pickle is a program: it may import any function and call it. PyTorch's files are pickles, so this reader imports
nothing. It knows only the names below. Each gives a stand-in that describes a tensor without making one:

    collections.OrderedDict                           a dict
    torch.Size                                        a tuple
    torch.FloatStorage, torch.HalfStorage, ...        the name of the NumPy type
    torch.float8_e5m2, torch.uint16, ...              the same, of tensors whose storage has no type
    torch._utils._rebuild_tensor, _v2, _v3            `Tensor`, a record of storage, offset, shape and stride
    torch._utils._rebuild_parameter, torch.nn.parameter.Parameter   the tensor they wrap

The list is that of https://github.com/pytorch/pytorch/blob/main/torch/_weights_only_unpickler.py, cut down to what
`state_dict()` of an image classifier holds. Training scripts save more beside it (`argparse.Namespace`, NumPy's
numbers): any other name gives an `Opaque`, which is never called for what it says, keeps nothing, and is refused as a
weight.
"""

import pickle
import reprlib
from typing import Any, BinaryIO

from pretrained.torch_files.errors import CheckpointError
from pretrained.torch_files.nesting import check_nesting
from pretrained.torch_files.stand_ins import STORAGES, UNTYPED, Opaque, StateDict, Storage, Tensor, refused


class TensorUnpickler(pickle.Unpickler):
    """Reads one pickle of a PyTorch file; `storages` then holds each storage it mentions, by key.

    Raises:
      CheckpointError: the pickle is broken, or nests too much.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="utf-8")
        self.file = file
        self.storages: dict[str, Storage] = {}
        self.others: dict[str, type[Opaque]] = {}

    def load(self) -> Any:
        """Returns the object: dicts, lists, tuples, numbers, strings, `Tensor` records and `Opaque` objects."""
        start = self.file.tell()
        try:
            check_nesting(self.file)
            self.file.seek(start)
            return super().load()
        except CheckpointError:
            raise
        except Exception as error:  # A broken pickle raises almost anything, as the documentation of pickle warns.
            raise CheckpointError(f"broken or cut short ({type(error).__name__}: {error})") from error

    def find_class(self, module: str, name: str) -> Any:
        """Returns the stand-in of a global; nothing is imported."""
        match module, name:
            case "collections", "OrderedDict":
                return StateDict
            case "torch", "Size":
                return tuple
            case "torch", _ if name in STORAGES:
                return STORAGES[name]
            case "torch", _ if name in UNTYPED:
                return name
            case "torch.storage", "UntypedStorage":
                return "uint8"
            case "torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2":
                return Tensor
            # New functions each time: a pickle can set their attributes.
            case "torch._utils", "_rebuild_tensor_v3":
                return lambda *record: Tensor(*record[:6], *record[7:], dtype=record[6])
            case ("torch._utils", "_rebuild_parameter") | ("torch.nn.parameter", "Parameter"):
                return lambda data, *flags: data
        asked = f"{module}.{name}"
        if asked not in self.others:
            self.others[asked] = type("Opaque", (Opaque,), {"asked": asked, "__slots__": ()})
        return self.others[asked]

    def persistent_load(self, pid: Any) -> Storage:
        """Returns the storage that a tensor refers to; its numbers lie elsewhere in the file."""
        match pid:
            case "storage", str(dtype), str(key), str(), int(numel), *view if dtype in STORAGES.values():
                # Files of PyTorch before 0.4 may name a part of a storage: its own key, first number and size.
                _, first, size = view[0] if view and view[0] else (key, 0, numel)
                storage = Storage(key, dtype, numel, first, size)
            case "storage", type() as other, *_ if issubclass(other, Opaque):
                raise CheckpointError(refused(other.asked))
            case _:
                raise CheckpointError(f"expected the description of a tensor's storage, got {reprlib.repr(pid)}")
        known = self.storages.setdefault(key, storage)
        if (known.dtype, known.numel) != (dtype, numel):
            raise CheckpointError(
                f"storage {key!r} is described as {dtype} [{numel}] and as {known.dtype} [{known.numel}]"
            )
        return storage
