"""Explains single pictures of a run again, as they were explained when they were measured."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from jaxtyping import Array, Float

from groupcam_jax.evaluation.data import Dataset, Example, batches
from groupcam_jax.evaluation.devices import spread
from groupcam_jax.evaluation.measuring import items
from groupcam_jax.evaluation.records import Row
from groupcam_jax.evaluation.study import Asked, Ranking, Study
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.program.output import probabilities
from groupcam_jax.program.params import partition
from groupcam_jax.report.explained import Explained, explained
from groupcam_jax.types import Image, Model, Params

LISTED = 3  # of the likeliest classes, which are named though they are not explained


def explain_again(
    study: Study,
    ranking: Ranking,
    dataset: Dataset,
    transform: Callable[[Example], Example],
    rows: Mapping[int, Row],
) -> Iterator[tuple[int, Explained]]:
    """Explains pictures with every method of a study.

    Args:
      study: its explainers are the methods that are shown.
      ranking: says which classes were explained.
      dataset: where the pictures are.
      transform: brings the pictures to one size.
      rows: by the number of a picture, what was measured of it; by any method.

    Yields:
      the number of the picture, and its maps; pictures that can no longer be read are left out.
    """
    numbers = sorted(rows)
    chosen = dataclasses.replace(dataset, length=len(numbers), read=lambda place: dataset[numbers[place]])
    arrays, rebuild = partition(study.classifier.params)
    classified = spread(lambda arrays, image: chances(study.classifier.apply, rebuild(arrays), image), study.batch)
    names = study.classifier.class_names
    for subset in batches(chosen, transform, study.batch):
        if not subset.ids:
            continue
        batch = dataclasses.replace(subset, numbers=np.array(numbers, np.int32)[subset.numbers])
        item = items(study.classifier, batch)
        likely = classified(arrays, item.image)
        classes = [
            ranking.classes(rows[int(number)], int(label), int(chance.argmax()))
            for number, label, chance in zip(batch.numbers, batch.labels, likely, strict=True)
        ]
        shown = [
            Asked._make((item.image, np.array(which, np.int32), item.number)) for which in zip(*classes, strict=True)
        ]
        maps = {method: [explain(arrays, one) for one in shown] for method, explain in study.explainers.items()}
        for place, number in enumerate(batch.numbers):
            own = {method: [one[place] for one in found] for method, found in maps.items()}
            picture, name = batch.images[place], batch.ids[place]
            yield int(number), explained(picture, own, classes[place], likely[place], names, name, LISTED)


def chances(model_apply: Model, params: Params, image: Image) -> Float[Array, " classes"]:
    """The probabilities of the classes."""
    cut = cut_at_image(model_apply, params, image)
    _, logits = cut.classify(None)
    return probabilities(cut.program, logits)
