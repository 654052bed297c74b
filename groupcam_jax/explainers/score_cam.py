"""Score-CAM: every channel weighs what its own mask lets the model see (Wang et al., arXiv:1910.01279).

    A_k        activation of the layer, channel k
    H_k        A_k enlarged, rescaled to [0, 1]
    s_k        p_c(H_k x): the confidence in the image behind the mask
    saliency   relu(sum of s_k A_k enlarged), rescaled to [0, 1]

As in the authors' code, and that of Group-CAM's authors. The paper subtracts the score of the baseline; published code
does not. Its algorithm takes the softmax of the scores over the channels, as does pytorch-grad-cam (of logits):
`weigh=jax.nn.softmax, score=logit`. A flat channel shows nothing and has weight 0. `channels` selects the fast form,
which scores only the channels that vary most over space.

Masks are made and scored in batches of `mask_batch`, never all held at once; only the small maps are merged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.batches import Progress, map_batched
from groupcam_jax.checks import check_batch, check_count
from groupcam_jax.families.explainer import make_explainer
from groupcam_jax.program.cut import cut_at
from groupcam_jax.stages.masks import unit_range, upsample
from groupcam_jax.stages.perturb import Baseline, constant
from groupcam_jax.stages.score import masked_confidence
from groupcam_jax.targets import Target, probability
from groupcam_jax.types import Explainer, HasAux, Label, LayerLike, Logits, Model, Params

Scores = Float[Array, " k"]


class ScoreCamAux(NamedTuple):
    """What `has_aux=True` returns besides the saliency: each scored channel's score."""

    label: Label
    logits: Logits
    scores: Scores


def score_cam(
    model_apply: Model,
    params: Params,
    *,
    layer: LayerLike = None,
    channels: int | None = None,
    baseline: Baseline = constant(0.0),
    score: Target = probability,
    weigh: Callable[[Scores], Scores] = lambda scores: scores,
    mask_batch: int | None = 16,
    progress: Progress = None,
    has_aux: HasAux = False,
) -> Explainer[HasAux, ScoreCamAux]:
    """Builds the Score-CAM explainer of a classifier: a forward pass for each channel, plus one.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      layer: where to cut it: scope name, index of `list_layers`, `Layer`; None for the last spatial activation.
      channels: how many to score, those of the largest variance over space; None takes all.
      baseline: the image without its evidence, `(image, key) -> image`, in the units of the normalised image.
      score: the score of each image shown to the model, a function of the logits and the label.
      weigh: maps the scores of the channels to their weights.
      mask_batch: images scored at once; None suits the device, see `batches`.
      progress: called on the host after every batch, with the number of images just scored and the total.
      has_aux: whether the explainer returns `(saliency, ScoreCamAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      All 0 if no channel shows anything. Only a random baseline uses the key.

    Raises:
      ValueError: channels or mask_batch below 1; in the explainer: more channels than the layer has.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """
    if channels is not None:
        check_count("channels", channels, ", or None for all")
    check_batch("mask_batch", mask_batch)

    def explain(image, label, key):
        cut = cut_at(model_apply, params, image, layer)
        label, logits = cut.classify(label)
        maps = cut.activation.transpose(2, 0, 1)
        if channels is not None:
            if channels > (most := len(maps)):
                raise ValueError(f"channels={channels} but layer {cut.parts.name} has {most}; choose at most {most}")
            maps = maps[jax.lax.top_k(maps.var((1, 2)), channels)[1]]
        confidence = masked_confidence(cut, image, baseline, key, score, label)

        def score_of(one):
            return confidence(unit_range(upsample(one, image.shape[:2])))

        scores = map_batched(score_of, maps, mask_batch, progress)
        flat = maps.max((1, 2)) == maps.min((1, 2))
        weights = jnp.where(flat, 0, weigh(scores))
        heat = jnp.einsum("k,kuv->uv", weights, maps, precision=jax.lax.Precision.HIGHEST)
        saliency = unit_range(jax.nn.relu(upsample(heat, image.shape[:2])))
        return saliency, ScoreCamAux(label, logits, scores)

    return make_explainer(explain, has_aux=has_aux)
