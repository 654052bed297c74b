"""Drop, increase and gain of confidence when the saliency masks the image (Grad-CAM++, arXiv:1710.11063, 5.1).

    o          p_c(s x + (1 - s) b), with the saliency s in [0, 1] and the baseline b, 0 in the paper
    drop       relu(p_c(x) - o) / p_c(x): the share of the confidence lost; low is good
    increase   1 where o > p_c(x), else 0; high is good
    gain       relu(o - p_c(x)) / (1 - p_c(x)): the share won of the confidence that was left; high is good

The papers report means over a data set in percent: "average drop", "increase in confidence" and "average gain"
(Opti-CAM, arXiv:2301.07002). pytorch-grad-cam's `DropInConfidence` does not divide by p_c(x). A map that is 1
everywhere, or everywhere but in a corner, has the best drop, but gains nothing; one that hides what speaks against the
class does. Check also how much a map shows.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from groupcam_jax.checks import check_saliency, known_label, typed_key
from groupcam_jax.metrics.measure import Measure
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.stages.perturb import Baseline, constant
from groupcam_jax.stages.score import masked_confidence
from groupcam_jax.targets import Target, probability
from groupcam_jax.types import Model, Params, Scalar


class ConfidenceChange(NamedTuple):
    """How masking one image changes the confidence: the share lost, whether it grew (1 or 0), and the share gained."""

    drop: Scalar
    increase: Scalar
    gain: Scalar


def confidence_change(
    model_apply: Model,
    params: Params,
    *,
    baseline: Baseline = constant(0.0),
    score: Target = probability,
) -> Measure[ConfidenceChange]:
    """Builds the metric for a classifier: two forward passes.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      baseline: what is shown where the saliency is 0; the default multiplies the normalised image by the saliency.
      score: the confidence, in [0, 1]; for one that exceeds 1 the gain is NaN, for one below 0 all are.

    Returns:
      `measure(image, saliency, label=None, *, key=None) -> ConfidenceChange` of one image `[h, w, c]` and saliency
      `[h, w]`; label None is the predicted class. NaN if the image is not finite, or the saliency not in [0, 1].

    Raises (in the metric):
      ValueError: image and saliency differ in size, no such class, or not one floating-point image.
      TypeError: a key is needed but missing.
    """

    def measure(image, saliency, label=None, *, key=None):
        check_saliency(image, saliency)
        image = jnp.asarray(image)
        cut = cut_at_image(model_apply, params, image)
        label, logits = cut.classify(known_label(label))
        whole = cut.bind(score, label)(logits)
        veiled = masked_confidence(cut, image, baseline, typed_key(key), score, label)(saliency)
        drop = share(jax.nn.relu(whole - veiled), whole)
        increase = (veiled > whole).astype(jnp.float32)
        gain = jnp.where(jnp.maximum(whole, veiled) <= 1, share(jax.nn.relu(veiled - whole), 1 - whole), jnp.nan)
        scores = (whole >= 0) & (veiled >= 0)
        veils = ((saliency >= 0) & (saliency <= 1)).all()
        valid = veils & scores & jnp.isfinite(image).all() & jnp.isfinite(whole) & jnp.isfinite(veiled)
        return ConfidenceChange(*(jnp.where(valid, value, jnp.nan) for value in (drop, increase, gain)))

    return measure


def share(part: Scalar, total: Scalar) -> Scalar:
    """A part of a total that is 0 only if the part is, and then the share is 0."""
    return jnp.where(part == 0, 0, part / jnp.where(part == 0, 1, total))
