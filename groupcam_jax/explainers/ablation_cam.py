"""Ablation-CAM: a channel weighs what the score loses without it (Desai and Ramaswamy, 2020).

    y, y_k     class score, and class score with channel k of the layer's activation A set to 0
    w_k        y - y_k
    saliency   relu(sum of w_k A_k), enlarged, rescaled to [0, 1]

WACV 2020, doi:10.1109/WACV45572.2020.9093360; Grad-CAM (arXiv:1610.02391) without gradients. The paper divides the
weights by y. We do not: this changes nothing in the rescaled map where y > 0, and would invert it where y < 0.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.batches import Progress, map_batched
from groupcam_jax.checks import check_batch
from groupcam_jax.families.class_activation import show_heat
from groupcam_jax.families.explainer import make_explainer
from groupcam_jax.program.cut import cut_at
from groupcam_jax.stages.score import without_rounding
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Explainer, HasAux, Label, LayerLike, Logits, Model, Params


class AblationCamAux(NamedTuple):
    """What `has_aux=True` returns besides the saliency: the drop in score without each channel."""

    label: Label
    logits: Logits
    drop: Float[Array, " k"]


def ablation_cam(
    model_apply: Model,
    params: Params,
    *,
    layer: LayerLike = None,
    score: Target = logit,
    channel_batch: int | None = 32,
    progress: Progress = None,
    has_aux: HasAux = False,
) -> Explainer[HasAux, AblationCamAux]:
    """Builds the Ablation-CAM explainer of a classifier: one forward pass, and one above the layer for each channel.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      layer: where to cut it: scope name, index of `list_layers`, `Layer`; None for the last spatial activation.
      score: the score whose drop is measured, a function of the logits and the label.
      channel_batch: channels ablated at once; None suits the device, see `batches`.
      progress: called on the host after every batch, with the number of channels just ablated and the total.
      has_aux: whether the explainer returns `(saliency, AblationCamAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      All 0 if no channel speaks for the class.

    Raises:
      ValueError: channel_batch below 1.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """
    check_batch("channel_batch", channel_batch)

    def explain(image, label, key):
        del key  # deterministic
        cut = cut_at(model_apply, params, image, layer)
        label, logits = cut.classify(label)
        score_of = cut.bind(score, label)
        channels = jnp.arange(cut.value.shape[-1])

        def score_without(channel):
            kept = jnp.where(channels[None, None] == channel, 0, cut.value)
            return score_of(cut.head(kept))

        ablated = map_batched(score_without, channels, channel_batch, progress)
        scores = without_rounding(jnp.append(score_of(logits), ablated))
        drop = scores[0] - scores[1:]
        heat = (drop[None, None] * cut.activation).sum(2)
        return show_heat(heat, image), AblationCamAux(label, logits, drop)

    return make_explainer(explain, has_aux=has_aux)
