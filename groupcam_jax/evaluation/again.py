"""Explains single pictures of a run again, as they were explained when they were measured."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import jax
import numpy as np

from groupcam_jax.evaluation.data import Dataset, Example, batches
from groupcam_jax.evaluation.programs import measuring
from groupcam_jax.evaluation.records import Row
from groupcam_jax.evaluation.study import Explain, Item, Measured, Ranking, Study
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.program.flat import trace
from groupcam_jax.program.output import below_link
from groupcam_jax.report import Explained
from groupcam_jax.types import Model, Params

LISTED = 3  # classes that are named though they are not explained


def explain_again(
    study: Study,
    ranking: Ranking,
    dataset: Dataset,
    transform: Callable[[Example], Example],
    rows: Mapping[int, Row],
) -> Iterator[tuple[int, Explained]]:
    """Explains pictures with every method of a study.

    Args:
      study: its builders are the methods that are shown.
      ranking: says which classes were explained.
      dataset: where the pictures are.
      transform: brings the pictures to one size.
      rows: by the number of a picture, what was measured of it; by any method.

    Yields:
      the number of the picture, and its maps; pictures that can no longer be read are left out.
    """
    numbers = sorted(rows)
    chosen = dataclasses.replace(dataset, length=len(numbers), read=lambda place: dataset[numbers[place]])
    programs = measuring(study, explained)
    first, builder = next(iter(study.builders.items()))
    classified = measuring(study._replace(builders={first: builder}), chances)[first]
    names = study.classifier.class_names
    for subset in batches(chosen, transform, study.batch):
        if not subset.ids:
            continue
        batch = dataclasses.replace(subset, numbers=np.array(numbers, np.int32)[subset.numbers])
        likely = classified(batch)["chances"]
        classes = [
            ranking.classes(rows[int(number)], int(label), int(chance.argmax()))
            for number, label, chance in zip(batch.numbers, batch.labels, likely, strict=True)
        ]
        shown = [dataclasses.replace(batch, labels=np.array(which, np.int32)) for which in zip(*classes, strict=True)]
        maps = {method: [program(one)["saliency"] for one in shown] for method, program in programs.items()}
        for place, number in enumerate(batch.numbers):
            chance, labels = likely[place], classes[place]
            yield (
                int(number),
                Explained(
                    batch.images[place],
                    {method: [one[place] for one in found] for method, found in maps.items()},
                    [names[label] for label in labels],
                    [float(chance[label]) for label in labels],
                    batch.ids[place],
                    [(names[one], float(chance[one])) for one in likeliest(chance) if one not in labels],
                ),
            )


def explained(model_apply: Model, params: Params, explain: Explain, item: Item) -> Measured:
    """The map of the class that the item names."""
    del model_apply, params
    return {"saliency": explain(item.image, item.label)}


def chances(model_apply: Model, params: Params, explain: Explain, item: Item) -> Measured:
    """The probabilities of the classes."""
    del explain
    _, logits = cut_at_image(model_apply, params, item.image).classify(None)
    independent = below_link(trace(model_apply, params, item.image[None])).independent
    return {"chances": (jax.nn.sigmoid if independent else jax.nn.softmax)(logits)}


def likeliest(chance: np.ndarray) -> Sequence[int]:
    """The classes of the highest probabilities."""
    return [int(label) for label in np.argsort(-chance)[:LISTED]]
