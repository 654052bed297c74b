"""Score-CAM: every channel weighs what its own mask lets the model see (Wang et al., arXiv:1910.01279).

    A_k        activation of the layer, channel k
    H_k        A_k enlarged, rescaled to [0, 1]
    s_k        p_c(H_k x): the confidence in the image behind the mask
    saliency   relu(sum of s_k A_k enlarged), rescaled to [0, 1]

As in the authors' code, and that of Group-CAM's authors. The paper subtracts the score of the baseline, which published
code does not, and its algorithm takes the softmax of the scores over the channels (and so does pytorch-grad-cam, of
logits): `weigh=jax.nn.softmax, score=logit`. A flat channel shows nothing and weighs nothing. `channels` makes the fast
form, which scores those that vary most over space.

The masks are made and scored `mask_batch` at a time and never held all at once; what is merged are the small maps.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.explainer import check_count, make_explainer
from groupcam_jax.program.flat import trace
from groupcam_jax.program.split import Layer, split_program
from groupcam_jax.stages.batches import Progress, check_batch, map_batched
from groupcam_jax.stages.masks import unit_range, upsample
from groupcam_jax.stages.perturb import Baseline, constant, hide, reveal
from groupcam_jax.stages.score import class_confidence
from groupcam_jax.targets import Target, probability, resolve_label
from groupcam_jax.types import Explainer, Label, Logits, Model, Params


class ScoreCamAux(NamedTuple):
    """What `has_aux=True` returns besides the saliency: each scored channel's score."""

    label: Label
    logits: Logits
    scores: Float[Array, " k"]


def score_cam(
    model_apply: Model,
    params: Params,
    *,
    layer: Layer = None,
    tokens_to_grid: tuple[int, int] | None = None,
    data_format: str = "NHWC",
    channels: int | None = None,
    baseline: Baseline = constant(0.0),
    score: Target = probability,
    weigh: Callable[[Any], Any] = lambda scores: scores,
    mask_batch: int | None = 16,
    progress: Progress = None,
    has_aux: bool = False,
) -> Explainer:
    """Builds the Score-CAM explainer of a classifier: a forward pass for each channel, plus one.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      layer: scope name, index of `list_layers`, `(features, head)`, or None for the last spatial activation.
      tokens_to_grid: height and width of the grid that the layer's tokens form, for models of tokens.
      data_format: "NCHW" where the model's activations are channel-first.
      channels: only so many channels, those of the largest variance over space; None takes all.
      baseline: the image without its evidence, through which a mask reveals it.
      score: the score that is taken of each image shown to the model.
      weigh: maps the scores of the channels to their weights.
      mask_batch: images scored at once; None scores all, fewer need less memory.
      progress: called on the host after every batch, with the number of images just scored and of all to score.
      has_aux: whether to return `(saliency, ScoreCamAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`: saliency `[h, w]` in [0, 1], float32, all 0 where no
      channel shows anything, NaN for an image that is not finite or a traced
      label out of range. The key feeds a baseline that draws.

    Raises:
      ValueError: channels or mask_batch below 1; in the explainer: more channels than the layer has, no such layer or
        class, not one floating image.
      TypeError: in the explainer: a key is needed and missing.
    """
    if channels is not None:
        check_count("channels", channels, ", or None for all")
    check_batch("mask_batch", mask_batch)

    def explain(image, label, key):
        program = trace(model_apply, params, image[None])
        features, head = split_program(program, layer, tokens_to_grid, data_format)
        activation, skips = features(params, image[None])
        logits = head(params, activation, skips)[0]
        label = resolve_label(label, logits)
        maps = activation[0].astype(jnp.float32).transpose(2, 0, 1)
        if channels is not None:
            if channels > (present := maps.shape[0]):
                raise ValueError(f"channels={channels} but layer {layer!r} has {present}; choose at most {present}")
            maps = maps[jax.lax.top_k(maps.var((1, 2)), channels)[1]]

        image = image.astype(jnp.float32)
        hidden = hide(baseline, image, key)
        confidence = class_confidence(program, params, score, label)

        def score_of(one):
            return confidence(reveal(image, hidden, unit_range(upsample(one, image.shape[:2]))))

        scores = map_batched(score_of, maps, mask_batch, progress)
        flat = maps.max((1, 2)) == maps.min((1, 2))
        weights = jnp.where(flat, 0, weigh(scores))
        heat = jnp.einsum("k,kuv->uv", weights, maps, precision=jax.lax.Precision.HIGHEST)
        saliency = unit_range(jax.nn.relu(upsample(heat, image.shape[:2])))
        return saliency, ScoreCamAux(label, logits, scores)

    return make_explainer(explain, has_aux=has_aux)
