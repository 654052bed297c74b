"""Insertion and deletion: how fast the class comes and goes with the most salient pixels (RISE, arXiv:1806.07421).

    order       the pixels, most salient first; of equals, the first in reading order
    x_i         insertion: the substrate with the first i steps of pixels shown; deletion: the image with them hidden
    curve       p_c(x_0), ..., p_c(x_n)
    AUC         its area by the trapezoid rule over [0, 1]: high for insertion, low for deletion
    over-all    insertion AUC - deletion AUC

As in the code of Group-CAM's authors (arXiv:2103.13859, section 4.3): 224 * 8 pixels a step, a Gaussian blur of 51
pixels and sigma 50 under the insertion, zeros under the deletion. The paper says that deletion, too, ends in a blurred
image: `deletion_substrate=gaussian_blur()`. Published code leaves the order of equals to the sort.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from groupcam_jax.explainer import check_count
from groupcam_jax.metrics.confidence import check_saliency, confidence_like
from groupcam_jax.stages.batches import check_batch, map_batched
from groupcam_jax.stages.perturb import Baseline, constant, gaussian_blur, hide, reveal
from groupcam_jax.targets import Target, probability
from groupcam_jax.types import Image, Model, Params, Saliency, Scalar

Curve = Float[Array, " steps"]


class InsertionDeletion(NamedTuple):
    """Both curves of one saliency, from no pixel to all of them, and what they sum up to."""

    insertion: Curve
    deletion: Curve
    insertion_auc: Scalar
    deletion_auc: Scalar
    overall: Scalar


def insertion_deletion(
    model_apply: Model,
    params: Params,
    *,
    pixels_per_step: int = 224 * 8,
    insertion_substrate: Baseline = gaussian_blur(kernel_size=51, sigma=50.0),
    deletion_substrate: Baseline = constant(0.0),
    score: Target = probability,
    step_batch: int | None = None,
) -> Callable[..., InsertionDeletion]:
    """Builds the metric of a classifier: two forward passes a step, 58 for 224 x 224, plus one for the predicted class.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      pixels_per_step: pixels shown or hidden from one score to the next; the last step may have fewer.
      insertion_substrate: the image without its evidence, where insertion starts.
      deletion_substrate: the image without its evidence, where deletion ends.
      score: the score that is followed.
      step_batch: images scored at once; None scores all, fewer need less memory.

    Returns:
      `measure(image, saliency, label=None, *, key=None) -> InsertionDeletion` of one image `[h, w, c]` and saliency
      `[h, w]` of any range; label None follows the predicted class. NaN where image or saliency holds NaN or infinity.

    Raises:
      ValueError: pixels_per_step or step_batch below 1; in the metric: image and saliency of different sizes, no such
        class, not one floating image.
      TypeError: in the metric: a key is needed and missing.
    """
    check_count("pixels_per_step", pixels_per_step)
    check_batch("step_batch", step_batch)

    def measure(image: Any, saliency: Any, label: Any = None, *, key: Any = None) -> InsertionDeletion:
        check_saliency(image, saliency)
        image = jnp.asarray(image)
        confidence = confidence_like(model_apply, params, score, image, label)
        image = image.astype(jnp.float32)
        keys = (None, None) if key is None else jax.random.split(key)
        start = jnp.stack([hide(insertion_substrate, image, keys[0]), image])
        end = jnp.stack([image, hide(deletion_substrate, image, keys[1])])
        insertion, deletion = pixel_curves(confidence, start, end, saliency, pixels_per_step, step_batch)
        inserted, deleted = area(insertion), area(deletion)
        return InsertionDeletion(insertion, deletion, inserted, deleted, inserted - deleted)

    return measure


def pixel_curves(
    confidence: Callable[[Image], Scalar],
    start: Float[Array, "curves h w c"],
    end: Float[Array, "curves h w c"],
    saliency: Saliency,
    pixels_per_step: int,
    step_batch: int | None = None,
) -> Float[Array, "curves steps"]:
    """Scores images while their pixels change, the most salient first.

    Args:
      confidence: the score of one image.
      start: `[curves, h, w, c]`, an image of each curve before any pixel has changed.
      end: `[curves, h, w, c]`, the same after all have.
      saliency: `[h, w]`, which orders the pixels of all curves.
      pixels_per_step: pixels that change from one score to the next.
      step_batch: images scored at once; None scores all.

    Returns:
      The scores; NaN where one of the arrays holds NaN or infinity.
    """
    step = salient_order(saliency) // pixels_per_step  # in which a pixel changes
    steps = jnp.arange(-(-saliency.size // pixels_per_step) + 1)

    def score_after(entry):
        curve, done = entry
        return confidence(reveal(end[curve], start[curve], (step < done).astype(jnp.float32)))

    # All curves in one list of images: the model is compiled once.
    entries = jnp.repeat(jnp.arange(len(start)), steps.size), jnp.tile(steps, len(start))
    curves = map_batched(score_after, entries, step_batch).reshape(len(start), -1)
    valid = jnp.isfinite(saliency).all() & jnp.isfinite(start).all() & jnp.isfinite(end).all()
    return jnp.where(valid, curves, jnp.nan)


def salient_order(saliency: Saliency) -> Int[Array, "h w"]:
    """The rank of every pixel, 0 for the most salient; of equals the first in reading order comes first."""
    order = jnp.argsort(saliency.ravel(), stable=True, descending=True)
    return jnp.zeros(saliency.size, jnp.int32).at[order].set(jnp.arange(saliency.size)).reshape(saliency.shape)


def area(curve: Curve) -> Scalar:
    """The area under a curve of at least two points over [0, 1], by the trapezoid rule."""
    return (curve[1:] + curve[:-1]).mean() / 2
