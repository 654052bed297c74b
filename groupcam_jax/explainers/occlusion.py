"""Occlusion: what the score loses where a window hides the image (Zeiler and Fergus, arXiv:1311.2901, section 4.2).

    x_i        the image with window i replaced by the baseline
    d_i        p_c(x) - p_c(x_i)
    saliency   relu(mean of d_i over the windows that cover a pixel), rescaled to [0, 1]

The windows step over the image and end at its border, so that every pixel is covered.
"""

import jax
import jax.numpy as jnp

from groupcam_jax.explainer import Aux, check_count, make_explainer
from groupcam_jax.program.flat import trace
from groupcam_jax.stages.batches import Progress, check_batch, sum_batched
from groupcam_jax.stages.masks import unit_range
from groupcam_jax.stages.perturb import Baseline, constant, hide, reveal
from groupcam_jax.stages.score import class_confidence
from groupcam_jax.targets import Target, probability, resolve_label
from groupcam_jax.types import Explainer, Model, Params


def occlusion(
    model_apply: Model,
    params: Params,
    *,
    window: int = 32,
    stride: int = 16,
    baseline: Baseline = constant(0.0),
    score: Target = probability,
    mask_batch: int | None = 16,
    progress: Progress = None,
    has_aux: bool = False,
) -> Explainer:
    """Builds the occlusion explainer of a classifier: a forward pass for each window (169 of 224 x 224), plus one.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      window: side of the window in pixels.
      stride: pixels from one window to the next.
      baseline: what the window shows.
      score: the score that is taken of each image shown to the model.
      mask_batch: images scored at once; None scores all, fewer need less memory.
      progress: called on the host after every batch, with the number of images just scored and of all to score.
      has_aux: whether to return `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key=None)`: saliency `[h, w]` in [0, 1], float32, all 0 where
      hiding nothing lowers the score, NaN for an image that is not finite or a traced
      label out of range. The key feeds a baseline that draws.

    Raises:
      ValueError: window, stride or mask_batch below 1, a stride that skips pixels; in the explainer: an image no
        larger than the window, no such class, not one floating image.
      TypeError: in the explainer: a key is needed and missing.
    """
    check_count("window", window)
    check_count("stride", stride)
    if stride > window:
        raise ValueError(f"window={window}, stride={stride}: expected stride <= window; else pixels are skipped")
    check_batch("mask_batch", mask_batch)

    def explain(image, label, key):
        height, width = image.shape[:2]
        if window > min(height, width) or window >= max(height, width):
            raise ValueError(
                f"window={window} hides a whole side of the image, {height} x {width}; choose about a quarter of it"
            )
        program = trace(model_apply, params, image[None])
        logits = program(params, image[None])[0]
        label = resolve_label(label, logits)
        confidence = class_confidence(program, params, score, label)
        image = image.astype(jnp.float32)
        hidden, whole = hide(baseline, image, key), confidence(image)

        def drop(corner):
            rows = covered(corner[0], window, height)
            columns = covered(corner[1], window, width)
            inside = (rows[:, None] & columns[None]).astype(jnp.float32)
            return inside * (whole - confidence(reveal(image, hidden, 1 - inside))), inside

        tops, lefts = jnp.meshgrid(starts(height, window, stride), starts(width, window, stride), indexing="ij")
        corners = jnp.stack([tops.ravel(), lefts.ravel()], axis=1)
        drops, covering = sum_batched(drop, corners, mask_batch, progress)
        return unit_range(jax.nn.relu(drops / covering)), Aux(label, logits)

    return make_explainer(explain, has_aux=has_aux)


def starts(length: int, window: int, stride: int) -> jax.Array:
    """Where windows start along a side; the last one ends at the border."""
    return jnp.asarray([*range(0, length - window, stride), length - window])


def covered(start: jax.Array, window: int, length: int) -> jax.Array:
    """Which pixels along a side a window covers."""
    places = jnp.arange(length)
    return (places >= start) & (places < start + window)
