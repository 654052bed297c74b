"""Integrated Grad-CAM: Grad-CAM gathered on the way from a baseline (Sattarzadeh et al., arXiv:2102.07805).

    x_t        x' + t (x - x'), t in (0, 1], from the baseline x' to the image x
    M_t        relu(sum of w_k(t) A_k(t)): the Grad-CAM map of x_t before it is enlarged
    saliency   the integral of M_t, enlarged, rescaled to [0, 1]

As in the authors' code; the paper's equation has A_k(t) minus the activation of the baseline in place of A_k(t). Their
code samples the left end of each step, so that one step explains the baseline. We sample the right end: the last point
is the image, and one step is Grad-CAM. `rule` selects other points.
"""

from __future__ import annotations

import inspect

import jax
import jax.numpy as jnp

from groupcam_jax.checks import check_batch
from groupcam_jax.explainers.grad_cam import grad_cam
from groupcam_jax.families.class_activation import show_heat
from groupcam_jax.families.explainer import Aux, make_explainer
from groupcam_jax.families.path_integral import Quadrature, check_steps, integrate, riemann_right
from groupcam_jax.program.cut import cut_at
from groupcam_jax.stages.perturb import Baseline, constant, hide
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Explainer, HasAux, LayerLike, Model, Params

grad_cam_heat = inspect.unwrap(grad_cam)


def integrated_grad_cam(
    model_apply: Model,
    params: Params,
    *,
    layer: LayerLike = None,
    target: Target = logit,
    baseline: Baseline = constant(0.0),
    rule: Quadrature = riemann_right,
    steps: int = 20,
    step_batch: int | None = None,
    has_aux: HasAux = False,
) -> Explainer[HasAux, Aux]:
    """Builds the Integrated Grad-CAM explainer: `steps` + 1 forward passes, `steps` backward above the layer.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      layer: where to cut it: scope name, index of `list_layers`, `Layer`; None for the last spatial activation.
      target: the score that is differentiated, a function of the logits and the label.
      baseline: where the path starts; the default, 0, is the mean colour of most models' normalised images.
      rule: the quadrature: `riemann_left`, `riemann_right`, `riemann_middle`, `trapezoid` or `gauss_legendre`.
      steps: points on the path.
      step_batch: points differentiated at once; None suits the device, see `batches`.
      has_aux: whether the explainer returns `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      All 0 if no channel speaks for the class. Only a random baseline uses the key.

    Raises:
      ValueError: steps or step_batch below 1.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """
    check_steps(rule, steps)
    check_batch("step_batch", step_batch)

    def explain(image, label, key):
        cut = cut_at(model_apply, params, image, layer)
        label, logits = cut.classify(label)

        def heat_at(point):
            here = cut.at(point.astype(image.dtype))
            _, _, gradient = here.gradient(target, label)
            return jax.nn.relu(grad_cam_heat(here.activation, gradient))

        pixels = image.astype(jnp.float32)
        heat = integrate(heat_at, hide(baseline, pixels, key), pixels, rule, steps, step_batch)
        return show_heat(heat, image), Aux(label, logits)

    return make_explainer(explain, has_aux=has_aux)
