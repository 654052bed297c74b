"""Input x gradient: the first-order share of every pixel in the score (Shrikumar et al., arXiv:1605.01713).

    attribution   x dy/dx
    saliency      the sum of its magnitudes over the channels, rescaled to [0, 1]

For a ReLU network without biases it is the integrated gradients from a baseline of 0.
"""

import jax.numpy as jnp

from groupcam_jax.explainer import AttributionAux, make_attributing_explainer
from groupcam_jax.program.flat import trace
from groupcam_jax.stages.attributions import Reduction, total_magnitude
from groupcam_jax.stages.input_gradient import input_gradient
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Explainer, Model, Params


def input_x_gradient(
    model_apply: Model,
    params: Params,
    *,
    target: Target = logit,
    reduce: Reduction = total_magnitude,
    has_aux: bool = False,
) -> Explainer:
    """Builds the input x gradient explainer of a classifier: one forward and one backward pass.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      target: the score that is differentiated.
      reduce: how the attribution `[h, w, c]` becomes a saliency: `largest_magnitude`, `total_magnitude` or `signed`.
      has_aux: whether to return `(saliency, AttributionAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`: saliency `[h, w]` in [0, 1], float32
      (in [-1, 1] with `signed`), NaN for an image that is not finite or a traced
      label out of range.

    Raises:
      ValueError: in the explainer: no such class, not one floating image.
    """

    def attribute(image, label, key):
        del key  # deterministic
        program = trace(model_apply, params, image[None])
        label, logits, slope = input_gradient(program, params, image, target, label)
        return AttributionAux(label, logits, image.astype(jnp.float32) * slope)

    return make_attributing_explainer(attribute, reduce=reduce, has_aux=has_aux)
