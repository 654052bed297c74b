"""KernelSHAP: Shapley's share of each segment in the score, by least squares (Lundberg and Lee, arXiv:1705.07874).

    v(z)       the score of the image that shows the segments in z, a vector of s zeros and ones
    w(z)       (s - 1) / (C(s, |z|) |z| (s - |z|)), |z| segments are shown
    phi        minimises the sum of w(z) (v(z) - v(0) - phi z)^2, where phi sums to v(1) - v(0)
    saliency   relu(sum of phi_k over the segments k of a pixel), divided by its maximum

Over all selections z this is exactly Shapley's value: the mean, over all orders in which the segments may be shown one
by one, of what segment k adds to the score. If there are no more than `samples` selections, all are scored. Otherwise
they are drawn with odds w(z), in pairs of z and 1 - z, which halves the samples that are needed (Covert and Lee,
arXiv:2012.01536). A pair is one equation for the shares: with fewer than four samples for each segment, the equations
may leave shares open. The authors' code scores all selections of few or nearly all segments first, and draws others.
"""

from __future__ import annotations

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np

from groupcam_jax.batches import Progress
from groupcam_jax.checks import check_batch, check_count
from groupcam_jax.families.segments import (
    Segments,
    SegmentsAux,
    Selections,
    least_squares,
    segments_explainer,
)
from groupcam_jax.families.superpixels import superpixels
from groupcam_jax.stages.perturb import Baseline, constant
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Explainer, HasAux, Model, Params, PRNGKey


def kernel_shap(
    model_apply: Model,
    params: Params,
    *,
    segments: Segments = superpixels(50),
    samples: int = 1000,
    baseline: Baseline = constant(0.0),
    score: Target = logit,
    mask_batch: int | None = 16,
    progress: Progress = None,
    has_aux: HasAux = False,
) -> Explainer[HasAux, SegmentsAux]:
    """Builds the KernelSHAP explainer of a classifier: a forward pass for each sample, plus three.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      segments: masks `[s, h, w]`, which may overlap or be traced, or a function from the image to such masks.
      samples: selections of segments that are scored, besides all of them and none; four for each segment, or all.
      baseline: what hides a segment, `(image, key) -> image`, in the units of the normalised image.
      score: the score that is shared out, a function of the logits and the label.
      mask_batch: pictures scored at once; None suits the device, see `batches`.
      progress: called on the host after every batch, with the number of pictures just scored and the total.
      has_aux: whether the explainer returns `(saliency, SegmentsAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      All 0 if no segment speaks for the class. The key draws the samples; a random baseline uses it too.

    Raises:
      ValueError: samples or mask_batch below 1; in the explainer: segments that are not masks of the image's size, or
        more of them than a quarter of the samples, unless these are all selections.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """
    check_count("samples", samples)
    check_batch("mask_batch", mask_batch)

    def select(key, count):
        if not is_all(count) and samples < 4 * count:
            raise ValueError(
                f"samples={samples}: expected at least {min(4 * count, 2**count - 2)}, four for each of the {count} "
                "segments (they are drawn in pairs that tell one thing), or all selections"
            )
        ends = jnp.stack([jnp.ones(count, jnp.float32), jnp.zeros(count, jnp.float32)])
        others = every_selection(count) if is_all(count) else draw_selections(key, samples, count)
        return jnp.concatenate([ends, others])

    def fit(selections, scores):
        count = selections.shape[1]
        shown = selections.sum(1)
        weights = jnp.asarray(kernel(count))[shown.astype(jnp.int32)] if is_all(count) else jnp.ones_like(shown)
        # The mean of the shares is known. What is left of them sums to 0, as the shortest solution does.
        alike = (scores[0] - scores[1]) / count
        return alike + least_squares(selections - (shown / count)[:, None], scores - scores[1] - alike * shown, weights)

    def is_all(count):
        return 2**count - 2 <= samples

    return segments_explainer(
        model_apply,
        params,
        method="kernel_shap",
        select=select,
        fit=fit,
        segments=segments,
        baseline=baseline,
        score=score,
        mask_batch=mask_batch,
        progress=progress,
        has_aux=has_aux,
    )


def kernel(count: int) -> np.ndarray:
    """The weight of a selection by how many of the segments it shows; all and none are not weighed by it."""
    inner = [(count - 1) / (math.comb(count, shown) * shown * (count - shown)) for shown in range(1, count)]
    return np.asarray([1, *inner, 1], np.float32)


def every_selection(count: int) -> Selections:
    """All selections of some of the segments."""
    return jnp.asarray([*itertools.product((0, 1), repeat=count)][1:-1], jnp.float32).reshape(-1, count)


def draw_selections(key: PRNGKey, samples: int, count: int) -> Selections:
    """Draws selections by the kernel, and after them their opposites."""
    size_key, order_key = jax.random.split(key)
    pairs, sizes = -(-samples // 2), np.arange(1, count, dtype=np.float32)
    size = 1 + jax.random.categorical(size_key, -jnp.log(sizes * (count - sizes)), shape=(pairs,))
    order = jax.random.uniform(order_key, (pairs, count), jnp.float32).argsort(1).argsort(1)
    drawn = (order < size[:, None]).astype(jnp.float32)
    return jnp.concatenate([drawn, 1 - drawn])[:samples]
