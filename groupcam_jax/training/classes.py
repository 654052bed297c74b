"""Fits a classifier to the categories of a data set: by their names, or with a new last layer."""

from collections import Counter
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

    Of as many, those that only one of the two has are taken for each other in their order.

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
    if not new and len(names) == count:
        times = Counter(names), Counter(wanted)
        shared = {name: label for label, name in enumerate(names) if times[0][name] == times[1][name] == 1}
        others = [label for label, name in enumerate(names) if name not in shared]
        left = iter(others)
        class_of = [shared[name] if name in shared else next(left) for name in wanted]
        if not others:
            return Fitted(classifier, class_of, "the last layer is kept: same classes")
        called = dict(zip(class_of, categories, strict=True))
        told = f"the last layer is kept: {classifier.class_names[others[0]]!r} becomes {called[others[0]]!r}"
        told += ", and so on in order" if others[1:] else ""
        told += f"; {len(shared)} classes have the same names" if shared else ""
        return Fitted(classifier._replace(class_names=[called[label] for label in range(count)]), class_of, told)
    module: Any = module_of(classifier)
    if not hasattr(module, "num_classes"):
        raise ValueError(
            f"the network has {len(names)} classes and the data {count} categories; a new last layer is made for Flax "
            "modules with the attribute num_classes alone: return a network of that many classes from your factory"
        )
    told = f"a new last layer for {count} classes, of zeros; the network had {len(names)} others"
    params = new_head(module, count, classifier)
    apply = module.clone(num_classes=count).apply
    return Fitted(classifier._replace(apply=apply, params=params, class_names=[*categories]), range(count), told)


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
