"""Expected gradients: integrated gradients from many baselines (GradientSHAP; Erion et al., arXiv:1906.10670).

    x', t         a baseline, and a number in [0, 1], drawn anew for each sample
    attribution   the mean of (x - x') dy/dx at x' + t (x - x')
    saliency      the sum of its magnitudes over the channels, rescaled to [0, 1]

In expectation the attribution sums to y(x) less the mean of y(x') over all baselines. `background(images)` draws the
baselines from images that you have, some of those that the model was trained on: the paper's form. From a single
baseline it is integrated gradients, at random points.

As captum's `GradientShap` without noise in the image; with it: `smooth_grad` of this with one sample.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from groupcam_jax.batches import sum_batched
from groupcam_jax.checks import check_batch, check_count, require_key
from groupcam_jax.families.attribution import AttributionAux, attributing_explainer
from groupcam_jax.families.path_integral import path_gradient
from groupcam_jax.families.reductions import Reduction, total_magnitude
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.stages.perturb import Baseline, hide, noise
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Explainer, HasAux, Model, Params


def expected_gradients(
    model_apply: Model,
    params: Params,
    *,
    baseline: Baseline = noise(),
    samples: int = 50,
    target: Target = logit,
    reduce: Reduction = total_magnitude,
    sample_batch: int | None = None,
    has_aux: HasAux = False,
) -> Explainer[HasAux, AttributionAux]:
    """Builds the expected gradients explainer of a classifier: `samples` forward and backward passes, plus one forward.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      baseline: draws a baseline, `(image, key) -> image`: `background(images)`, or the default, noise that is spread
        as the pixels of normalised images are.
      samples: baselines drawn, each with one point on the way to the image.
      target: the score that is differentiated, a function of the logits and the label.
      reduce: how the attribution becomes a saliency: `largest_magnitude`, `total_magnitude`, `signed` (in [-1, 1]).
      sample_batch: points differentiated at once; None suits the device, see `batches`.
      has_aux: whether the explainer returns `(saliency, AttributionAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      The key draws the points, and the baselines.

    Raises:
      ValueError: samples or sample_batch below 1.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """
    check_count("samples", samples)
    check_batch("sample_batch", sample_batch)

    def attribute(image, label, key):
        key = require_key(key, "expected_gradients")
        cut = cut_at_image(model_apply, params, image)
        label, logits = cut.classify(label)
        image = image.astype(jnp.float32)
        gradient_at = path_gradient(cut, target, label)

        def share(key):
            baseline_key, point_key = jax.random.split(key)
            hidden = hide(baseline, image, baseline_key)
            way = image - hidden
            return way * gradient_at(hidden + jax.random.uniform(point_key, (), jnp.float32) * way)

        total = sum_batched(share, jax.random.split(key, samples), sample_batch)
        return AttributionAux(label, logits, total / samples, Partial(reduce))

    return attributing_explainer(attribute, has_aux=has_aux)
