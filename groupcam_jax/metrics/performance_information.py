"""Performance information curve: how much of an image must be sharp before the score is back (XRAI, arXiv:1906.02825).

    z_0     the image filled in from a random 1 % of its pixels, and z_1, ... with the most salient ones beside them
    u_i     the information in z_i, as a share of the way from z_0 to x, in [0, 1]
    v_i     max over j <= i of the score of z_j, as a share of the way from z_0 to x, in [0, 1]
    curve   v over u, linear between the points, from (0, 0) to (1, 1); its area is good where high

With the probability it is the softmax information curve (SIC), with `is_predicted` the accuracy information curve
(AIC). Over a data set the paper takes the area under the median of the curves, of images that the model is sure of.

PAIR's code fills in by a triangulation and takes the size of a WebP file for the information. Here both are programs of
JAX: the imputation of ROAD, and the entropy of the differences of neighbouring pixels. There equals are all shown at
once, here in reading order.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import entr
from jaxtyping import Array, Float

from groupcam_jax.batches import map_batched
from groupcam_jax.checks import check_batch, check_saliency, require_key
from groupcam_jax.metrics.imputation import impute
from groupcam_jax.metrics.insertion_deletion import Curve, salient_order
from groupcam_jax.metrics.measure import Measure, confidence_of
from groupcam_jax.targets import Target, probability
from groupcam_jax.types import Image, Model, Params, Scalar

SHARES = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.10, 0.13, 0.21, 0.34, 0.5, 0.75)  # those of PAIR's examples


class PerformanceInformation(NamedTuple):
    """The curve at 0, 0.001, ..., 1 of the information, and the area under it."""

    curve: Curve
    auc: Scalar


def performance_information(
    model_apply: Model,
    params: Params,
    *,
    shares: Sequence[float] = SHARES,
    seeds: float = 0.01,
    score: Target = probability,
    step_batch: int | None = None,
) -> Measure[PerformanceInformation]:
    """Builds the metric for a classifier: one forward pass per share, plus three, 16 by default.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      shares: of the pixels that are shown, the most salient first; rising, between 0 and 1.
      seeds: the share of random pixels that all others are filled in from.
      score: the score to follow: `probability` or `is_predicted`.
      step_batch: images filled in and scored at once; None suits the device, see `batches`.

    Returns:
      `measure(image, saliency, label=None, *, key) -> PerformanceInformation` of one image `[h, w, c]` and saliency
      `[h, w]` of any range; label None follows the predicted class. The key draws the seeds: use the same for all maps
      of an image. NaN if image or saliency holds NaN or infinity, and where the paper leaves the image out: where the
      image filled in has no lower score, or is no smaller, than the image.

    Raises:
      ValueError: shares that do not rise or lie between 0 and 1, as seeds must; step_batch below 1; when measuring:
        image and saliency differ in size, no such class, or not one floating-point image.
      TypeError: when measuring: no key.
    """
    if len(shares) == 0 or not all(low < high for low, high in zip((0, *shares), (*shares, 1), strict=True)):
        raise ValueError(f"shares={[*shares]}: expected at least one, rising, each between 0 and 1")
    if not 0 < seeds < 1:
        raise ValueError(f"seeds={seeds}: expected a share of the pixels, between 0 and 1")
    check_batch("step_batch", step_batch)

    def measure(image, saliency, label=None, *, key=None):
        check_saliency(image, saliency)
        key = require_key(key, "performance_information")
        confidence, image = confidence_of(model_apply, params, image, label, score)
        pixels = saliency.size
        order = salient_order(saliency)
        seeded = salient_order(jax.random.uniform(key, saliency.shape, jnp.float32)) < math.ceil(seeds * pixels)
        # As many as lie above PAIR's quantile of the saliency; then all, for the image itself.
        counts = [0, *(pixels - math.ceil((1 - share) * (pixels - 1)) for share in shares), pixels]

        def inform(count):
            shown = impute(image, (order >= count) & ~seeded)
            return information(shown, image), confidence(shown)

        sizes, scores = map_batched(inform, jnp.asarray(counts, jnp.int32), step_batch)
        curve = information_curve(sizes, scores)
        valid = jnp.isfinite(saliency).all() & jnp.isfinite(image).all() & jnp.isfinite(scores).all()
        curve = jnp.where(valid, curve, jnp.nan)
        return PerformanceInformation(curve, jnp.trapezoid(curve, dx=1 / (curve.size - 1)))

    return measure


def information_curve(sizes: Float[Array, " n"], scores: Float[Array, " n"], points: int = 1001) -> Curve:
    """The score over the information of images, from the one that shows nothing to the whole one, both in [0, 1].

    NaN where the first has no less information, or no lower a score, than the last.
    """
    spans = [values[-1] - values[0] for values in (sizes, scores)]
    informed, won = (
        ((values[1:-1] - values[0]) / jnp.where(span > 0, span, 1)).clip(0, 1)
        for values, span in zip((sizes, scores), spans, strict=True)
    )
    # The ends come last: where several points have the same information, the last one counts.
    informed, won = (
        jnp.concatenate([one, jnp.array([0.0, 1.0], jnp.float32)]) for one in (informed, jax.lax.cummax(won))
    )
    order = jnp.argsort(informed, stable=True)
    curve = jnp.interp(jnp.linspace(0, 1, points, dtype=jnp.float32), informed[order], won[order]).at[-1].set(1)
    return jnp.where((spans[0] > 0) & (spans[1] > 0), curve, jnp.nan)


def information(shown: Image, image: Image) -> Scalar:
    """What a picture takes, in nats, coded by the frequencies of the differences of its neighbours.

    The picture has 256 levels, between the lowest and the highest value of the whole image. Where it is smooth, its
    differences are alike.
    """
    lowest, highest = image.min(), image.max()
    levels = (255 * (shown - lowest) / jnp.where(highest == lowest, 1, highest - lowest)).clip(0, 255)
    levels = jnp.pad(levels.round().astype(jnp.int32), ((1, 0), (1, 0), (0, 0)))
    differences = jnp.diff(jnp.diff(levels, axis=0), axis=1) % 256
    counts = jnp.zeros(256, jnp.int32).at[differences.ravel()].add(1)
    return shown.size * entr(counts.astype(jnp.float32) / shown.size).sum()
