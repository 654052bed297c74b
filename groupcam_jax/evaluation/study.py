"""The parts of an experiment: what it measures per picture, and how it summarises all pictures."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Array, Bool, Float, Int
from matplotlib.figure import Figure

from groupcam_jax.evaluation.data import Batch
from groupcam_jax.evaluation.estimates import Estimate
from groupcam_jax.evaluation.needs import Need, need_nothing
from groupcam_jax.evaluation.records import Row
from groupcam_jax.types import Classifier, Explainer, Image, Label, ObjectMask

Measured: TypeAlias = Mapping[str, Array]  # of one picture, by name
BatchProgram: TypeAlias = Callable[[Batch], Mapping[str, np.ndarray]]


class Asked(NamedTuple):
    """What a method is to explain of a picture.

    Attributes:
      image: `[h, w, c]`, as the network expects it.
      label: the class to explain.
      number: of the picture in its data set; its key is made from it.
    """

    image: Image
    label: Label
    number: Int[Array, ""]


ExplainBatch: TypeAlias = Callable[[Sequence[Array], Asked], np.ndarray]  # weights, [n, ...] -> maps [n, h, w]


class Item(NamedTuple):
    """One picture on its way through a program.

    Attributes:
      image: `[h, w, c]`, as the network expects it.
      label: the class, or category, that it shows.
      boxes: of the objects of that class, `[m, 4]`; boxes without area are padding.
      mask: `[h, w]`, the pixels of those objects, or of their boxes if the outlines are not known.
      outlined: whether the outlines are known.
      others: whether it shows objects of other categories as well.
      number: of the picture in its data set; its key is made from it.
    """

    image: Image
    label: Label
    boxes: Float[Array, "m 4"]
    mask: ObjectMask
    outlined: Bool[Array, ""]
    others: Bool[Array, ""]
    number: Int[Array, ""]


class Study(NamedTuple):
    """The inputs of an experiment.

    Attributes:
      classifier: see `groupcam_jax.types`.
      builders: the methods by name, with their options.
      explainers: their compiled programs; studies that share them share what is compiled.
      batch: pictures per batch.
      seed: for the keys.
    """

    classifier: Classifier
    builders: Mapping[str, functools.partial[Explainer]]
    explainers: Mapping[str, ExplainBatch]
    batch: int
    seed: int

    def of(self, methods: Sequence[str]) -> "Study":
        """The study of some of its methods, in that order."""
        return self._replace(
            builders={method: self.builders[method] for method in methods},
            explainers={method: self.explainers[method] for method in methods},
        )


def own_class(row: Row, label: int, predicted: int) -> Sequence[int]:
    """The class that the picture shows."""
    del row, predicted
    return [label]


def predicted_class(row: Row, label: int, predicted: int) -> Sequence[int]:
    """The class that the network predicts."""
    del row, label
    return [predicted]


class Ranking(NamedTuple):
    """What makes one picture of a method better than another, to show the best and the worst.

    Attributes:
      name: of the value.
      value: of a row; None if the picture has none.
      better: 1 if high values are good, -1 if low ones are.
      classes: `classes(row, label, predicted)`, those that were explained.
    """

    name: str
    value: Callable[[Row], float | None]
    better: int = 1
    classes: Callable[[Row, int, int], Sequence[int]] = own_class


class Experiment(NamedTuple):
    """An experiment of the command line.

    Attributes:
      title: of its table.
      methods: those it compares by default.
      compile: makes one program per method of a study, or per variant of a method.
      summarize: turns the rows of one method into the figures of its columns.
      ranking: by what a method's pictures are better or worse.
      draw: `draw(folder, rows)` turns rows into figures by file name; the folder is the run's.
      version: of the contents of a row; a run does not resume from rows of another version. Methods and metrics have
        their own, see `method_version`.
      variants: the study whose methods have the programs' names.
      needs: raises BrokenPicture for a picture that cannot be measured, as it is shown to a network of so many classes.
    """

    title: str
    methods: Sequence[str]
    compile: Callable[[Study], Mapping[str, BatchProgram]]
    summarize: Callable[[Sequence[Row]], Mapping[str, Estimate]]
    ranking: Ranking
    draw: Callable[[Path, Sequence[Row]], Mapping[str, Figure]] | None = None
    version: int = 1
    variants: Callable[[Study], Study] = lambda study: study
    needs: Need = need_nothing
