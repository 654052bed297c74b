"""Guided Grad-CAM: Grad-CAM says where, guided backpropagation what (Selvaraju et al., arXiv:1610.02391, section 3.2).

    attribution   guided backpropagation times relu(sum of w_k A_k) of Grad-CAM, enlarged
    saliency      its largest magnitude over the channels, rescaled to [0, 1]

The paper enlarges the Grad-CAM map bilinearly, as we do; captum uses the nearest cell by default.
"""

from __future__ import annotations

import inspect

import jax
from jax.tree_util import Partial

from groupcam_jax.explainers.grad_cam import grad_cam
from groupcam_jax.explainers.guided_backprop import guided_backprop
from groupcam_jax.families.attribution import AttributionAux, attributing_explainer
from groupcam_jax.families.reductions import Reduction, largest_magnitude
from groupcam_jax.program.backward import replace_relu_rule
from groupcam_jax.program.cut import cut_at, cut_program_at_image
from groupcam_jax.stages.masks import upsample
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Explainer, HasAux, LayerLike, Model, Params

grad_cam_heat, guided_rule = inspect.unwrap(grad_cam), inspect.unwrap(guided_backprop)


def guided_grad_cam(
    model_apply: Model,
    params: Params,
    *,
    layer: LayerLike = None,
    target: Target = logit,
    reduce: Reduction = largest_magnitude,
    has_aux: HasAux = False,
) -> Explainer[HasAux, AttributionAux]:
    """Builds the Guided Grad-CAM explainer of a classifier: one forward and two backward passes.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      layer: where to cut it: scope name, index of `list_layers`, `Layer`; None for the last spatial activation.
      target: the score that is differentiated, a function of the logits and the label.
      reduce: how the attribution becomes a saliency: `largest_magnitude`, `total_magnitude`, `signed` (in [-1, 1]).
      has_aux: whether the explainer returns `(saliency, AttributionAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      All 0 if no channel speaks for the class.

    Raises:
      ValueError: in the explainer: the model has a smooth activation such as gelu or silu, a ReLU inside a loop or
        branch, or no ReLU.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """

    def attribute(image, label, key):
        del key  # deterministic
        cut = cut_at(model_apply, params, image, layer)
        label, logits, gradient = cut.gradient(target, label)
        heat = upsample(jax.nn.relu(grad_cam_heat(cut.activation, gradient)), image.shape[:2])
        guided = replace_relu_rule(cut.program, guided_rule, "guided_grad_cam")
        _, _, shares = cut_program_at_image(guided, params, image).gradient(target, label)
        return AttributionAux(label, logits, shares * heat[:, :, None], Partial(reduce))

    return attributing_explainer(attribute, has_aux=has_aux)
