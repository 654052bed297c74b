"""Batches to train on and to evaluate on, read ahead of use by grain.

What is in the batch of a step depends on the seed and the number of the step alone, so that a run can be resumed
anywhere. Of several processes each reads its own part of every batch.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import grain
import numpy as np

from groupcam_jax.evaluation.data import BrokenPicture, Dataset, Example, resize_shorter_and_crop
from groupcam_jax.evaluation.data.ahead import ahead
from groupcam_jax.training.crops import random_crop

TRIES = 20  # pictures to try in place of one that cannot be read


class Source(NamedTuple):
    """A data set as a network is trained on it.

    Attributes:
      dataset: its pictures.
      class_of: the class of each of its categories.
      size: height and width of the network's images.
      batch: pictures in a batch, of all processes together.
      process: which of the processes this is.
      processes: how many there are; they divide the batch.
      threads: batches read at once.
    """

    dataset: Dataset
    class_of: Sequence[int]
    size: int
    batch: int
    process: int = 0
    processes: int = 1
    threads: int = 4


class Row(NamedTuple):
    """One picture of a batch: uint8 `[size, size, 3]`, its class, where its object is, and whether it counts."""

    image: np.ndarray
    label: int
    mask: np.ndarray | None = None
    counts: bool = True


class Examples(NamedTuple):
    """The part of a batch that one process reads.

    Attributes:
      images: uint8 `[n, size, size, 3]`.
      labels: int32 `[n]`.
      masks: bool `[n, size, size]`, if the data set has them.
      counts: bool `[n]`, False where there is no picture: at the end of the data set, or where one is broken.
      broken: an error message for each picture that could not be read.
    """

    images: np.ndarray
    labels: np.ndarray
    masks: np.ndarray | None
    counts: np.ndarray
    broken: tuple[str, ...]


def steps_per_epoch(source: Source) -> int:
    """Full batches in the data set; the pictures that are left change from epoch to epoch.

    Raises:
      ValueError: there is not even one.
    """
    steps = len(source.dataset) // source.batch
    if not steps:
        raise ValueError(
            f"--batch {source.batch}: {source.dataset.name} has {len(source.dataset)} pictures; choose fewer"
        )
    return steps


def training_batches(source: Source, steps: range, seed: int, smallest: float) -> Iterator[Examples]:
    """The batches of some steps: every picture once in an epoch, in random order, each a random crop.

    A picture that cannot be read is replaced by the next one of the data set.

    Raises:
      ValueError: while reading, a label that is no class; many broken pictures in a row.
    """
    count = len(source.dataset)
    order: Any = grain.MapDataset.range(count).seed(seed).shuffle().batch(source.batch, drop_remainder=True).repeat()

    def read(step: int) -> Examples:
        rows, broken = [], []
        for row, position in mine(source, order[step]):
            for at in range(position, position + TRIES):
                try:
                    example = source.dataset[at % count]
                except BrokenPicture as error:
                    broken.append(str(error))
                    continue
                random = np.random.default_rng((seed, step, row))
                image, mask = random_crop(example.image, example.object_mask, source.size, smallest, random)
                rows.append(Row(image, class_of(source, example), mask))
                break
            else:
                raise ValueError(f"{source.dataset.name}: many pictures in a row cannot be read, such as {broken[-1]}")
        return stacked(rows, broken)

    return ahead(steps, read, source.threads)


def evaluation_batches(source: Source) -> Iterator[Examples]:
    """All pictures in order, resized to 8/7 of the network's size and cropped in the middle; broken ones do not count.

    Raises:
      ValueError: while reading, a label that is no class.
    """
    size, count = source.size, len(source.dataset)
    nothing = Row(np.zeros((size, size, 3), np.uint8), 0, counts=False)

    def read(index: int) -> Examples:
        rows, broken = [], []
        for _, position in mine(source, range(index * source.batch, (index + 1) * source.batch)):
            row = nothing
            if position < count:
                try:
                    example = resize_shorter_and_crop(source.dataset[position], round(size * 8 / 7), size)
                    row = Row(example.image, class_of(source, example))
                except BrokenPicture as error:
                    broken.append(str(error))
            rows.append(row)
        return stacked(rows, broken)

    return ahead(range(-(-count // source.batch)), read, source.threads)


def mine(source: Source, positions: Sequence[int] | np.ndarray) -> list[tuple[int, int]]:
    """The rows of a batch that this process reads, with their positions in the data set."""
    share = source.batch // source.processes
    rows = range(source.process * share, (source.process + 1) * share)
    return [(row, int(positions[row])) for row in rows]


def class_of(source: Source, example: Example) -> int:
    """The class that an example shows."""
    if not 0 <= example.label < len(source.class_of):
        raise ValueError(
            f"{source.dataset.name}, {example.id}: label {example.label} is none of its "
            f"{len(source.class_of)} categories; training needs one label for each picture"
        )
    return source.class_of[example.label]


def stacked(rows: Sequence[Row], broken: Sequence[str]) -> Examples:
    """Rows as arrays."""
    masks = [row.mask for row in rows if row.mask is not None]
    return Examples(
        np.stack([row.image for row in rows]),
        np.array([row.label for row in rows], np.int32),
        np.stack(masks) if len(masks) == len(rows) else None,
        np.array([row.counts for row in rows], bool),
        tuple(broken),
    )
