"""Insertion and deletion: how fast the score rises and falls with the most salient pixels (RISE, arXiv:1806.07421).

    order       the pixels, most salient first; ties in reading order
    x_i         insertion: the substrate with the first i steps of pixels shown; deletion: the image with them hidden
    curve       p_c(x_0), ..., p_c(x_n)
    AUC         the area under it over the share of pixels, by the trapezoid rule; good: insertion high, deletion low
    over-all    insertion AUC - deletion AUC

As in the code of Group-CAM's authors (arXiv:2103.13859, section 4.3): 224 * 8 pixels per step; insertion starts from
a Gaussian blur of 51 pixels and sigma 50; deletion ends in zeros. The paper says that deletion, too, ends in a blurred
image: `deletion_substrate=gaussian_blur()`. Published code leaves the order of ties to the sort. RISE's code counts the
last step as a whole one even if fewer pixels are left; ours does not.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from groupcam_jax.batches import map_batched
from groupcam_jax.checks import check_batch, check_count, check_saliency, require_key
from groupcam_jax.metrics.measure import Measure, confidence_of
from groupcam_jax.stages.perturb import Baseline, constant, gaussian_blur, hide, reveal
from groupcam_jax.targets import Target, probability
from groupcam_jax.types import Image, Model, Params, Saliency, Scalar

Curve = Float[Array, " steps"]


class InsertionDeletion(NamedTuple):
    """Both curves of one saliency, from no pixels to all, and the areas under them."""

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
) -> Measure[InsertionDeletion]:
    """Builds the metric for a classifier: two forward passes per step, 58 for 224 x 224, plus one for the prediction.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      pixels_per_step: pixels shown or hidden from one score to the next; the last step may have fewer.
      insertion_substrate: the image without its evidence, where insertion starts.
      deletion_substrate: the image without its evidence, where deletion ends.
      score: the score to follow.
      step_batch: images scored at once; None suits the device, see `batches`.

    Returns:
      `measure(image, saliency, label=None, *, key=None) -> InsertionDeletion` of one image `[h, w, c]` and saliency
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
        keys = (None, None) if key is None else jax.random.split(require_key(key, "insertion_deletion"))
        start = jnp.stack([hide(insertion_substrate, image, keys[0]), image])
        end = jnp.stack([image, hide(deletion_substrate, image, keys[1])])
        insertion, deletion = pixel_curves(confidence, start, end, saliency[None], pixels_per_step, step_batch)
        places = curve_places(saliency.size, pixels_per_step)
        inserted, deleted = (jnp.trapezoid(curve, places) for curve in (insertion, deletion))
        return InsertionDeletion(insertion, deletion, inserted, deleted, inserted - deleted)

    return measure


def pixel_curves(
    confidence: Callable[[Image], Scalar],
    start: Float[Array, "curves h w c"],
    end: Float[Array, "curves h w c"],
    saliencies: Float[Array, "#curves h w"],
    pixels_per_step: int,
    step_batch: int | None,
) -> Float[Array, "curves steps"]:
    """Scores images while their pixels change, the most salient first.

    Args:
      confidence: the score of one image.
      start: `[curves, h, w, c]`, one image per curve, before any pixel has changed.
      end: `[curves, h, w, c]`, the same after all pixels have changed.
      saliencies: what orders the pixels of each curve, or one for all of them.
      pixels_per_step: pixels that change from one score to the next.
      step_batch: images scored at once; None suits the device, see `batches`.

    Returns:
      The scores; NaN if any of the arrays holds NaN or infinity.

    Raises:
      ValueError: one map without the axis of curves.
    """
    if saliencies.ndim != 3:  # the rows of one map would be taken for maps
        raise ValueError(f"expected saliencies [curves, h, w], got {[*saliencies.shape]}; of one map: saliency[None]")
    step = jax.vmap(salient_order)(saliencies) // pixels_per_step  # the step in which each pixel changes
    step = jnp.broadcast_to(step, start.shape[:3])
    steps = jnp.arange(-(-step[0].size // pixels_per_step) + 1, dtype=jnp.int32)

    def score_after(entry):
        curve, done = entry
        return confidence(reveal(end[curve], start[curve], (step[curve] < done).astype(jnp.float32)))

    # One list of images for all curves, so the model is compiled once.
    entries = jnp.repeat(jnp.arange(len(start)), steps.size), jnp.tile(steps, len(start))
    curves = map_batched(score_after, entries, step_batch).reshape(len(start), -1)
    valid = jnp.isfinite(saliencies).all() & jnp.isfinite(start).all() & jnp.isfinite(end).all()
    return jnp.where(valid, curves, jnp.nan)


def salient_order(saliency: Saliency) -> Int[Array, "h w"]:
    """The rank of every pixel, 0 for the most salient; ties are ranked in reading order."""
    order = jnp.argsort(saliency.ravel(), stable=True, descending=True)
    places = jnp.arange(saliency.size, dtype=jnp.int32)
    return jnp.zeros_like(places).at[order].set(places).reshape(saliency.shape)


def curve_places(pixels: int, pixels_per_step: int) -> Curve:
    """The share of pixels changed at each point of a curve, from 0 to 1; the last step may be shorter."""
    done = np.minimum(np.arange(-(-pixels // pixels_per_step) + 1) * pixels_per_step, pixels)
    return jnp.asarray(done / pixels, jnp.float32)  # NumPy's division: XLA's may give a little less than 1
