"""LIME: a line through the scores of pictures that show some segments (Ribeiro et al., arXiv:1602.04938).

    z_i        which segments picture i shows: all in the first, each with probability 1/2 in the others
    y_i        p_c of the picture
    d_i        1 - cos(z_i, 1), the distance to the whole picture
    w_i        exp(-d_i^2 / (2 width^2))
    phi, b     minimise sum of w_i (y_i - b - phi z_i)^2 + ridge |phi|^2
    saliency   relu(sum of phi_k over the segments k of a pixel), divided by its maximum

As the authors' `lime_image` does it, but for two things: its segments are quickshift's, and it hides a segment behind
its own mean colour. Captum measures the distance between the pixels, not between selections, and fits a lasso.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from groupcam_jax.batches import Progress
from groupcam_jax.checks import check_batch, check_count, check_positive
from groupcam_jax.families.segments import Segments, SegmentsAux, least_squares, segments_explainer
from groupcam_jax.families.superpixels import superpixels
from groupcam_jax.stages.perturb import Baseline, constant
from groupcam_jax.targets import Target, probability
from groupcam_jax.types import Explainer, HasAux, Model, Params


def lime(
    model_apply: Model,
    params: Params,
    *,
    segments: Segments = superpixels(50),
    samples: int = 1000,
    kernel_width: float = 0.25,
    ridge: float = 1.0,
    baseline: Baseline = constant(0.0),
    score: Target = probability,
    mask_batch: int | None = 16,
    progress: Progress = None,
    has_aux: HasAux = False,
) -> Explainer[HasAux, SegmentsAux]:
    """Builds the LIME explainer of a classifier: a forward pass for each sample, plus one.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      segments: masks `[s, h, w]`, which may overlap or be traced, or a function from the image to such masks.
      samples: pictures that are scored.
      kernel_width: how fast a picture loses weight with what it hides.
      ridge: the penalty of large shares.
      baseline: what hides a segment, `(image, key) -> image`, in the units of the normalised image.
      score: the score of each picture, a function of the logits and the label.
      mask_batch: pictures scored at once; None suits the device, see `batches`.
      progress: called on the host after every batch, with the number of pictures just scored and the total.
      has_aux: whether the explainer returns `(saliency, SegmentsAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      All 0 if no segment speaks for the class. The key draws the samples; a random baseline uses it too.

    Raises:
      ValueError: samples or mask_batch below 1, kernel_width not positive, ridge negative; in the explainer: segments
        that are not masks of the image's size.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """
    check_count("samples", samples)
    check_batch("mask_batch", mask_batch)
    check_positive("kernel_width", kernel_width, ", such as 0.25")
    if not 0 <= ridge < math.inf:
        raise ValueError(f"ridge={ridge}: expected a number, at least 0")

    def select(key, count):
        drawn = jax.random.bernoulli(key, jnp.float32(0.5), (samples, count))
        return drawn.at[0].set(True).astype(jnp.float32)

    def fit(selections, scores):
        distance = 1 - jnp.sqrt(selections.mean(1))
        weights = jnp.exp(-(distance**2) / (2 * kernel_width**2))
        rows = selections - jnp.average(selections, axis=0, weights=weights)[None]
        values = scores - scores[0]  # equal scores have an average that rounding moves off them
        values -= jnp.average(values, weights=weights)
        # The penalty as further rows, whose values are 0.
        penalty = math.sqrt(ridge) * jnp.eye(rows.shape[1], dtype=rows.dtype)
        none = jnp.zeros_like(penalty[0])
        rows, values, weights = map(jnp.concatenate, ([rows, penalty], [values, none], [weights, jnp.ones_like(none)]))
        return least_squares(rows, values, weights)

    return segments_explainer(
        model_apply,
        params,
        method="lime",
        select=select,
        fit=fit,
        segments=segments,
        baseline=baseline,
        score=score,
        mask_batch=mask_batch,
        progress=progress,
        has_aux=has_aux,
    )
