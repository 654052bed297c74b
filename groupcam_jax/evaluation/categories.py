"""A classifier of categories, each the union of some of a network's classes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from groupcam_jax.evaluation.data.values import read_json, read_text
from groupcam_jax.program.output import trace_logits
from groupcam_jax.targets import class_logits
from groupcam_jax.types import Classifier

REST = "anything else"


def read_categories(path: Path) -> dict[str, list[int]]:
    """Reads a JSON file that maps category names to lists of class indices.

    Raises:
      ValueError: it is not such a file.
    """
    text, expected = read_text(path), f"{path}: expected a JSON object, category -> list of class indices"
    try:
        content = read_json(text)
    except ValueError as error:
        raise ValueError(f"{expected}: {error}") from error
    if not content or not isinstance(content, dict):
        raise ValueError(f"{expected}, got {content!r:.40}")
    for name, classes in content.items():
        if not isinstance(classes, list) or not classes or not all(type(label) is int for label in classes):
            raise ValueError(f"{expected}; {name!r} has {classes!r:.40}")
    return content


def union_classifier(classifier: Classifier, categories: Mapping[str, Sequence[int]]) -> Classifier:
    """Builds a classifier whose classes are the categories, plus a last one for all other classes.

    A category's logit is the log-sum-exp of its classes' logits, so its probability is the sum of theirs.

    Raises:
      ValueError: a class that the network does not have, or that two categories share.
    """
    size, count = classifier.image_size, len(classifier.class_names)
    member = np.zeros((len(categories) + 1, count), bool)
    for row, (name, classes) in enumerate(categories.items()):
        if not all(0 <= label < count for label in classes):
            strange = next(label for label in classes if not 0 <= label < count)
            raise ValueError(f"category {name!r} has class {strange}, but the network has 0 to {count - 1}")
        member[row, list(classes)] = True
    if (member.sum(0) > 1).any():
        raise ValueError(f"class {int((member.sum(0) > 1).argmax())} belongs to two categories")
    member[-1] = ~member.any(0)
    if not member[-1].any():
        member = member[:-1]

    def apply(params, images):
        logits = jax.vmap(class_logits)(trace_logits(classifier.apply, params, images)(params, images))
        return jax.nn.logsumexp(jnp.where(member[None], logits[:, None], -jnp.inf), axis=2)

    names = [*categories, REST][: len(member)]
    return Classifier(apply, classifier.params, classifier.preprocess, names, classifier.layer, size)
