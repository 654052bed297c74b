"""What an experiment is: what it measures of a picture, and what it makes of all pictures."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.data import Batch
from experiments.evaluation.estimates import Estimate
from experiments.evaluation.records import Row

Program = Callable[[Batch], Mapping[str, np.ndarray]]


class Item(NamedTuple):
    """One picture on its way through a program.

    Attributes:
      image: `[h, w, c]`, as the network expects it.
      label: the class, or category, that it shows.
      boxes: of the objects of that class, `[m, 4]`; those without an area fill up.
      mask: `[h, w]`, where those objects are, to the pixel; `measuring` puts their boxes where that is not known.
      outlined: whether it is known.
      others: whether it shows objects of other categories as well.
      number: of the picture in its data set, which makes its key.
    """

    image: Any
    label: Any
    boxes: Any
    mask: Any
    outlined: Any
    others: Any
    number: Any


class Study(NamedTuple):
    """What an experiment is given.

    Attributes:
      classifier: see `pretrained.classifier`.
      builders: the methods by name, with their options.
      batch: pictures at once.
      seed: of the keys.
    """

    classifier: Any
    builders: Mapping[str, Callable[..., Any]]
    batch: int
    seed: int


class Experiment(NamedTuple):
    """An experiment of the command line.

    Attributes:
      title: over its table.
      methods: those it compares by default.
      programs: makes the program of each method of a study, or of each of its own variants.
      summarize: the rows of one method to the figures of its columns.
      draw: the rows to figures, by file name; `draw(folder, rows)`, the folder of the run.
      version: of what a row holds; a run does not go on with rows of another.
    """

    title: str
    methods: Sequence[str]
    programs: Callable[[Study], Mapping[str, Program]]
    summarize: Callable[[Sequence[Row]], Mapping[str, Estimate]]
    draw: Callable[[Any, Sequence[Row]], Mapping[str, Any]] | None = None
    version: int = 1
