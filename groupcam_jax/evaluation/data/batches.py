"""Batches that do not depend on what ran before, for interrupted runs and several processes."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from groupcam_jax.evaluation.data.ahead import ahead
from groupcam_jax.evaluation.data.examples import Dataset, Example
from groupcam_jax.pictures.decode import BrokenPicture

THREADS = 4  # each reads a batch; twice as many batches are kept ready


class Broken(NamedTuple):
    """A picture that could not be read: its position in the data set, its name, and an error message that names it."""

    number: int
    id: str
    why: str


@dataclass(frozen=True)
class Batch:
    """Consecutive examples, stacked; those that could not be read are listed instead.

    Attributes:
      index: the batch's position: `size * index` is the position of its first example in the data set.
      numbers: int32 `[n]`, the positions of the examples in the data set.
      ids: `n` names, where n is `size` minus the broken pictures, or fewer at the end of the data set.
      images: uint8 `[n, h, w, 3]`; `[0, 0, 0, 3]` where all pictures are broken.
      labels: int32 `[n]`.
      boxes: float32 `[n, m, 4]`, padded with zeros. m is 16, or a power of two above it: each m is compiled anew.
      categories: int32 `[n, m]`, padded with -1.
      masks: bool `[n, h, w]`, where the objects of the label are; all False if not outlined.
      outlined: bool `[n]`, whether the outlines are known.
      broken: the pictures that could not be read.
    """

    index: int
    numbers: np.ndarray
    ids: tuple[str, ...]
    images: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    categories: np.ndarray
    masks: np.ndarray
    outlined: np.ndarray
    broken: tuple[Broken, ...]


def batches(
    dataset: Dataset,
    transform: Callable[[Example], Example],
    size: int,
    *,
    skip: Collection[int] = (),
    process: int = 0,
    processes: int = 1,
    limit: int | None = None,
) -> Iterator[Batch]:
    """Reads a data set in order, ahead of use.

    Batch b holds the examples from `b * size` on, whatever the other arguments: a run that resumes or shares the work
    computes the same numbers.

    Args:
      dataset: what to read.
      transform: brings the pictures to one size, such as `resize_straight`.
      size: examples per batch, including the broken ones.
      skip: indices of batches already done.
      process: which of the processes this is; it reads the batches b with `b % processes == process`.
      processes: how many share the work.
      limit: how many examples to read, from the first on; None reads all.

    Raises:
      ValueError: size, limit or processes below 1, or no such process.
    """
    if min(size, processes, 1 if limit is None else limit) < 1 or not 0 <= process < processes:
        raise ValueError(
            "expected size, limit and processes from 1 on and 0 <= process < processes, "
            f"got {size=}, {limit=}, {process=}, {processes=}"
        )
    count = len(dataset) if limit is None else min(limit, len(dataset))
    todo = [index for index in range(process, -(-count // size), processes) if index not in skip]

    def read(index: int) -> Batch:
        numbers, examples, broken = [], [], []
        for position in range(index * size, min((index + 1) * size, count)):
            try:
                examples.append(transform(dataset[position]))
                numbers.append(position)
            except BrokenPicture as error:
                broken.append(Broken(position, error.id, str(error)))
        return _stack(index, numbers, examples, broken)

    return ahead(todo, read, THREADS)


def _stack(index: int, numbers: Sequence[int], examples: Sequence[Example], broken: Sequence[Broken]) -> Batch:
    count, most = len(examples), max((len(example.boxes) for example in examples), default=0)
    width = max(16, 1 << max(most - 1, 0).bit_length())
    boxes, categories = np.zeros((count, width, 4), np.float32), np.full((count, width), -1, np.int32)
    for row, example in enumerate(examples):
        boxes[row, : len(example.boxes)] = example.boxes
        categories[row, : len(example.boxes)] = example.categories
    images = np.stack([example.image for example in examples]) if examples else np.zeros((0, 0, 0, 3), np.uint8)
    labels = np.array([example.label for example in examples], np.int32)
    masks = np.zeros(images.shape[:3], bool)
    for mask, example in zip(masks, examples, strict=True):
        if (known := example.object_mask) is not None:
            mask[:] = known
    return Batch(
        index,
        np.array(numbers, np.int32),
        tuple(example.id for example in examples),
        images,
        labels,
        boxes,
        categories,
        masks,
        np.array([example.masks is not None for example in examples], bool),
        tuple(broken),
    )
