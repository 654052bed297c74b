"""ROAD: the score after salient pixels are removed without leaving a trace (Rong et al., arXiv:2202.00449).

    MoRF       most relevant first: the score without the p % most salient pixels, for each p; low is good
    LeRF       least relevant first: the score without the p % least salient ones; high is good
    combined   the mean over p of (LeRF - MoRF) / 2

Pixels are removed by noisy linear imputation: the weighted mean of their surroundings (see `imputation`) plus Gaussian
noise. The paper's score is the accuracy: `score=is_predicted`, averaged over a data set. pytorch-grad-cam's
(`ROADCombined`) is the class's score.

Published code: the authors' LeRF takes the share that is kept, not removed. Their code breaks ties by noise and fills
in images in [0, 1], before normalisation, so our default noise is about a quarter of theirs. pytorch-grad-cam fills in
normalised images, as we do, and takes p as a percentile: it removes 100 - p %, including all ties.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from groupcam_jax.batches import map_batched
from groupcam_jax.checks import check_batch, check_saliency, require_key
from groupcam_jax.metrics.imputation import impute
from groupcam_jax.metrics.insertion_deletion import Curve, salient_order
from groupcam_jax.metrics.measure import Measure, check_percentages, confidence_of, pixel_counts
from groupcam_jax.targets import Target, class_logits, probability
from groupcam_jax.types import Label, Logits, Model, Params, Scalar


class Road(NamedTuple):
    """The score of one image at each percentage, and both curves combined."""

    most_relevant_first: Curve
    least_relevant_first: Curve
    combined: Scalar


def road(
    model_apply: Model,
    params: Params,
    *,
    percentages: Sequence[float] = (10, 20, 30, 40, 50, 60, 70, 80, 90),
    noise: float = 0.01,
    score: Target = probability,
    step_batch: int | None = None,
) -> Measure[Road]:
    """Builds the metric for a classifier: two forward passes per percentage, plus one for the predicted class.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      percentages: of pixels to remove, between 0 and 100; counts are rounded to whole pixels.
      noise: its standard deviation, in units of the normalised image.
      score: the score to follow.
      step_batch: images filled in and scored at once; None suits the device, see `batches`.

    Returns:
      `measure(image, saliency, label=None, *, key) -> Road` of one image `[h, w, c]` and saliency `[h, w]` of any
      range; label None follows the predicted class. Of equally salient pixels, the first in reading order counts as the
      more salient. NaN if image or saliency holds NaN or infinity.

    Raises:
      ValueError: a percentage not between 0 and 100, or no percentages; step_batch below 1; when measuring: a
        percentage that is no pixel or all of them, image and saliency differ in size, no such class, or not one
        floating-point image.
      TypeError: when measuring: no key.
    """
    check_percentages(percentages)
    check_batch("step_batch", step_batch)

    def measure(image, saliency, label=None, *, key=None):
        check_saliency(image, saliency)
        key = require_key(key, "road")
        counts = pixel_counts(percentages, image)
        confidence, image = confidence_of(model_apply, params, image, label, score)
        order = salient_order(saliency)
        orders = jnp.stack([order, saliency.size - 1 - order])

        def score_without(entry):
            curve, count, key = entry
            missing = orders[curve] < count
            filled = impute(image, missing) + noise * jax.random.normal(key, image.shape, jnp.float32)
            return confidence(jnp.where(missing[:, :, None], filled, image))

        curves = jnp.repeat(jnp.arange(2), len(counts))
        entries = curves, jnp.tile(jnp.array(counts, jnp.int32), 2), jax.random.split(key, 2 * len(counts))
        scores = map_batched(score_without, entries, step_batch).reshape(2, -1)
        valid = jnp.isfinite(saliency).all() & jnp.isfinite(image).all()
        most, least = jnp.where(valid, scores, jnp.nan)
        return Road(most, least, (least - most).mean() / 2)

    return measure


def is_predicted(logits: Logits, label: int | Label) -> Scalar:
    """A score: 1 if the class is the predicted one, else 0; its mean over a data set is the accuracy."""
    logits = class_logits(logits)
    predicted = (logits.argmax() == label).astype(jnp.float32)
    valid = (label >= 0) & (label < logits.size) & ~jnp.isnan(logits).any()
    return jnp.where(valid, predicted, jnp.nan)
