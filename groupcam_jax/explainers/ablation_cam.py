"""Ablation-CAM: a channel weighs what the score loses without it (Desai and Ramaswamy, 2020).

    y, y_k     class score, and class score with channel k of the layer's activation A set to 0
    w_k        y - y_k
    saliency   relu(sum of w_k A_k), enlarged, rescaled to [0, 1]

WACV 2020, doi:10.1109/WACV45572.2020.9093360; Grad-CAM (arXiv:1610.02391) without gradients. The paper divides the
weights by y, which leaves the rescaled map as it is where y > 0 and would turn it over where y < 0: we do not divide.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.explainer import make_explainer
from groupcam_jax.program.flat import trace
from groupcam_jax.program.split import Layer, split_program
from groupcam_jax.stages.batches import Progress, check_batch, map_batched
from groupcam_jax.stages.masks import unit_range, upsample
from groupcam_jax.targets import Target, bind, logit, resolve_label
from groupcam_jax.types import Explainer, Label, Logits, Model, Params


class AblationCamAux(NamedTuple):
    """What `has_aux=True` returns besides the saliency: what the score loses without each channel."""

    label: Label
    logits: Logits
    drop: Float[Array, " k"]


def ablation_cam(
    model_apply: Model,
    params: Params,
    *,
    layer: Layer = None,
    tokens_to_grid: tuple[int, int] | None = None,
    data_format: str = "NHWC",
    score: Target = logit,
    channel_batch: int | None = 32,
    progress: Progress = None,
    has_aux: bool = False,
) -> Explainer:
    """Builds the Ablation-CAM explainer of a classifier: one forward pass, and one above the layer for each channel.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      layer: scope name, index of `list_layers`, `(features, head)`, or None for the last spatial activation.
      tokens_to_grid: height and width of the grid that the layer's tokens form, for models of tokens.
      data_format: "NCHW" where the model's activations are channel-first.
      score: the score whose loss is measured.
      channel_batch: channels ablated at once; None takes all, fewer need less memory.
      progress: called on the host after every batch, with the number of channels just ablated and of all to ablate.
      has_aux: whether to return `(saliency, AblationCamAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`: saliency `[h, w]` in [0, 1], float32, all 0 where no
      channel's loss is one to the class, NaN for an image that is not finite or a traced
      label out of range.

    Raises:
      ValueError: channel_batch below 1; in the explainer: no such layer or class, not one floating image.
    """
    check_batch("channel_batch", channel_batch)

    def explain(image, label, key):
        del key  # deterministic
        program = trace(model_apply, params, image[None])
        features, head = split_program(program, layer, tokens_to_grid, data_format)
        activation, skips = features(params, image[None])
        logits = head(params, activation, skips)[0]
        label = resolve_label(label, logits)
        score_of = bind(score, label)
        channels = jnp.arange(activation.shape[-1])

        def score_without(channel):
            kept = jnp.where(channels[None, None, None] == channel, 0, activation)
            return score_of(head(params, kept, skips)[0].astype(jnp.float32))

        drop = score_of(logits.astype(jnp.float32)) - map_batched(score_without, channels, channel_batch, progress)
        heat = jax.nn.relu((drop[None, None] * activation[0].astype(jnp.float32)).sum(2))
        return unit_range(upsample(heat, image.shape[:2])), AblationCamAux(label, logits, drop)

    return make_explainer(explain, has_aux=has_aux)
