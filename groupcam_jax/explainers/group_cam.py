"""Group-CAM: every group of channels votes with the confidence it restores (Zhang et al., arXiv:2103.13859).

    A, dy/dA   activation of the layer and the gradient of the class score in it
    w_k        mean of dy/dA_k over space                                 stages.channels
    M_g        relu(sum of w_k A_k over the channels of group g)          stages.groups
    N_g        percentile, upsampling, min-max of M_g                     stages.masks
    x_g        N_g x + (1 - N_g) blur(x)                                  stages.perturb
    a_g        p_c(x_g) - p_c(blur(x))                                    stages.score
    saliency   relu(sum of a_g N_g), rescaled to [0, 1]                   stages.merge

This is Algorithm 1 and the authors' code at their commit 0b61fdd. The code that they released since leaves out the
percentile, lets no group vote against the class and merges the masks as the network made them, M_g upsampled:
`group_cam(..., percentile=None, positive_gain=True, merge_rescaled=False)`. Where both codes return NaN or nothing (a
dead group, a flat map) ours returns zeros.

For training (section 5 of the paper) there is a form without gradients and percentile, M_g = relu(sum of A_k):
`group_cam(..., channel_weights=None, percentile=None, groups=16)`. With a list of layers the groups of all vote.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.explainer import check_count, make_explainer
from groupcam_jax.program.flat import trace
from groupcam_jax.program.split import Layer, split_program
from groupcam_jax.stages.batches import Progress, check_batch
from groupcam_jax.stages.channels import channel_mean, score_gradient
from groupcam_jax.stages.groups import Grouping, contiguous, group_masks
from groupcam_jax.stages.masks import denoise, unit_range, upsample
from groupcam_jax.stages.merge import merge
from groupcam_jax.stages.perturb import Baseline, gaussian_blur, hide
from groupcam_jax.stages.score import class_confidence, confidence_gain, lower_precision
from groupcam_jax.targets import Target, logit, probability, resolve_label
from groupcam_jax.types import Explainer, Label, Logits, Masks, Model, Params


class GroupCamAux(NamedTuple):
    """What `has_aux=True` returns besides the saliency: each group's gain in confidence and mask `[g, u, v]`.

    Of several layers the groups follow each other in `gain`, and `masks` is a list with an array for each layer.
    """

    label: Label
    logits: Logits
    gain: Float[Array, " g"]
    masks: Masks | list[Masks]


def group_cam(
    model_apply: Model,
    params: Params,
    *,
    layer: Layer | list[Layer] = None,
    tokens_to_grid: tuple[int, int] | None = None,
    data_format: str = "NHWC",
    groups: int = 32,
    grouping: Grouping = contiguous,
    channel_weights: Callable[[Any], Any] | None = channel_mean,
    percentile: float | None = 70.0,
    baseline: Baseline = gaussian_blur(kernel_size=51, sigma=50.0),
    target: Target = logit,
    score: Target = probability,
    positive_gain: bool = False,
    merge_rescaled: bool = True,
    mask_batch: int | None = None,
    progress: Progress = None,
    compute_dtype: Any = None,
    has_aux: bool = False,
) -> Explainer:
    """Builds the Group-CAM explainer of a classifier.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      layer: scope name, index of `list_layers`, `(features, head)`, or None for the last spatial activation; or a list
        of such, whose groups all vote.
      tokens_to_grid: height and width of the grid that the layer's tokens form, for models of tokens.
      data_format: "NCHW" where the model's activations are channel-first.
      groups: masks an image and layer, and so forward passes (plus two).
      grouping: which channels share a mask: `contiguous`, `kmeans()` or `ward()`.
      channel_weights: how the gradient `[u, v, k]` weighs the channels `[k]`; None takes no gradient and no weights.
      percentile: in each mask, values up to this percentile become 0; None keeps all.
      baseline: the image without its evidence, through which a mask reveals it.
      target: the score whose gradient weighs the channels.
      score: the score whose gain weighs the masks.
      positive_gain: whether a group that lowers the score is left out, rather than voting against its mask.
      merge_rescaled: whether the masks are merged as shown to the model, in [0, 1], or as they came from the network.
      mask_batch: perturbed images scored at once; None scores all, fewer need less memory.
      progress: called on the host after every batch, with the number of images just scored and of all to score.
      compute_dtype: dtype of the perturbed passes, such as `jnp.bfloat16`; scores and maps stay float32.
      has_aux: whether to return `(saliency, GroupCamAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`: saliency `[h, w]` in [0, 1], float32, all 0 where no group restores any
      confidence, NaN for an image that is not finite or a traced label out of range. The key feeds a `grouping` or a
      `baseline` that draws.

    Raises:
      ValueError: groups or mask_batch below 1, percentile outside [0, 100]; in the explainer: more groups than
        channels, no such layer or class, not one floating image.
      TypeError: in the explainer: a key is needed and missing.
    """
    check_count("groups", groups)
    if percentile is not None and not 0 <= percentile <= 100:
        raise ValueError(f"percentile={percentile}: expected 0 <= percentile <= 100, or None")
    if layer == []:
        raise ValueError("layer=[]: expected at least one layer, or None for the last spatial activation")
    check_batch("mask_batch", mask_batch)

    def explain(image, label, key):
        grouping_key, baseline_key = (None, None) if key is None else jax.random.split(key)
        program = trace(model_apply, params, image[None])

        def group(one_layer):
            """The label, the logits and the masks of the groups of one layer."""
            features, head = split_program(program, one_layer, tokens_to_grid, data_format)
            activation, skips = features(params, image[None])
            if groups > (most := activation.shape[-1]):
                raise ValueError(f"groups={groups} but layer {one_layer!r} has {most} channels; choose at most {most}")
            if channel_weights is None:
                logits = head(params, activation, skips)[0]
                resolved, maps = resolve_label(label, logits), activation[0]
            else:
                resolved, logits, gradient = score_gradient(head, params, activation, skips, target, label)
                maps = channel_weights(gradient)[None, None] * activation[0]
            maps = maps.astype(jnp.float32)
            return resolved, logits, group_masks(maps, grouping(maps, groups, grouping_key))

        grouped = [group(one_layer) for one_layer in (layer if isinstance(layer, list) else [layer])]
        (resolved, logits, _), masks = grouped[0], [masks for _, _, masks in grouped]
        enlarge = jax.vmap(lambda mask: upsample(denoise(mask, percentile), image.shape[:2]))
        enlarged = jnp.concatenate([enlarge(of_layer) for of_layer in masks])
        rescaled = jax.vmap(unit_range)(enlarged)
        if compute_dtype is not None:
            program, weights = lower_precision(model_apply, params, image, compute_dtype)
        else:
            weights = params
        image = image.astype(jnp.float32)
        confidence = class_confidence(program, weights, score, resolved)
        gain = confidence_gain(confidence, image, hide(baseline, image, baseline_key), rescaled, mask_batch, progress)
        votes = jax.nn.relu(gain) if positive_gain else gain
        saliency = unit_range(merge(votes, rescaled if merge_rescaled else enlarged))
        return saliency, GroupCamAux(resolved, logits, gain, masks if isinstance(layer, list) else masks[0])

    return make_explainer(explain, has_aux=has_aux)
