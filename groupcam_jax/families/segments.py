"""Explanations by segments of the image: many selections of them are shown, and a line is fitted to the scores.

A selection z holds a 1 for each segment that is shown, a 0 for each that is hidden. Segments may overlap: a pixel is
hidden if any of its segments is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from groupcam_jax.batches import Progress, map_batched
from groupcam_jax.checks import require_key
from groupcam_jax.families.explainer import make_explainer
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.stages.perturb import Baseline
from groupcam_jax.stages.score import masked_confidence, without_rounding
from groupcam_jax.targets import Target
from groupcam_jax.types import Explainer, HasAux, Image, Label, Logits, Model, Params, PRNGKey

SegmentMasks = Bool[jax.Array | np.ndarray, "s h w"]
Segments: TypeAlias = SegmentMasks | Callable[[Image], SegmentMasks]
Selections = Float[Array, "n s"]
Shares = Float[Array, " s"]


class SegmentsAux(NamedTuple):
    """What `has_aux=True` returns besides the saliency: the share of each segment in the score, signed."""

    label: Label
    logits: Logits
    shares: Shares


def segments_explainer(
    model_apply: Model,
    params: Params,
    *,
    method: str,
    select: Callable[[PRNGKey, int], Selections],
    fit: Callable[[Selections, Float[Array, " n"]], Shares],
    segments: Segments,
    baseline: Baseline,
    score: Target,
    mask_batch: int | None,
    progress: Progress,
    has_aux: HasAux,
) -> Explainer[HasAux, SegmentsAux]:
    """Builds the explainer of a method that differs in what it shows and in how it weighs the scores.

    Args:
      model_apply, params, segments, baseline, score, mask_batch, progress, has_aux: as in `lime`.
      method: its name, for the message.
      select: draws selections of a number of segments.
      fit: the shares of the segments, from selections and their scores.
    """

    def explain(image, label, key):
        select_key, baseline_key = jax.random.split(require_key(key, method))
        masks = segments(image) if callable(segments) else segments
        check_segments(masks, image.shape[:2])
        masks = jnp.asarray(masks, jnp.float32)
        cut = cut_at_image(model_apply, params, image)
        label, logits = cut.classify(label)
        confidence = masked_confidence(cut, image, baseline, baseline_key, score, label)
        selections = select(select_key, len(masks))

        def score_of(selection):
            return confidence(1 - jnp.einsum("s,shw->hw", 1 - selection, masks).clip(0, 1))

        shares = fit(selections, without_rounding(map_batched(score_of, selections, mask_batch, progress)))
        heat = jnp.einsum("s,shw->hw", shares, masks, precision=jax.lax.Precision.HIGHEST)
        heat = jax.nn.relu(heat)
        highest = heat.max()  # by it alone: the smallest share is not nothing
        return heat / jnp.where(highest == 0, 1, highest), SegmentsAux(label, logits, shares)

    return make_explainer(explain, has_aux=has_aux)


def least_squares(
    rows: Float[Array, "n s"], values: Float[Array, " n"], weights: Float[Array, " n"]
) -> Float[Array, " s"]:
    """The shortest solution of weighted least squares, also where there are more unknowns than rows."""
    root = jnp.sqrt(weights)
    return jnp.linalg.lstsq(root[:, None] * rows, root * values)[0]


def check_segments(segments: ArrayLike, shape: tuple[int, int]) -> None:
    """Raises ValueError unless segments are masks of this shape, not a label map."""
    if not hasattr(segments, "dtype"):
        raise ValueError(
            f"segments must be masks, bool [s, {shape[0]}, {shape[1]}], got a {type(segments).__name__}; "
            "of a list of masks: numpy.stack(masks)"
        )
    if jnp.shape(segments)[1:] != shape or 0 in jnp.shape(segments) or jnp.result_type(segments) != jnp.bool_:
        raise ValueError(
            f"segments must be masks, bool [s, {shape[0]}, {shape[1]}], got {jnp.result_type(segments)} "
            f"{[*jnp.shape(segments)]}; of a label map: labels == numpy.unique(labels)[:, None, None]"
        )
