"""Targets that combine the scores of several classes; `of` is the score of one.

Each is a partial function of that score: a network that ends in sigmoids has another (`of_independent`).
"""

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from groupcam_jax.checks import check_count
from groupcam_jax.targets import ClassScore, class_logits, logit, pick, probability
from groupcam_jax.types import Label, Logits, Scalar


def contrast(other: int, *, of: ClassScore = logit) -> ClassScore:
    """Why this class and not the class `other`: the difference of their scores."""

    def score(logits: Logits, label: int | Label, *, of: ClassScore) -> Scalar:
        return of(logits, label) - of(logits, other)

    return functools.partial(score, of=of)


def union(labels: Sequence[int], *, of: ClassScore = probability) -> ClassScore:
    """Any of several classes ("some dog"): the sum of their scores, whatever the label."""

    def score(logits: Logits, label: int | Label, *, of: ClassScore) -> Scalar:
        return jnp.stack([of(logits, one) for one in labels]).sum()

    return functools.partial(score, of=of)


def finer(*, similar: int = 3, strength: float = 0.6, of: ClassScore = logit) -> ClassScore:
    """What tells the class from those most like it (Finer-CAM, arXiv:2501.11309): y_c - strength * mean of y_d.

    The classes d are those whose logits lie nearest to that of c, above or below; of equals the first. Every image
    shown to the model has its own. Classes that the model masks by an infinite logit are left out. With strength 0 it
    is `of`.

    The comparisons count alike. The authors' code, and pytorch-grad-cam's, weighs them by the probabilities of d, and
    differentiates these too; by default its strength is 1. Where logits are equal it may compare with c itself.

    Args:
      similar: how many classes are compared with; all others, if there are fewer.
      strength: how much of their score is taken off.
      of: the score that is compared.

    Raises:
      ValueError: similar below 1, strength not finite.
    """
    check_count("similar", similar)
    if not math.isfinite(strength):
        raise ValueError(f"strength={strength}: expected a finite number, such as 0.6")

    def score(logits: Logits, label: int | Label, *, of: ClassScore) -> Scalar:
        values = class_logits(logits)
        left_out = (jnp.arange(len(values), dtype=jnp.int32) == jnp.asarray(label, jnp.int32)) | ~jnp.isfinite(values)
        distance = jnp.where(left_out, jnp.inf, jnp.abs(values - pick(values, label)))
        _, nearest = jax.lax.top_k(-jax.lax.stop_gradient(distance), min(similar, len(values) - 1))
        scores = jax.vmap(lambda other: of(logits, other))(nearest)
        compared = scores.mean(where=~left_out[nearest])
        compared = jnp.where(left_out.all(), 0, jnp.where(jnp.isnan(values).any(), jnp.nan, compared))
        return of(logits, label) - jnp.asarray(strength, logits.dtype) * compared

    return functools.partial(score, of=of)
