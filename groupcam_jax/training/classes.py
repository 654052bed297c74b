"""Fits a classifier to the categories of a data set: by their names, or with a new last layer."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from groupcam_jax.bundled import bundled
from groupcam_jax.class_names import normal
from groupcam_jax.program.params import by_name
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


def fit_classes(classifier: Classifier, categories: Sequence[str], new: bool = False) -> Fitted:
    """Matches classes and categories by name; another number of them gets a new last layer of zeros.

    With zeros all classes are equally probable, so that nothing of the old classes is left to be unlearnt, and no map
    says anything until there is something to say.

    Args:
      classifier: see `Classifier`.
      categories: of the data.
      new: whether the last layer is new in any case.

    Raises:
      ValueError: a new last layer is needed, and there is no module that it could be made for.
    """
    names, wanted = ([normal(name) for name in readable(named)] for named in (classifier.class_names, categories))
    count = len(categories)
    if not new and names == wanted:  # of ImageNet's, two have the same name
        return Fitted(classifier, range(count), "the last layer is kept: same classes")
    if not new and sorted(names) == sorted(wanted) and len({*names}) == count:
        return Fitted(classifier, [names.index(name) for name in wanted], "the last layer is kept: same classes")
    renamed = classifier._replace(class_names=[*categories])
    if not new and len(names) == count:
        told = f"the last layer is kept: {classifier.class_names[0]!r} becomes {categories[0]!r}, and so on in order"
        return Fitted(renamed, range(count), told)
    module: Any = module_of(classifier)
    if not hasattr(module, "num_classes"):
        raise ValueError(
            f"the network has {len(names)} classes and the data {count} categories; a new last layer is made for Flax "
            "modules with the attribute num_classes alone: return a network of that many classes from your factory"
        )
    told = f"a new last layer for {count} classes, of zeros; the network had {len(names)} others"
    params = new_head(module, count, classifier)
    return Fitted(renamed._replace(apply=module.clone(num_classes=count).apply, params=params), range(count), told)


def readable(categories: Sequence[str]) -> Sequence[str]:
    """The names of ImageNet's classes for its WordNet ids, and other categories as they are."""
    index = bundled("networks.imagenet").class_index()
    return [name for _, name in index] if [*categories] == [id for id, _ in index] else categories


def module_of(classifier: Classifier) -> nn.Module | None:
    """The Flax module whose bound `apply` the classifier has, if it has one."""
    module = getattr(classifier.apply, "__self__", None)
    own = getattr(classifier.apply, "__func__", None)
    return module if isinstance(module, nn.Module) and own is nn.Module.apply else None


def new_head(module: Any, count: int, classifier: Classifier) -> Params:
    """The classifier's weights, with zeros for those whose shape the number of classes decides."""
    images = jnp.zeros((1, classifier.image_size, classifier.image_size, 3))
    wanted, more = (
        jax.eval_shape(module.clone(num_classes=number).init, jax.random.key(0), images)
        for number in (count, count + 1)
    )
    old, (shapes, rebuild), (others, _) = by_name(classifier.params)[0], by_name(wanted), by_name(more)
    return rebuild(
        {
            name: old[name] if shape.shape == others[name].shape else jnp.zeros(shape.shape, shape.dtype)
            for name, shape in shapes.items()
        }
    )
