"""CAM: the head's own weights on the channels, for a pooled linear head (Zhou et al., arXiv:1512.04150).

    A          activation of the layer, whose mean over space feeds one linear layer: y = sum of w_k mean(A_k) + b
    saliency   sum of w_k A_k, enlarged, rescaled to [0, 1]

It is exact or it is refused: the model above the layer is read, equation by equation. As in the authors' code nothing
is rectified: 0 is what speaks most against the class. Grad-CAM is the same map, cut off below at nothing.
"""

import jax.numpy as jnp

from groupcam_jax.explainer import Aux, make_explainer
from groupcam_jax.program.flat import trace
from groupcam_jax.program.pooled_linear import check_pooled_linear
from groupcam_jax.program.split import Layer, split_program
from groupcam_jax.stages.channels import score_gradient
from groupcam_jax.stages.masks import unit_range, upsample
from groupcam_jax.targets import logit
from groupcam_jax.types import Explainer, Model, Params


def cam(
    model_apply: Model,
    params: Params,
    *,
    layer: Layer = None,
    tokens_to_grid: tuple[int, int] | None = None,
    data_format: str = "NHWC",
    has_aux: bool = False,
) -> Explainer:
    """Builds the CAM explainer of a classifier: one forward pass.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      layer: scope name, index of `list_layers`, `(features, head)`, or None for the last spatial activation.
      tokens_to_grid: height and width of the grid that the layer's tokens form, for models of tokens.
      data_format: "NCHW" where the model's activations are channel-first.
      has_aux: whether to return `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key=None)`: saliency `[h, w]` in [0, 1], float32, all 0 where it is flat, NaN for
      an image that is not finite or a traced label out of range.

    Raises:
      ValueError: in the explainer: what follows the layer is not a mean over space and a linear layer; no such layer or
        class, not one floating image.
    """

    def explain(image, label, key):
        del key  # deterministic
        program = trace(model_apply, params, image[None])
        features, head = split_program(program, layer, tokens_to_grid, data_format)
        activation, skips = features(params, image[None])
        check_pooled_linear(trace(lambda params, grid: head(params, grid, skips), params, activation))
        label, logits, gradient = score_gradient(head, params, activation, skips, logit, label)
        # The gradient is the same everywhere, w_k / (u v): any place of it gives the weights, up to scale.
        heat = (gradient[:1, :1] * activation[0]).astype(jnp.float32).sum(2)
        return unit_range(upsample(heat, image.shape[:2])), Aux(label, logits)

    return make_explainer(explain, has_aux=has_aux)
