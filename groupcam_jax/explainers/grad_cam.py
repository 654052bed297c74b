"""Grad-CAM: the channels that speak for the class, summed (Selvaraju et al., arXiv:1610.02391).

    A, dy/dA   activation of the layer and the gradient of the class score in it
    w_k        mean of dy/dA_k over space
    saliency   relu(sum of w_k A_k), enlarged, rescaled to [0, 1]

It is Group-CAM with one group, no percentile and no vote.
"""

from groupcam_jax.activation_map import explain_by_heat
from groupcam_jax.program.split import Layer
from groupcam_jax.stages.channels import grad_cam_heat
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Explainer, Model, Params


def grad_cam(
    model_apply: Model,
    params: Params,
    *,
    layer: Layer = None,
    tokens_to_grid: tuple[int, int] | None = None,
    data_format: str = "NHWC",
    target: Target = logit,
    has_aux: bool = False,
) -> Explainer:
    """Builds the Grad-CAM explainer of a classifier: one forward pass, and one backward above the layer.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      layer: scope name, index of `list_layers`, `(features, head)`, or None for the last spatial activation.
      tokens_to_grid: height and width of the grid that the layer's tokens form, for models of tokens.
      data_format: "NCHW" where the model's activations are channel-first.
      target: the score that is differentiated.
      has_aux: whether to return `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key=None)`: saliency `[h, w]` in [0, 1], float32, all 0 where nothing speaks for
      the class, NaN for an image that is not finite or a traced label out of range.

    Raises:
      ValueError: in the explainer: no such layer or class, not one floating image.
    """

    return explain_by_heat(
        grad_cam_heat,
        model_apply,
        params,
        layer=layer,
        tokens_to_grid=tokens_to_grid,
        data_format=data_format,
        target=target,
        has_aux=has_aux,
    )
