"""ReciproCAM: a place shows what the layer says of the class by this place alone (Byun and Lee, arXiv:2209.14074).

    A          activation of the layer, [u, v, k]
    M_i        a mask that is 1 in place i of u v and 0 elsewhere; with `gaussian` 1/4 there, 1/8 beside it, 1/16 aslant
    s_i        p_c(M_i A): the confidence of the head, without a gradient
    saliency   s as a map, enlarged, rescaled to [0, 1]

What bypasses the layer, a class token among it, stays as it is. As in the authors' code the confidence is a
probability; OpenVINO takes the logits (`score=logit`). With `gaussian` OpenVINO masks the activation, as we do; the
authors' code spreads the values of place i over its neighbours instead.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from groupcam_jax.batches import Progress, map_batched
from groupcam_jax.checks import check_batch
from groupcam_jax.families.explainer import make_explainer
from groupcam_jax.program.cut import cut_at
from groupcam_jax.stages.masks import unit_range, upsample
from groupcam_jax.stages.score import without_rounding
from groupcam_jax.targets import Target, probability
from groupcam_jax.types import Explainer, HasAux, Heat, Label, LayerLike, Logits, Model, Params


class ReciproCamAux(NamedTuple):
    """What `has_aux=True` returns besides the saliency: the score of each place of the activation alone."""

    label: Label
    logits: Logits
    scores: Heat


def recipro_cam(
    model_apply: Model,
    params: Params,
    *,
    layer: LayerLike = None,
    gaussian: bool = False,
    score: Target = probability,
    mask_batch: int | None = 16,
    progress: Progress = None,
    has_aux: HasAux = False,
) -> Explainer[HasAux, ReciproCamAux]:
    """Builds the ReciproCAM explainer of a classifier: one forward pass, and one above the layer for each place of it.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      layer: where to cut it: scope name, index of `list_layers`, `Layer`; None for the last spatial activation.
      gaussian: whether the neighbours of a place are kept too, less the further they are.
      score: the score of each place, a function of the logits and the label.
      mask_batch: places scored at once; None suits the device, see `batches`.
      progress: called on the host after every batch, with the number of places just scored and the total.
      has_aux: whether the explainer returns `(saliency, ReciproCamAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      All 0 if every place scores the same.

    Raises:
      ValueError: mask_batch below 1.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """
    check_batch("mask_batch", mask_batch)

    def explain(image, label, key):
        del key  # deterministic
        cut = cut_at(model_apply, params, image, layer)
        label, logits = cut.classify(label)
        score_of = cut.bind(score, label)
        height, width = cut.value.shape[:2]

        def score_at(place):
            rows, columns = (kept(side, at, gaussian) for side, at in zip((height, width), place, strict=True))
            mask = (rows[:, None] * columns[None]).astype(cut.value.dtype)
            return score_of(cut.head(mask[:, :, None] * cut.value))

        places = jnp.divmod(jnp.arange(height * width), width)
        scores = without_rounding(map_batched(score_at, places, mask_batch, progress)).reshape(height, width)
        return unit_range(upsample(scores, image.shape[:2])), ReciproCamAux(label, logits, scores)

    return make_explainer(explain, has_aux=has_aux)


def kept(side: int, at: Int[Array, ""], gaussian: bool) -> Float[Array, " places"]:
    """How much of each place along a side is kept around one of them; the Gaussian is the product of two sides."""
    away = jnp.abs(jnp.arange(side) - at).astype(jnp.float32)
    return jax.nn.relu(0.5 - 0.25 * away) if gaussian else jax.nn.relu(1 - away)
