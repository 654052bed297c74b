"""Gradient: how the class score changes with every pixel (Simonyan et al., arXiv:1312.6034).

attribution   dy/dx
saliency      its largest magnitude over the channels, rescaled to [0, 1]
"""

from groupcam_jax.explainer import AttributionAux, make_attributing_explainer
from groupcam_jax.program.flat import trace
from groupcam_jax.stages.attributions import Reduction, largest_magnitude
from groupcam_jax.stages.input_gradient import input_gradient
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Explainer, Model, Params


def gradient(
    model_apply: Model,
    params: Params,
    *,
    target: Target = logit,
    reduce: Reduction = largest_magnitude,
    has_aux: bool = False,
) -> Explainer:
    """Builds the gradient explainer of a classifier: one forward and one backward pass.

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
        return AttributionAux(*input_gradient(program, params, image, target, label))

    return make_attributing_explainer(attribute, reduce=reduce, has_aux=has_aux)
