"""Fits a classifier to the categories of a data set: by their names, or with a new last layer."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from groupcam_jax.bundled import bundled
from groupcam_jax.classifiers import normal
from groupcam_jax.types import Classifier, Params


class Fitted(NamedTuple):
    """A classifier whose classes the categories of a data set are.

    Attributes:
      classifier: with the categories as its classes, unless it has them already.
      class_of: the class of each category.
      told: what was done, for a human.
    """

    classifier: Classifier
    class_of: Sequence[int]
    told: str


def fit_classes(classifier: Classifier, categories: Sequence[str]) -> Fitted:
    """Matches classes and categories by name; if the names differ, the network gets a new last layer of zeros.

    With zeros all classes are equally probable, so that nothing of the old classes is left to be unlearnt, and no map
    says anything until there is something to say.

    Raises:
      ValueError: another number of classes than categories, and no module whose last layer could be made anew.
    """
    names = [normal(name) for name in classifier.class_names]
    wanted = [normal(name) for name in readable(categories)]
    count = len(categories)
    if len({*names}) == len(names) and {*names} == {*wanted}:
        return Fitted(classifier, [names.index(name) for name in wanted], "the last layer is kept: same classes")
    if names == wanted:  # ImageNet's, two of which have the same name
        return Fitted(classifier, range(count), "the last layer is kept: same classes")
    renamed = classifier._replace(class_names=[*categories])
    module = module_of(classifier)
    if module is not None and hasattr(module, "num_classes"):
        params = new_head(module, count, classifier)
        told = f"a new last layer for {count} classes, of zeros; the network had {len(names)} others"
        apply = module.clone(num_classes=count).apply
        return Fitted(renamed._replace(apply=apply, params=params), range(count), told)
    if len(names) != count:
        raise ValueError(
            f"the network has {len(names)} classes and the data {count} categories; a new last layer is made for Flax "
            "modules with the attribute num_classes alone: return a network of that many classes from your factory"
        )
    told = f"the last layer is kept: {classifier.class_names[0]!r} becomes {categories[0]!r}, and so on in order"
    return Fitted(renamed, range(count), told)


def readable(categories: Sequence[str]) -> Sequence[str]:
    """The names of ImageNet's classes for its WordNet ids, and other categories as they are."""
    index = bundled("networks.imagenet").class_index()
    return [name for _, name in index] if [*categories] == [id for id, _ in index] else categories


def module_of(classifier: Classifier) -> nn.Module | None:
    """The Flax module whose bound `apply` the classifier has, if it has one."""
    module = getattr(classifier.apply, "__self__", None)
    return module if isinstance(module, nn.Module) else None


def new_head(module: Any, count: int, classifier: Classifier) -> Params:
    """The classifier's weights, with zeros for those whose shape the number of classes decides."""
    images = jnp.zeros((1, classifier.image_size, classifier.image_size, 3))
    wanted, more = (
        jax.eval_shape(module.clone(num_classes=number).init, jax.random.key(0), images)
        for number in (count, count + 1)
    )
    return jax.tree.map(
        lambda shape, other, leaf: leaf if shape.shape == other.shape else jnp.zeros(shape.shape, shape.dtype),
        wanted,
        more,
        classifier.params,
    )
