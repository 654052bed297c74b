"""Guided Grad-CAM: Grad-CAM says where, guided backpropagation what (Selvaraju et al., arXiv:1610.02391, section 3.2).

    attribution   guided backpropagation times relu(sum of w_k A_k) of Grad-CAM, enlarged
    saliency      its largest magnitude over the channels, rescaled to [0, 1]

The paper enlarges the Grad-CAM map bilinearly, as we do; captum takes the nearest cell unless told otherwise.
"""

from groupcam_jax.explainer import AttributionAux, make_attributing_explainer
from groupcam_jax.explainers.guided_backprop import guided_rule
from groupcam_jax.program.backward import replace_relu_rule
from groupcam_jax.program.flat import trace
from groupcam_jax.program.split import Layer, split_program
from groupcam_jax.stages.attributions import Reduction, largest_magnitude
from groupcam_jax.stages.channels import grad_cam_heat, score_gradient
from groupcam_jax.stages.input_gradient import input_gradient
from groupcam_jax.stages.masks import upsample
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Explainer, Model, Params


def guided_grad_cam(
    model_apply: Model,
    params: Params,
    *,
    layer: Layer = None,
    tokens_to_grid: tuple[int, int] | None = None,
    data_format: str = "NHWC",
    target: Target = logit,
    reduce: Reduction = largest_magnitude,
    has_aux: bool = False,
) -> Explainer:
    """Builds the Guided Grad-CAM explainer of a classifier: one forward and two backward passes.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      layer: scope name, index of `list_layers`, `(features, head)`, or None for the last spatial activation.
      tokens_to_grid: height and width of the grid that the layer's tokens form, for models of tokens.
      data_format: "NCHW" where the model's activations are channel-first.
      target: the score that is differentiated.
      reduce: how the attribution `[h, w, c]` becomes a saliency: `largest_magnitude`, `total_magnitude` or `signed`.
      has_aux: whether to return `(saliency, AttributionAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`: saliency `[h, w]` in [0, 1], float32
      (in [-1, 1] with `signed`), all 0 where no channel speaks for the class, NaN for an image that is not finite or a
      traced label out of range.

    Raises:
      ValueError: in the explainer: the model has a smooth activation such as gelu or silu, a ReLU inside a loop or
        branch, or none; no such layer or class, not one floating image.
    """

    def attribute(image, label, key):
        del key  # deterministic
        program = trace(model_apply, params, image[None])
        features, head = split_program(program, layer, tokens_to_grid, data_format)
        activation, skips = features(params, image[None])
        label, logits, slope = score_gradient(head, params, activation, skips, target, label)
        heat = grad_cam_heat(activation[0], slope)
        guided = replace_relu_rule(program, guided_rule, "guided_grad_cam")
        _, _, attribution = input_gradient(guided, params, image, target, label)
        return AttributionAux(label, logits, attribution * upsample(heat, image.shape[:2])[:, :, None])

    return make_attributing_explainer(attribute, reduce=reduce, has_aux=has_aux)
