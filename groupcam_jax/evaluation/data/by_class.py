"""Gives the pictures of a data set the classes of a network, which may number them in another way.

Categories and classes are the same where their names are: ignoring case, "_" for " ", and a WordNet id for ImageNet's
name of it. Where one side has no names, only numbers, these are what there is.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from groupcam_jax.bundled import bundled
from groupcam_jax.class_names import normal
from groupcam_jax.evaluation.data.by_category import OTHERS
from groupcam_jax.evaluation.data.examples import Dataset, Example, digest
from groupcam_jax.some import some

ENOUGH = 900  # of ImageNet's 1,000 classes: some of them are spelled in several ways


class Matched(NamedTuple):
    """A data set whose labels are a network's classes.

    Attributes:
      dataset: the data set; categories without a class are one more, the last.
      strangers: whether pictures are of categories that have no class.
      told: what a human must know of it, if anything.
    """

    dataset: Dataset
    strangers: bool = False
    told: str = ""


def by_class(dataset: Dataset, class_names: Sequence[str]) -> Matched:
    """Matches the categories of a data set with a network's classes, by their names.

    Args:
      dataset: its labels are positions in its own categories.
      class_names: of the network, in the order of its logits.
    """
    classes = spelled(dict(enumerate(class_names)))
    if all(classes.get(label) == name for label, name in spelled(dict(enumerate(dataset.categories))).items()):
        return Matched(dataset)
    labels = [dataset.label(index) for index in range(len(dataset))]
    own = {label: dataset.categories[label] for label in sorted({*labels} - {-1})}
    found = matches(spelled(own), classes)
    unknown = [label for label in own if label not in found]
    named = some([repr(own[label]) for label in unknown])
    numbered = all(is_number(name, label) for label, name in enumerate(class_names))
    if all(label == one for label, one in found.items()) and (
        numbered or all(is_number(own[label], label) for label in unknown)
    ):
        told = f"{dataset.name}: {named} and the network's classes are matched by number, for want of names"
        return Matched(dataset, told=told if unknown else "")
    new = np.full(len(dataset.categories) + 1, len(class_names), np.int32)
    new[-1] = -1  # where a label of -1, which stands for none, finds it
    new[[*found]] = [*found.values()]

    def read(index: int) -> Example:
        example = dataset[index]
        return example._replace(label=int(new[example.label]), categories=new[example.categories])

    def identity(index: int) -> str:
        known, label = dataset.identity(index), labels[index]
        return known if new[label] == label else digest(known, new[label])

    renamed = Dataset(
        dataset.name,
        (*class_names, OTHERS),
        len(dataset),
        read,
        lambda index: int(new[labels[index]]),
        lambda index: new[[*dataset.shown(index)]].tolist(),
        identity,
    )
    told = f"{dataset.name}: {len(unknown)} of {len(own)} categories are no class of the network by name: {named}"
    return Matched(renamed, bool(unknown), told if unknown else "")


def matches(names: Mapping[int, str], classes: Mapping[int, str]) -> dict[int, int]:
    """The class of each name: the one that is called so, or of several the one with its number."""
    called: dict[str, list[int]] = {}
    for label, name in classes.items():
        called.setdefault(name, []).append(label)
    same = {label: called.get(name, []) for label, name in names.items()}
    return {
        label: label if label in found else found[0]
        for label, found in same.items()
        if label in found or len(found) == 1
    }


def spelled(names: Mapping[int, str]) -> dict[int, str]:
    """Names in the form in which they are compared; where they are ImageNet's in its order, as we spell these.

    Its "crane" is a bird in one place and lifts loads in another, and many names have synonyms behind a comma.
    """
    index = bundled("networks.imagenet").class_index()
    readable, written = dict(index), {label: normal(name) for label, name in names.items()}
    plain = {label: normal(readable.get(name, name)) for label, name in written.items()}
    theirs = {label: normal(index[label][1]) for label in names if label < len(index)}
    agreeing = sum(label in theirs and is_alike(name, theirs[label]) for label, name in plain.items())
    return plain | theirs if agreeing == len(names) or agreeing >= ENOUGH else plain


def is_alike(one: str, other: str) -> bool:
    """Whether two names are the same but for what the longer one adds."""
    short, long = sorted((one, other), key=len)
    return long == short or (long.startswith(short) and not long[len(short)].isalnum())


def is_number(name: str, label: int) -> bool:
    """Whether a name tells no more than the number of its class."""
    return normal(name) in (str(label), f"class {label}")
