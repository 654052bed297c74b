"""Integrated gradients: the gradient gathered on the way from a baseline (Sundararajan et al., arXiv:1703.01365).

    attribution   (x - x') times the integral over t in [0, 1] of dy/dx at x' + t (x - x')
    saliency      the sum of its magnitudes over the channels, rescaled to [0, 1]

The attribution sums to y(x) - y(x') but for the error of the quadrature, which `has_aux=True` reports: take more steps,
or `gauss_legendre`, where it is large.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from groupcam_jax.explainer import make_attributing_explainer
from groupcam_jax.program.flat import trace
from groupcam_jax.stages.attributions import Reduction, total_magnitude
from groupcam_jax.stages.batches import check_batch
from groupcam_jax.stages.path_integral import Rule, check_steps, integrate, riemann_middle
from groupcam_jax.stages.perturb import Baseline, constant, hide
from groupcam_jax.stages.score import class_confidence
from groupcam_jax.targets import Target, logit, resolve_label
from groupcam_jax.types import Attribution, Explainer, Label, Logits, Model, Params, Scalar


class IntegratedGradientsAux(NamedTuple):
    """What `has_aux=True` returns besides the saliency.

    `completeness_error` is the sum of the attribution less y(x) - y(x'): 0 for an exact integral.
    """

    label: Label
    logits: Logits
    attribution: Attribution
    completeness_error: Scalar


def integrated_gradients(
    model_apply: Model,
    params: Params,
    *,
    baseline: Baseline = constant(0.0),
    rule: Rule = riemann_middle,
    steps: int = 50,
    target: Target = logit,
    reduce: Reduction = total_magnitude,
    step_batch: int | None = None,
    has_aux: bool = False,
) -> Explainer:
    """Builds the integrated gradients explainer of a classifier: `steps` forward and backward passes, plus two forward.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      baseline: where the path starts; the default, 0, is the mean colour of most models' normalised images.
      rule: the quadrature: `riemann_left`, `riemann_right`, `riemann_middle`, `trapezoid` or `gauss_legendre`.
      steps: points on the path.
      target: the score that is differentiated.
      reduce: how the attribution `[h, w, c]` becomes a saliency: `largest_magnitude`, `total_magnitude` or `signed`.
      step_batch: points differentiated at once; None takes all, fewer need less memory.
      has_aux: whether to return `(saliency, IntegratedGradientsAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`: saliency `[h, w]` in [0, 1], float32
      (in [-1, 1] with `signed`), NaN for an image that is not finite or a traced
      label out of range. The key feeds a baseline that draws.

    Raises:
      ValueError: steps or step_batch below 1; in the explainer: no such class, not one floating image.
      TypeError: in the explainer: a key is needed and missing.
    """
    check_steps(rule, steps)
    check_batch("step_batch", step_batch)

    def attribute(image, label, key):
        program = trace(model_apply, params, image[None])
        logits = program(params, image[None])[0]
        label = resolve_label(label, logits)
        image = image.astype(jnp.float32)
        hidden = hide(baseline, image, key)
        score = class_confidence(program, params, target, label)
        mean_gradient = integrate(jax.grad(score), hidden, image, rule, steps, step_batch)
        attribution = (image - hidden) * mean_gradient
        error = attribution.sum() - (score(image) - score(hidden))
        return IntegratedGradientsAux(label, logits, attribution, error)

    return make_attributing_explainer(attribute, reduce=reduce, has_aux=has_aux)
