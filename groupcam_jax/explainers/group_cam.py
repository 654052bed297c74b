"""Group-CAM: every group of channels votes with the confidence it restores (Zhang et al., arXiv:2103.13859).

    A, dy/dA   activation of the layer and the gradient of the class score in it
    w_k        mean of dy/dA_k over space                                 stages.channels
    M_g        relu(sum of w_k A_k over the channels of group g)          stages.groups
    N_g        percentile, upsampling, min-max of M_g                     stages.masks
    x_g        N_g x + (1 - N_g) blur(x)                                  stages.perturb
    a_g        p_c(x_g) - p_c(blur(x))                                    stages.score
    saliency   relu(sum of a_g N_g), rescaled to [0, 1]                   stages.merge

This is Algorithm 1 and the authors' code at commit 0b61fdd; `released_group_cam` is their later code. Where both of
their codes return NaN or nothing (a dead group, a flat map), ours returns zeros.

For training (section 5 of the paper) there is a form without gradients or percentile, M_g = relu(sum of A_k):
`group_cam(..., channel_weights=None, percentile=None, groups=16)`. With a list of layers, the groups of all vote.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.batches import Progress
from groupcam_jax.checks import check_batch, check_count
from groupcam_jax.families.explainer import make_explainer
from groupcam_jax.program.cut import cuts_at
from groupcam_jax.stages.channels import ChannelWeights, channel_mean, weigh_channels
from groupcam_jax.stages.groups import Grouping, check_groups, contiguous, group_masks
from groupcam_jax.stages.masks import check_percentile, denoise, unit_range, upsample
from groupcam_jax.stages.merge import Merging, merge_shown
from groupcam_jax.stages.perturb import Baseline, gaussian_blur
from groupcam_jax.stages.score import confidence_gain, masked_confidence
from groupcam_jax.targets import Target, logit, probability
from groupcam_jax.types import Explainer, HasAux, Label, LayerLike, Logits, Masks, Model, Params


class GroupCamAux(NamedTuple):
    """What `has_aux=True` returns besides the saliency: each group's gain in confidence and mask `[g, u, v]`.

    With several layers, `gain` holds the groups of each in turn, and `masks` is a list of one array per layer.
    """

    label: Label
    logits: Logits
    gain: Float[Array, " g"]
    masks: Masks | list[Masks]


def group_cam(
    model_apply: Model,
    params: Params,
    *,
    layer: LayerLike | list[LayerLike] = None,
    groups: int = 32,
    grouping: Grouping = contiguous,
    channel_weights: ChannelWeights | None = channel_mean,
    percentile: float | None = 70.0,
    baseline: Baseline = gaussian_blur(kernel_size=51, sigma=50.0),
    target: Target = logit,
    score: Target = probability,
    merging: Merging = merge_shown,
    mask_batch: int | None = None,
    progress: Progress = None,
    has_aux: HasAux = False,
) -> Explainer[HasAux, GroupCamAux]:
    """Builds the Group-CAM explainer of a classifier: `groups` + 2 forward passes, one backward above the layer.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      layer: where to cut it: scope name, index of `list_layers`, `Layer`; None for the last spatial activation.
        With a list, the groups of all its layers vote.
      groups: masks per image and layer.
      grouping: which channels share a mask: `contiguous`, `kmeans()` or `ward()`.
      channel_weights: maps the gradient `[u, v, k]` to weights `[k]`; None uses neither gradient nor weights.
      percentile: in each mask, values up to this percentile become 0; None keeps all.
      baseline: the image without its evidence, `(image, key) -> image`, in the units of the normalised image.
      target: the score that is differentiated, a function of the logits and the label.
      score: the score of each image shown to the model, a function of the logits and the label.
      merging: how the masks, and the confidence that each restores, become a saliency; see `stages.merge`.
      mask_batch: images scored at once; None suits the device, see `batches`.
      progress: called on the host after every batch, with the number of images just scored and the total.
      has_aux: whether the explainer returns `(saliency, GroupCamAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      All 0 if no group restores any confidence. Only a random `grouping` or `baseline` uses the key.

    Raises:
      ValueError: groups or mask_batch below 1, percentile outside [0, 100]; in the explainer: more groups than
        channels.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """
    check_count("groups", groups)
    check_percentile(percentile)
    check_batch("mask_batch", mask_batch)
    if layer == []:
        raise ValueError("layer=[]: expected at least one layer, or None for the last spatial activation")
    layers = layer if isinstance(layer, list) else [layer]

    def explain(image, label, key):
        grouping_key, baseline_key = (None, None) if key is None else jax.random.split(key)
        cuts = cuts_at(model_apply, params, image, layers)
        label, logits, maps = weigh_channels(cuts, channel_weights, target, label)
        for of_layer, cut in zip(maps, cuts, strict=True):
            check_groups(groups, of_layer, cut.parts.name)
        masks = [group_masks(of_layer, grouping(of_layer, groups, grouping_key)) for of_layer in maps]
        enlarge = jax.vmap(lambda mask: upsample(denoise(mask, percentile), image.shape[:2]))
        enlarged = jnp.concatenate([enlarge(of_layer) for of_layer in masks])
        shown = jax.vmap(unit_range)(enlarged)

        confidence = masked_confidence(cuts[0], image, baseline, baseline_key, score, label)
        gain = confidence_gain(confidence, shown, mask_batch, progress)
        saliency = unit_range(merging(gain, shown, enlarged))
        return saliency, GroupCamAux(label, logits, gain, masks if isinstance(layer, list) else masks[0])

    return make_explainer(explain, has_aux=has_aux)
