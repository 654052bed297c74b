"""Symmetric relevance gain: deletion from both ends of the order (SRG; Blücher et al., arXiv:2401.06654).

    MIF   the area under p_c while pixels are replaced by the baseline, the most salient first; low is good
    LIF   the same, the least salient first; high is good
    SRG   LIF - MIF, in units of the score; the expectation of a random map is 0

How much a baseline destroys lowers both areas alike, so that rankings depend on it less than those of either. With one
baseline for both it is the over-all score of insertion and deletion, for a map without ties in steps that divide the
image: what insertion shows is what LIF has left.

Ties are in reading order from both ends: a map turned upside down has exactly minus the gain, a constant map none. The
paper flips segments or patches as well; here they are single pixels, `pixels_per_step` at a time.
"""

from typing import NamedTuple

import jax.numpy as jnp

from groupcam_jax.checks import check_batch, check_count, check_saliency, typed_key
from groupcam_jax.metrics.insertion_deletion import Curve, curve_places, pixel_curves
from groupcam_jax.metrics.measure import Measure, confidence_of
from groupcam_jax.stages.perturb import Baseline, constant, hide
from groupcam_jax.targets import Target, probability
from groupcam_jax.types import Model, Params, Scalar


class RelevanceGain(NamedTuple):
    """The score of one image as its pixels go, from all to none, in both orders; and the area between the curves."""

    most_relevant_first: Curve
    least_relevant_first: Curve
    gain: Scalar


def symmetric_relevance_gain(
    model_apply: Model,
    params: Params,
    *,
    pixels_per_step: int = 224 * 8,
    baseline: Baseline = constant(0.0),
    score: Target = probability,
    step_batch: int | None = None,
) -> Measure[RelevanceGain]:
    """Builds the metric for a classifier: two forward passes per step, 58 for 224 x 224, plus one for the prediction.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      pixels_per_step: pixels replaced from one score to the next; the last step may have fewer.
      baseline: the image without its evidence, where both curves end; if it is random, drawn once for both.
      score: the score to follow.
      step_batch: images scored at once; None suits the device, see `batches`.

    Returns:
      `measure(image, saliency, label=None, *, key=None) -> RelevanceGain` of one image `[h, w, c]` and saliency
      `[h, w]` of any range; label None follows the predicted class. NaN if either holds NaN or infinity.

    Raises:
      ValueError: pixels_per_step or step_batch below 1; when measuring: image and saliency differ in size, no such
        class, or not one floating-point image.
      TypeError: when measuring: a key is needed but missing.
    """
    check_count("pixels_per_step", pixels_per_step)
    check_batch("step_batch", step_batch)

    def measure(image, saliency, label=None, *, key=None):
        check_saliency(image, saliency)
        confidence, image = confidence_of(model_apply, params, image, label, score)
        saliency, hidden = jnp.asarray(saliency, jnp.float32), hide(baseline, image, typed_key(key))
        start, end, saliencies = (jnp.stack(pair) for pair in ((image, image), (hidden, hidden), (saliency, -saliency)))
        most, least = pixel_curves(confidence, start, end, saliencies, pixels_per_step, step_batch)
        return RelevanceGain(most, least, jnp.trapezoid(least - most, curve_places(saliency.size, pixels_per_step)))

    return measure
