"""Smooth Grad-CAM++: Grad-CAM++ with derivatives averaged over noise (Omeiza et al., arXiv:1908.01224).

    D1, D2, D3   means of g, g^2, g^3 over noisy copies of the image, g = dS/dA
    a_k          D2_k / (2 D2_k + sum over space of A_k times D3_k), 0 where that is 0
    w_k          sum over space of a_k relu(D1_k)
    saliency     relu(sum of w_k A_k), A of the image itself, enlarged, rescaled to [0, 1]

The noise is as in SmoothGrad: a share of the image's range of values. The code of Group-CAM's authors divides by the
range instead, and averages Grad-CAM maps of squared gradients. With one copy and no noise it is Grad-CAM++ with
`separate` coefficients, up to the epsilon in its denominator.
"""

from __future__ import annotations

import jax

from groupcam_jax.batches import sum_batched
from groupcam_jax.checks import check_batch, check_count, check_noise, require_key
from groupcam_jax.division import divided
from groupcam_jax.families.class_activation import show_heat
from groupcam_jax.families.explainer import Aux, make_explainer
from groupcam_jax.program.cut import cut_at
from groupcam_jax.stages.perturb import add_noise
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Explainer, HasAux, LayerLike, Model, Params


def smooth_grad_cam_pp(
    model_apply: Model,
    params: Params,
    *,
    layer: LayerLike = None,
    target: Target = logit,
    samples: int = 20,
    noise: float = 0.15,
    sample_batch: int | None = None,
    has_aux: HasAux = False,
) -> Explainer[HasAux, Aux]:
    """Builds the Smooth Grad-CAM++ explainer: `samples` + 1 forward passes, `samples` backward above the layer.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      layer: where to cut it: scope name, index of `list_layers`, `Layer`; None for the last spatial activation.
      target: the score that is differentiated, a function of the logits and the label.
      samples: number of noisy copies.
      noise: standard deviation of the noise as a share of the image's range of values.
      sample_batch: copies differentiated at once; None suits the device, see `batches`.
      has_aux: whether the explainer returns `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      All 0 if no channel speaks for the class. The key draws the noise.

    Raises:
      ValueError: samples or sample_batch below 1, noise negative.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """
    check_count("samples", samples)
    check_noise(noise)
    check_batch("sample_batch", sample_batch)

    def explain(image, label, key):
        key = require_key(key, "smooth_grad_cam_pp")
        cut = cut_at(model_apply, params, image, layer)
        label, logits = cut.classify(label)

        def powers(key):
            _, _, gradient = cut.at(add_noise(image, noise, key)).gradient(target, label)
            return gradient, gradient**2, gradient**3

        sums = sum_batched(powers, jax.random.split(key, samples), sample_batch)
        first, second, third = (total / samples for total in sums)
        denominator = 2 * second + cut.activation.sum((0, 1), keepdims=True) * third
        coefficients = divided(second, denominator)
        weights = (coefficients * jax.nn.relu(first)).sum((0, 1))
        return show_heat((weights[None, None] * cut.activation).sum(2), image), Aux(label, logits)

    return make_explainer(explain, has_aux=has_aux)
