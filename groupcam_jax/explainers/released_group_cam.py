"""Group-CAM as released: only groups that restore confidence vote, with masks as they came (arXiv:2103.13859, code).

The authors' newest code:

    M_g        relu(sum of w_k A_k over the channels of group g), enlarged
    a_g        relu(p_c(x_g) - p_c(blur(x))), x_g as in `group_cam` with M_g rescaled to [0, 1]
    saliency   sum of a_g M_g, rescaled to [0, 1]

Unlike in the paper, no percentile is taken, no group votes against the class, and the merged masks are not rescaled.
Where their code divides by 0 (a group that contributes nothing), ours is finite.
"""

from __future__ import annotations

from groupcam_jax.batches import Progress
from groupcam_jax.explainers.group_cam import GroupCamAux, group_cam
from groupcam_jax.stages.groups import Grouping, contiguous
from groupcam_jax.stages.merge import merge_enlarged
from groupcam_jax.stages.perturb import Baseline, gaussian_blur
from groupcam_jax.targets import Target, logit, probability
from groupcam_jax.types import Explainer, HasAux, LayerLike, Model, Params


def released_group_cam(
    model_apply: Model,
    params: Params,
    *,
    layer: LayerLike | list[LayerLike] = None,
    groups: int = 32,
    grouping: Grouping = contiguous,
    baseline: Baseline = gaussian_blur(kernel_size=51, sigma=50.0),
    target: Target = logit,
    score: Target = probability,
    mask_batch: int | None = None,
    progress: Progress = None,
    has_aux: HasAux = False,
) -> Explainer[HasAux, GroupCamAux]:
    """Builds the explainer of Group-CAM as released, with the passes of `group_cam`.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      layer: where to cut it: scope name, index of `list_layers`, `Layer`; None for the last spatial activation.
        With a list, the groups of all its layers vote.
      groups: masks per image and layer.
      grouping: which channels share a mask: `contiguous`, `kmeans()` or `ward()`.
      baseline: the image without its evidence, `(image, key) -> image`, in the units of the normalised image.
      target: the score that is differentiated, a function of the logits and the label.
      score: the score of each image shown to the model, a function of the logits and the label.
      mask_batch: images scored at once; None suits the device, see `batches`.
      progress: called on the host after every batch, with the number of images just scored and the total.
      has_aux: whether the explainer returns `(saliency, GroupCamAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      All 0 if no group restores any confidence. Only a random `grouping` or `baseline` uses the key.

    Raises:
      ValueError: groups or mask_batch below 1; in the explainer: more groups than channels.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """
    return group_cam(
        model_apply,
        params,
        layer=layer,
        groups=groups,
        grouping=grouping,
        percentile=None,
        baseline=baseline,
        target=target,
        score=score,
        merging=merge_enlarged,
        mask_batch=mask_batch,
        progress=progress,
        has_aux=has_aux,
    )
