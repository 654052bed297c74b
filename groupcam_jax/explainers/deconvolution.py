"""Deconvolution: only what excites, whichever units fire (Zeiler and Fergus, arXiv:1311.2901).

    backward of relu   c -> c where c > 0, else 0
    attribution        the backward pass of the class score with that rule
    saliency           its largest magnitude over the channels, rescaled to [0, 1]

The rule replaces that of every ReLU in the traced model; the model is not touched. Max-pooling passes back to the
place of its maximum, as it does in the gradient.
"""

import jax

from groupcam_jax.explainer import AttributionAux, make_attributing_explainer
from groupcam_jax.program.backward import replace_relu_rule
from groupcam_jax.program.flat import trace
from groupcam_jax.stages.attributions import Reduction, largest_magnitude
from groupcam_jax.stages.input_gradient import input_gradient
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Explainer, Model, Params


def deconvolution(
    model_apply: Model,
    params: Params,
    *,
    target: Target = logit,
    reduce: Reduction = largest_magnitude,
    has_aux: bool = False,
) -> Explainer:
    """Builds the deconvolution explainer of a classifier: one forward and one backward pass.

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
      ValueError: in the explainer: the model has a smooth activation such as gelu or silu, a ReLU inside a loop or
        branch, or none; no such class, not one floating image.
    """

    def attribute(image, label, key):
        del key  # deterministic
        program = replace_relu_rule(trace(model_apply, params, image[None]), deconvolution_rule, "deconvolution")
        return AttributionAux(*input_gradient(program, params, image, target, label))

    return make_attributing_explainer(attribute, reduce=reduce, has_aux=has_aux)


def deconvolution_rule(_, cotangent):
    """The backward rule of a ReLU: `(where it passes gradients, cotangent of its output) -> cotangent of its input`."""
    return jax.nn.relu(cotangent)
