"""Drop and increase in confidence when the saliency masks the image (Grad-CAM++, arXiv:1710.11063, 5.1).

    o          p_c(s x + (1 - s) b), with the saliency s in [0, 1] and the baseline b, 0 in the paper
    drop       relu(p_c(x) - o) / p_c(x): the share of the confidence lost; low is good
    increase   1 where o > p_c(x), else 0; high is good

The paper reports means over a data set in percent: "average drop" and "increase in confidence". pytorch-grad-cam's
`DropInConfidence` does not divide by p_c(x). A map that is 1 everywhere loses nothing: check how much a map shows.
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
    """How masking one image changes the confidence: the share lost, in [0, 1], and whether it grew, 1 or 0."""

    drop: Scalar
    increase: Scalar


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
      score: the confidence, which must be positive.

    Returns:
      `measure(image, saliency, label=None, *, key=None) -> ConfidenceChange` of one image `[h, w, c]` and saliency
      `[h, w]` in [0, 1]; label None is the predicted class. NaN if the image or the saliency is not finite.

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
        lost = jax.nn.relu(whole - veiled)
        drop = jnp.where(lost == 0, 0, lost / jnp.where(lost == 0, 1, whole))
        increase = (veiled > whole).astype(jnp.float32)
        valid = jnp.isfinite(saliency).all() & jnp.isfinite(image).all() & jnp.isfinite(whole) & jnp.isfinite(veiled)
        return ConfidenceChange(*(jnp.where(valid, value, jnp.nan) for value in (drop, increase)))

    return measure
