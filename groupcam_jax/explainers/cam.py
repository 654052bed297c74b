"""CAM: the head's own weights on the channels, for a pooled linear head (Zhou et al., arXiv:1512.04150).

    A          activation of the layer, whose mean over space feeds one linear layer: y = sum of w_k mean(A_k) + b
    saliency   sum of w_k A_k, enlarged, rescaled to [0, 1]

CAM is exact or refused: every equation of the model above the layer is checked. As in the authors' code there is no
ReLU: 0 is where the map speaks most against the class. Grad-CAM is the same map with negative values set to 0.
"""

from __future__ import annotations

from groupcam_jax.families.explainer import Aux, make_explainer
from groupcam_jax.program.cut import cut_at
from groupcam_jax.program.flat import trace
from groupcam_jax.program.pooled_linear import check_pooled_linear
from groupcam_jax.program.split import split_as_written
from groupcam_jax.stages.masks import unit_range, upsample
from groupcam_jax.targets import logit
from groupcam_jax.types import Explainer, HasAux, LayerLike, Model, Params


def cam(
    model_apply: Model, params: Params, *, layer: LayerLike = None, has_aux: HasAux = False
) -> Explainer[HasAux, Aux]:
    """Builds the CAM explainer of a classifier: one forward pass.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      layer: where to cut it: scope name, index of `list_layers`, `Layer`; None for the last spatial activation.
      has_aux: whether the explainer returns `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      All 0 if the map is flat.

    Raises:
      ValueError: in the explainer: what follows the layer is not a mean over space and a linear layer.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """

    def explain(image, label, key):
        del key  # deterministic
        cut = cut_at(model_apply, params, image, layer)
        head = split_as_written(cut.program, layer).head
        check_pooled_linear(trace(lambda _, value: head(params, value, cut.skips), (), cut.value[None]))
        label, logits, gradient = cut.gradient(logit, label)
        # The gradient is w_k / (u v) everywhere: any one place gives the weights, up to scale.
        heat = (gradient[:1, :1] * cut.activation).sum(2)
        return unit_range(upsample(heat, image.shape[:2])), Aux(label, logits)

    return make_explainer(explain, has_aux=has_aux)
