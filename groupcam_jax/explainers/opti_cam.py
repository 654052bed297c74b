"""Opti-CAM: the mixture of channels whose mask the model likes best (Zhang et al., arXiv:2301.07002).

    A_k        activation of the layer, channel k, its positive part
    u          softmax(w), the weight of each channel, all the same at first
    S          sum of u_k A_k, enlarged, rescaled to [0, 1]
    y          the class score of S x
    w          moves along dy/dw by Adam (Kingma and Ba, arXiv:1412.6980), `steps` times
    saliency   S

The paper masks pictures of [0, 1], so that what is hidden is black. Here the mask is applied to the normalised image,
and hidden pixels get the mean colour; `baseline=` takes another. The authors' code stops early if the loss, summed over
a batch of pictures, rises between two tenths of the way, and its demonstration takes 50 steps. We take all steps.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.checks import check_count, check_positive
from groupcam_jax.families.explainer import make_explainer
from groupcam_jax.loops import scan
from groupcam_jax.program.cut import cut_at
from groupcam_jax.stages.masks import unit_range, upsample
from groupcam_jax.stages.perturb import Baseline, constant
from groupcam_jax.stages.score import masked_confidence
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Explainer, HasAux, Label, LayerLike, Logits, Model, Params

Weights = Float[Array, " k"]


class OptiCamAux(NamedTuple):
    """What `has_aux=True` returns besides the saliency.

    Attributes:
      label: the class that is explained.
      logits: of all classes.
      weights: of the channels, not negative; they sum to 1.
      scores: the score of the masked image before each step.
    """

    label: Label
    logits: Logits
    weights: Weights
    scores: Float[Array, " steps"]


def opti_cam(
    model_apply: Model,
    params: Params,
    *,
    layer: LayerLike = None,
    target: Target = logit,
    baseline: Baseline = constant(0.0),
    steps: int = 100,
    learning_rate: float = 0.1,
    has_aux: HasAux = False,
) -> Explainer[HasAux, OptiCamAux]:
    """Builds the Opti-CAM explainer of a classifier: `steps` forward and backward passes, plus one forward.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      layer: where to cut it: scope name, index of `list_layers`, `Layer`; None for the last spatial activation.
      target: the score of the masked image that is maximised, a function of the logits and the label.
      baseline: what the mask hides the image with, `(image, key) -> image`, in the units of the normalised image.
      steps: of the optimiser.
      learning_rate: of Adam, about the change of each w at every step.
      has_aux: whether the explainer returns `(saliency, OptiCamAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      All 0 if no channel varies over space. Only a random baseline uses the key.

    Raises:
      ValueError: steps below 1, learning_rate not positive.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """
    check_count("steps", steps)
    check_positive("learning_rate", learning_rate, ", such as 0.1")

    def explain(image, label, key):
        cut = cut_at(model_apply, params, image, layer)
        label, logits = cut.classify(label)
        confidence = masked_confidence(cut, image, baseline, key, target, label)
        maps = jax.nn.relu(cut.activation)

        def mask_of(w):
            heat = jnp.einsum("k,uvk->uv", jax.nn.softmax(w), maps, precision=jax.lax.Precision.HIGHEST)
            return unit_range(upsample(heat, image.shape[:2]))

        def step(state, number):
            w, mean, square = state
            score, gradient = jax.value_and_grad(lambda w: confidence(mask_of(w)))(w)
            mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
            unbiased = mean / (1 - 0.9**number), square / (1 - 0.999**number)
            w += learning_rate * unbiased[0] / (jnp.sqrt(unbiased[1]) + 1e-8)
            return (w, mean, square), score

        start = jnp.zeros_like(maps[0, 0])
        numbers = jnp.arange(1, steps + 1, dtype=jnp.float32)
        (w, _, _), scores = scan(step, (start, start, start), numbers)
        return mask_of(w), OptiCamAux(label, logits, jax.nn.softmax(w), scores)

    return make_explainer(explain, has_aux=has_aux)
