"""Grad-CAM++: places that matter alike count alike (Chattopadhyay et al., arXiv:1710.11063).

    A, g       activation of the layer and the gradient dS/dA of the class score in it; Y = exp(S)
    a_k        g_k^2 / (2 g_k^2 + sum over space of A_k g_k^3), 0 where the gradient is     (equation 19)
    w_k        sum over space of a_k relu(dY/dA_k), dY/dA = exp(S) g                         (equation 7)
    saliency   relu(sum of w_k A_k), enlarged, rescaled to [0, 1]

exp(S) is a factor of every weight, so it cancels in the rescaled map. We do not compute it: it overflows where S > 88.
The two published weightings differ in the sum in a_k and in the epsilon of its denominator:

- `joint` (the default; the code of Group-CAM's authors, with exp(S)): the sum of the products A_k g_k^3;
- `separate` (pytorch-grad-cam, without exp(S), and equation 19 itself): (sum of A_k) g_k^3.

The sums agree where the gradient is constant in space. `joint` adds 1e-7 to the denominator and `separate` 1e-6, as in
the published codes, which matters where gradients are small.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.families.class_activation import class_activation_map
from groupcam_jax.families.explainer import Aux
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Activation, Explainer, HasAux, Heat, LayerLike, Model, Params

Coefficients = Callable[[Activation, Activation], Activation]


def joint(activation: Activation, gradient: Activation) -> Activation:
    """Weighs places as the code of Group-CAM's authors does: by the sum of A g^3."""
    return ratio(gradient, (activation * gradient**3).sum((0, 1), keepdims=True), 1e-7)


def separate(activation: Activation, gradient: Activation) -> Activation:
    """Weighs places as equation 19 and pytorch-grad-cam do: by the sum of A, times g^3."""
    return ratio(gradient, activation.sum((0, 1), keepdims=True) * gradient**3, 1e-6)


def ratio(gradient: Activation, cubic: Float[Array, "#u #v k"], epsilon: float) -> Activation:
    """Equation 19; 0 where the gradient is 0; a denominator of 0 counts as 1."""
    denominator = 2 * gradient**2 + cubic
    guarded = jnp.where(denominator == 0, 1, denominator) + epsilon
    return jnp.where(gradient == 0, 0, gradient**2 / guarded)


def grad_cam_pp(
    model_apply: Model,
    params: Params,
    *,
    layer: LayerLike = None,
    target: Target = logit,
    coefficients: Coefficients = joint,
    has_aux: HasAux = False,
) -> Explainer[HasAux, Aux]:
    """Builds the Grad-CAM++ explainer of a classifier: one forward pass, and one backward above the layer.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      layer: where to cut it: scope name, index of `list_layers`, `Layer`; None for the last spatial activation.
      target: the score that is differentiated, a function of the logits and the label.
      coefficients: how the places of a channel are weighted, `joint` or `separate`.
      has_aux: whether the explainer returns `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      All 0 if nothing speaks for the class.

    Raises:
      ValueError, TypeError: in the explainer, see `Explainer`.
    """

    @class_activation_map
    def weighted(activation: Activation, gradient: Activation) -> Heat:
        weights = (coefficients(activation, gradient) * jax.nn.relu(gradient)).sum((0, 1))
        return (weights[None, None] * activation).sum(2)

    return weighted(model_apply, params, layer=layer, target=target, has_aux=has_aux)
