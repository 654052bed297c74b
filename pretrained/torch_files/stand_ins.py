"""What stands for what a pickle asks for: descriptions of tensors, and of anything else nothing but its name.

The stand-ins keep no state that a hostile file could change: a file can waste time and memory, but not run or read
anything; `nesting` bounds how much.
"""

from typing import Any, ClassVar, NamedTuple

STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
FLOAT8 = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")
UNTYPED = (*FLOAT8, "uint16", "uint32", "uint64")  # the tensors that `_rebuild_tensor_v3` makes of bytes


class Storage(NamedTuple):
    """`size` numbers, from `first` on, of the `numel` that the file keeps under `key`."""

    key: str
    dtype: str
    numel: int
    first: int
    size: int


class Tensor(NamedTuple):
    """What the file says about a tensor, unchecked: offset and stride count numbers of the storage.

    The storage holds other numbers than the tensor where `metadata` says so: `conj` and `neg`. With `dtype`, it holds
    bytes.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    requires_grad: bool = False
    backward_hooks: Any = None
    metadata: Any = None
    dtype: str | None = None

    def __setstate__(self, state: object) -> None:
        """Drops the flags that PyTorch before 0.4 stored beside a parameter."""


class StateDict(dict):
    """In place of an ordered dict."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        """Drops `_metadata`, the versions of the modules a state dict came from."""


class Opaque:
    """In place of any other object: the name of what the file asks for."""

    __slots__ = ()
    asked: ClassVar[str]

    def __new__(cls, *arguments: object, **options: object) -> "Opaque":
        """Drops what the object would be made of; so do all that a pickle may call."""
        return super().__new__(cls)

    def __init__(self, *arguments: object, **options: object) -> None: ...
    def __call__(self, *arguments: object, **options: object) -> "Opaque":
        return self

    def __setstate__(self, state: object) -> None: ...
    def __setitem__(self, key: object, value: object) -> None: ...
    def append(self, item: object) -> None: ...
    def extend(self, items: object) -> None: ...
    def add(self, item: object) -> None: ...


def refused(asked: str) -> str:
    """Why there is no weight, where a file asks for something else."""
    return (
        f"refused: it asks for the Python object {asked!r}, and only tensors are read, for anything else might run "
        "code. If you trust the file, load it with PyTorch and torch.save(model.state_dict(), ...) anew"
    )
