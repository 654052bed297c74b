"""Every picture once per category that it shows, for the pointing game."""

from collections.abc import Sequence

import numpy as np

from groupcam_jax.evaluation.data.examples import Dataset, Example, digest

OTHERS = "anything else"


def by_category(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """Builds the data set of all pairs of a picture and one of the named categories that it shows.

    The label of a pair is the category, an index into `names`; its id is that of the picture. All boxes of the picture
    stay; boxes of all other categories get one more category, the last. A picture without boxes shows its own category.

    Raises:
      ValueError: the data set has no such category, or several, or no picture shows any of them.
    """
    if unknown := [name for name in names if name not in dataset.categories]:
        raise ValueError(
            f"{dataset.name} has no category {', '.join(map(repr, unknown))}; it has {', '.join(dataset.categories)}"
        )
    if twice := [name for name in names if dataset.categories.count(name) > 1]:
        raise ValueError(f"{dataset.name} has several categories called {', '.join(map(repr, twice))}")
    new = np.full(len(dataset.categories), len(names), np.int32)
    new[[dataset.categories.index(name) for name in names]] = np.arange(len(names))

    def own(position: int) -> Sequence[int]:
        return [label] if (label := dataset.label(position)) >= 0 else []

    pairs = [
        (position, label)
        for position in range(len(dataset))
        for label in sorted({int(new[one]) for one in dataset.shown(position) or own(position)} - {len(names)})
    ]
    if not pairs:
        raise ValueError(f"no picture of {dataset.name} has an object of {', '.join(names)}")

    def read(index: int) -> Example:
        position, label = pairs[index]
        example = dataset[position]
        return example._replace(label=label, categories=new[example.categories])

    def identity(index: int) -> str:
        position, label = pairs[index]
        return digest(dataset.identity(position), label, new)

    return Dataset(
        dataset.name,
        (*names, OTHERS),
        len(pairs),
        read,
        lambda index: pairs[index][1],
        lambda index: [pairs[index][1]],
        identity,
    )
