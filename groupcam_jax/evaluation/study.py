"""What an experiment is: what it measures of a picture, and what it makes of all pictures."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Array, Bool, Float, Int
from matplotlib.figure import Figure

from groupcam_jax.evaluation.data import Batch
from groupcam_jax.evaluation.estimates import Estimate
from groupcam_jax.evaluation.records import Row
from groupcam_jax.types import Classifier, Explainer, Image, Label, ObjectMask, Saliency

Values: TypeAlias = Mapping[str, Array]  # of one picture, by name
BatchProgram: TypeAlias = Callable[[Batch], Mapping[str, np.ndarray]]
Explain: TypeAlias = Callable[[Image, int | Label], Saliency]


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

    image: Image
    label: Label
    boxes: Float[Array, "m 4"]
    mask: ObjectMask
    outlined: Bool[Array, ""]
    others: Bool[Array, ""]
    number: Int[Array, ""]


class Study(NamedTuple):
    """What an experiment is given.

    Attributes:
      classifier: see `groupcam_jax.types`.
      builders: the methods by name, with their options.
      batch: pictures at once.
      seed: of the keys.
    """

    classifier: Classifier
    builders: Mapping[str, functools.partial[Explainer]]
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
    programs: Callable[[Study], Mapping[str, BatchProgram]]
    summarize: Callable[[Sequence[Row]], Mapping[str, Estimate]]
    draw: Callable[[Path, Sequence[Row]], Mapping[str, Figure]] | None = None
    version: int = 1
