"""One picture with what is known about it, and a data set as a sequence of such pictures."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Example(NamedTuple):
    """A picture, upright and in RGB, and what it shows.

    Attributes:
      id: the picture's name within its data set.
      image: uint8 `[h, w, 3]`.
      label: the class of the whole picture, or -1 if the data set labels only objects.
      boxes: float32 `[n, 4]`, left, top, right and bottom in pixels from edge to edge: a whole picture is 0, 0, w, h.
      categories: int32 `[n]`, what each box holds, an index into `Dataset.categories`.
      masks: bool `[n, h, w]`, the pixels of each box's object, if they are known.
    """

    id: str
    image: np.ndarray
    label: int
    boxes: np.ndarray
    categories: np.ndarray
    masks: np.ndarray | None = None

    @property
    def object_mask(self) -> np.ndarray | None:
        """bool `[h, w]`, the pixels of the objects of the label, if they are known."""
        return None if self.masks is None else np.any(self.masks[self.categories == self.label], axis=0)


def digest(*facts: object) -> str:
    """The shortened SHA-256 of facts about a picture; numbers count as JSON writes them, arrays as lists."""
    text = json.dumps(facts, default=lambda one: one.tolist() if isinstance(one, np.ndarray | np.generic) else str(one))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Dataset:
    """Pictures in a fixed order, each read on demand; a data source for grain.

    Attributes:
      name: where the pictures come from.
      categories: their names; labels and the categories of boxes are indices into it.
      length: how many pictures there are, including those that cannot be read.
      read: position -> example; raises `BrokenPicture` if the picture cannot be read.
      label: position -> the class of the whole picture, or -1, without reading the picture if possible.
      shown: position -> the categories of the boxes, without reading the picture if possible.
      identity: position -> a digest of what is known of the picture without reading it: what was measured with another
        one is of other data. By default the position alone, for data that cannot change.
    """

    name: str
    categories: tuple[str, ...]
    length: int
    read: Callable[[int], Example]
    label: Callable[[int], int]
    shown: Callable[[int], Sequence[int]]
    identity: Callable[[int], str] = str

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Example:
        return self.read(range(self.length)[index])

    def identities(self) -> list[str]:
        """The identity of every picture."""
        return [self.identity(index) for index in range(self.length)]
