"""Element-wise Grad-CAM: only the products that speak for the class (Gildenblat, pytorch-grad-cam).

    A, dy/dA   activation of the layer and the gradient of the class score in it (as in arXiv:1610.02391)
    saliency   sum over k of relu(dy/dA_k A_k), enlarged, rescaled to [0, 1]

HiResCAM in which channels that speak against the class are silent rather than subtracted; LayerCAM where the activation
is nowhere negative.
"""

import jax

from groupcam_jax.activation_map import explain_by_heat
from groupcam_jax.program.split import Layer
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Activation, Explainer, Model, Params


def grad_cam_elementwise(
    model_apply: Model,
    params: Params,
    *,
    layer: Layer = None,
    tokens_to_grid: tuple[int, int] | None = None,
    data_format: str = "NHWC",
    target: Target = logit,
    has_aux: bool = False,
) -> Explainer:
    """Builds the element-wise Grad-CAM explainer of a classifier: one forward pass, and one backward above the layer.

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

    def heat(activation: Activation, gradient: Activation):
        return jax.nn.relu(gradient * activation).sum(2)

    return explain_by_heat(
        heat,
        model_apply,
        params,
        layer=layer,
        tokens_to_grid=tokens_to_grid,
        data_format=data_format,
        target=target,
        has_aux=has_aux,
    )
