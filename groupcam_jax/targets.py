"""The score to explain: functions `(logits, label) -> scalar` that say how strongly the model sees the class.

Group-CAM differentiates the logit and scores its masks by the probability (arXiv:2103.13859, section 3 and its code). A
function of the logits alone, such as `lambda logits: logits[3] - logits[7]`, is a target too.

A single logit is that of a binary classifier: the scores below give both of its classes their share of it. A target of
your own gets the model's logits as they are, a regression's one number among them.
"""

import functools
import inspect
from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.core
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.types import Label, Logits, Scalar

ClassScore: TypeAlias = Callable[[Logits, int | Label], Scalar]
Target: TypeAlias = ClassScore | Callable[[Logits], Scalar]


def class_logits(logits: Logits) -> Float[Array, " all"]:
    """The logits `[classes]`: of a single one, z, those of a binary classifier, -z / 2 and z / 2.

    Their softmax is the sigmoid of z for class 1 and of -z for class 0.
    """
    return jnp.concatenate([-logits, logits]) / jnp.asarray(2, logits.dtype) if logits.shape == (1,) else logits


def logit(logits: Logits, label: int | Label) -> Scalar:
    """The score before the softmax."""
    return pick(class_logits(logits), label)


def probability(logits: Logits, label: int | Label) -> Scalar:
    """The softmax probability, in [0, 1]."""
    return pick(jax.nn.softmax(class_logits(logits)), label)


def own_probability(logits: Logits, label: int | Label) -> Scalar:
    """The sigmoid of the class's logit, in [0, 1]: of classes that do not exclude each other.

    Models that end in sigmoids of several classes are scored by it where others are by `probability`, also within
    `contrast`, `union` and `finer`.
    """
    return probability(logits, label) if logits.shape == (1,) else jax.nn.sigmoid(pick(logits, label))


def log_probability(logits: Logits, label: int | Label) -> Scalar:
    """The logarithm of the softmax probability, at most 0."""
    return pick(jax.nn.log_softmax(class_logits(logits)), label)


def of_independent(score: Target) -> Target:
    """The score by which a model is scored whose classes do not exclude each other."""
    if isinstance(score, functools.partial) and "of" in score.keywords:
        return functools.partial(score, of=of_independent(score.keywords["of"]))
    return own_probability if score is probability else score


def pick(scores: Logits, label: int | Label) -> Scalar:
    """Reads one score; NaN if the label is out of range, where JAX itself would clamp or wrap it."""
    return scores.at[label].get(mode="fill", fill_value=jnp.nan, wrap_negative_indices=False)


def bind(target: Target, label: int | Label) -> Callable[[Logits], Scalar]:
    """Fixes the label of a target and returns a function of the logits alone.

    Raises (in that function):
      ValueError: the target is not scalar.
    """
    required = [p for p in inspect.signature(target).parameters.values() if p.default is p.empty]
    of_label: Callable[..., Scalar] = target

    def score(logits: Logits) -> Scalar:
        value = of_label(logits, label) if len(required) > 1 else of_label(logits)
        if jnp.shape(value) != ():
            raise ValueError(f"a target maps logits [classes] to one number, got an array {[*jnp.shape(value)]}")
        return value

    return score


def resolve_label(label: int | Label | None, logits: Logits) -> Label:
    """The label to explain: the one asked for, or the predicted class.

    Args:
      label: class index, an integer or an integer array [], maybe traced; None for the predicted class.
      logits: `[classes]`.

    Raises:
      ValueError: a concrete label outside [0, classes).
    """
    logits = class_logits(logits)
    if label is None:
        return jnp.argmax(logits)
    classes = logits.shape[0]
    if not isinstance(label, jax.core.Tracer) and not 0 <= int(label) < classes:
        raise ValueError(f"label={int(label)} but the model has {classes} classes; choose 0 <= label < {classes}")
    return jnp.asarray(label)
