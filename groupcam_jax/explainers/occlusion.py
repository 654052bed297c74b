"""Occlusion: what the score loses where a window hides the image (Zeiler and Fergus, arXiv:1311.2901, section 4.2).

    x_i        the image with window i replaced by the baseline
    d_i        p_c(x) - p_c(x_i)
    saliency   relu(mean of d_i over the windows that cover a pixel), rescaled to [0, 1]

The last windows end at the image's border, so that every pixel is covered. captum's `Occlusion` cuts them off there
instead, and they hide less than the others; where the strides fit it computes what ours does, before the relu.
"""

from __future__ import annotations

from typing import Any, TypeAlias, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from groupcam_jax.batches import Progress, map_batched
from groupcam_jax.checks import check_batch, check_count
from groupcam_jax.families.explainer import Aux, make_explainer
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.stages.masks import unit_range
from groupcam_jax.stages.perturb import Baseline, constant
from groupcam_jax.stages.score import masked_confidence, without_rounding
from groupcam_jax.targets import Target, probability
from groupcam_jax.types import Explainer, HasAux, Model, Params

Sides: TypeAlias = int | tuple[int, int]


def occlusion(
    model_apply: Model,
    params: Params,
    *,
    window: Sides = 32,
    stride: Sides = 16,
    baseline: Baseline = constant(0.0),
    score: Target = probability,
    mask_batch: int | None = 16,
    progress: Progress = None,
    has_aux: HasAux = False,
) -> Explainer[HasAux, Aux]:
    """Builds the occlusion explainer of a classifier: a forward pass for each window (169 for 224 x 224), plus one.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      window: sides of the window in pixels, `(height, width)`; one number for a square.
      stride: pixels from one window to the next, downwards and to the right; one number for both.
      baseline: what the window shows, `(image, key) -> image`.
      score: the score of each image shown to the model, a function of the logits and the label.
      mask_batch: images scored at once; None suits the device, see `batches`.
      progress: called on the host after every batch, with the number of images just scored and the total.
      has_aux: whether the explainer returns `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      All 0 if no window lowers the score. Only a random baseline uses the key.

    Raises:
      ValueError: window, stride or mask_batch below 1, a stride that skips pixels; in the explainer: a window
        larger than the image, or as large as it.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """
    windows, strides = both_sides("window", window), both_sides("stride", stride)
    if any(step > side for side, step in zip(windows, strides, strict=True)):
        raise ValueError(f"window={window}, stride={stride}: expected stride <= window; else pixels are skipped")
    check_batch("mask_batch", mask_batch)

    def explain(image, label, key):
        shape = image.shape[:2]
        if windows == shape or any(side > length for side, length in zip(windows, shape, strict=True)):
            raise ValueError(
                f"window={window} hides a whole side of the image, {shape[0]} x {shape[1]}; "
                "choose about a quarter of it"
            )
        cut = cut_at_image(model_apply, params, image)
        label, logits = cut.classify(label)
        confidence = masked_confidence(cut, image, baseline, key, score, label)
        places = zip(map(starts, shape, windows, strides), windows, shape, strict=True)
        rows, columns = (jax.vmap(covered, (0, None, None))(*side) for side in places)
        corners = jnp.divmod(jnp.arange(len(rows) * len(columns)), len(columns))

        def score_without(corner):
            return confidence(1 - rows[corner[0], :, None] * columns[corner[1], None])

        whole = cut.bind(score, label)(logits)
        hidden = map_batched(score_without, corners, mask_batch, progress)
        scores = without_rounding(jnp.append(whole, hidden))
        drops = (scores[0] - scores[1:]).reshape(len(rows), len(columns))
        heat = jnp.einsum("ij,ih,jw->hw", drops, rows, columns, precision=jax.lax.Precision.HIGHEST)
        covering = rows.sum(0)[:, None] * columns.sum(0)[None]
        return unit_range(jax.nn.relu(heat / covering)), Aux(label, logits)

    return make_explainer(explain, has_aux=has_aux)


def both_sides(name: str, sides: Any) -> tuple[int, int]:
    """The height and width that an option gives.

    Raises:
      ValueError, TypeError: it is neither a number of pixels, at least 1, nor two.
    """
    pair = sides if isinstance(sides, tuple) and len(sides) == 2 else (sides, sides)
    for side in pair:
        check_count(name, side, ", or (height, width)")
    return cast(tuple[int, int], pair)


def starts(length: int, window: int, stride: int) -> Int[Array, " windows"]:
    """Where windows start along a side; the last one ends at the border."""
    return jnp.asarray([*range(0, length - window, stride), length - window])


def covered(start: Int[Array, ""], window: int, length: int) -> Float[Array, " pixels"]:
    """1 where a window covers a pixel along a side, else 0."""
    places = jnp.arange(length)
    return ((places >= start) & (places < start + window)).astype(jnp.float32)
