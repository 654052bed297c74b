"""Integrated gradients: the gradient gathered on the way from a baseline (Sundararajan et al., arXiv:1703.01365).

    attribution   (x - x') times the integral over t in [0, 1] of dy/dx at x' + t (x - x')
    saliency      the sum of its magnitudes over the channels, rescaled to [0, 1]

The attribution sums to y(x) - y(x') up to the quadrature error, which `has_aux=True` reports. If it is large, take more
steps or use `gauss_legendre`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax.tree_util import Partial

from groupcam_jax.checks import check_batch
from groupcam_jax.families.attribution import attributing_explainer
from groupcam_jax.families.path_integral import Quadrature, check_steps, integrated_gradient, riemann_middle
from groupcam_jax.families.reductions import Reduction, total_magnitude
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.stages.perturb import Baseline, constant, hide
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Attribution, Explainer, HasAux, Label, Logits, Model, Params, Scalar


class IntegratedGradientsAux(NamedTuple):
    """What `has_aux=True` returns besides the saliency; the first four are as in `AttributionAux`.

    `completeness_error` is the sum of the attribution minus (y(x) - y(x')): 0 for an exact integral.
    """

    label: Label
    logits: Logits
    attribution: Attribution
    reduce: Partial
    completeness_error: Scalar


def integrated_gradients(
    model_apply: Model,
    params: Params,
    *,
    baseline: Baseline = constant(0.0),
    rule: Quadrature = riemann_middle,
    steps: int = 50,
    target: Target = logit,
    reduce: Reduction = total_magnitude,
    step_batch: int | None = None,
    has_aux: HasAux = False,
) -> Explainer[HasAux, IntegratedGradientsAux]:
    """Builds the integrated gradients explainer of a classifier: `steps` forward and backward passes, plus two forward.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      baseline: where the path starts; the default, 0, is the mean colour of most models' normalised images.
      rule: the quadrature: `riemann_left`, `riemann_right`, `riemann_middle`, `trapezoid` or `gauss_legendre`.
      steps: points on the path.
      target: the score that is differentiated, a function of the logits and the label.
      reduce: how the attribution becomes a saliency: `largest_magnitude`, `total_magnitude`, `signed` (in [-1, 1]).
      step_batch: points differentiated at once; None suits the device, see `batches`.
      has_aux: whether the explainer returns `(saliency, IntegratedGradientsAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      Only a random baseline uses the key.

    Raises:
      ValueError: steps or step_batch below 1.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """
    check_steps(rule, steps)
    check_batch("step_batch", step_batch)

    def attribute(image, label, key):
        cut = cut_at_image(model_apply, params, image)
        label, logits = cut.classify(label)
        image = image.astype(jnp.float32)
        hidden = hide(baseline, image, key)
        attribution = integrated_gradient(cut, target, label, hidden, image, rule, steps, step_batch)
        whole, start = cut.bind(target, label)(logits), cut.confidence(target, label)(hidden)
        error = attribution.sum() - (whole - start)
        return IntegratedGradientsAux(label, logits, attribution, Partial(reduce), error)

    return attributing_explainer(attribute, has_aux=has_aux)
