"""Finds the state dict, name -> tensor, in what a PyTorch file holds.

Training scripts save more than weights: `{"epoch": 3, "state_dict": {...}, "optimizer": {...}, "args": Namespace()}`. A
state dict is a dict of tensors alone, not all of them single numbers, at any name in the file or at names within each
other (`model.ema`). Those of optimizers go by numbers.
"""

import reprlib
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pretrained.torch_files.errors import CheckpointError
from pretrained.torch_files.stand_ins import Opaque, Tensor, refused

LEVELS = 3
ENTRIES = 1_000_000  # that are looked at, those of a shared dict each time
T = TypeVar("T")


def find_state_dict(contents: Any, wanted: str | None = None) -> tuple[dict[str, Tensor], str]:
    """Finds the state dict, and its name in the file, which is "" where the file holds nothing else.

    Args:
      contents: what was unpickled.
      wanted: its name; needed if there are several. Or what the names of the tensors of a part of it begin with.

    Raises:
      CheckpointError: there is none, or something else is in it, or there are several.
    """
    found = {"": contents} if _of_tensors(contents) else dict(_state_dicts(contents))
    named = [name for name in found if name]
    if wanted is not None and wanted not in named:
        parts = [part for tensors in found.values() if (part := part_of(tensors, wanted))]
        if len(parts) == 1:
            return parts[0], wanted
        raise CheckpointError(
            f"it has no state dict {wanted!r}; "
            + (f"it has {', '.join(named)}" if named else "it has no names for several")
        )
    if wanted is None and len(found) > 1:
        raise CheckpointError(f"it holds {len(found)} state dicts, {', '.join(named)}: choose with --state-dict NAME")
    if not found:
        raise CheckpointError(_what_else(contents))
    name = next(iter(found)) if wanted is None else wanted
    for key in found[name]:
        if not isinstance(key, str):
            raise CheckpointError(f"expected names of tensors, got {reprlib.repr(key)}")
    return found[name], name


def part_of(tensors: Mapping[str, T], name: str) -> dict[str, T]:
    """The tensors of one module of several, such as "teacher", by their names in it."""
    under = {key: tensor for key, tensor in tensors.items() if isinstance(key, str) and key.startswith(f"{name}.")}
    return {key.removeprefix(f"{name}."): tensor for key, tensor in under.items()}


def _of_tensors(value: Any) -> bool:
    return isinstance(value, dict) and len(value) > 0 and all(isinstance(item, Tensor) for item in value.values())


def _state_dicts(contents: Any) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The state dicts in a tree, by their names joined with points."""
    left, entries = [("", contents, 0)], 0
    while left:
        name, value, level = left.pop()
        if not isinstance(value, dict):
            continue
        entries += len(value)
        if entries > ENTRIES:
            raise CheckpointError(f"its dicts hold more than {ENTRIES:,} values within each other, as in no checkpoint")
        if _of_tensors(value):
            if any(tensor.shape != () for tensor in value.values()):
                yield name, value
        elif level < LEVELS:
            inner = [
                (f"{name}.{key}".lstrip("."), item, level + 1) for key, item in value.items() if isinstance(key, str)
            ]
            left += inner[::-1]


def _what_else(contents: Any) -> str:
    """Why there is no state dict."""
    values = [contents]
    for _ in range(LEVELS):  # an object of another kind is the reason, wherever it lies
        for value in values:
            if isinstance(value, Opaque) or (isinstance(value, type) and issubclass(value, Opaque)):
                return refused(value.asked)
        items = (item for value in values if isinstance(value, dict) for item in value.values())
        values = [*{id(item): item for item in items}.values()]  # a shared one once
    if not isinstance(contents, dict):
        return f"expected a state dict, name -> tensor, got {type(contents).__name__}"
    others = [
        f"{reprlib.repr(name)}: {type(value).__name__.strip('_').lower()}"
        for name, value in contents.items()
        if not isinstance(value, Tensor)
    ]
    return f"expected a state dict, name -> tensor, got also {', '.join(others[:8])}" if others else "it is empty"
