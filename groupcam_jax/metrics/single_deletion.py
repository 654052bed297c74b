"""Single deletion: are the patches with the largest shares those whose loss costs most?

    a_i     the sum of the attribution over patch i of a grid
    d_i     f(x) - f(x_i), the drop of the score when the baseline replaces that patch alone
    score   Spearman's correlation of a and d over the patches, in [-1, 1]; 1 is best, 0 chance

Hesse et al. delete the parts of drawn birds (arXiv:2308.06248), and the patches of photographs (IDSDS,
arXiv:2407.11910) of which the classifier has seen some without patches as it was trained: to any other a hole is
something new, and some of the drop is the hole's. Patches that tie share their mean rank; a constant map has 0,
and so has a score that does not vary beyond rounding errors.
"""

import jax.numpy as jnp

from groupcam_jax.batches import map_batched
from groupcam_jax.checks import check_batch, check_count, check_saliency, known_label, typed_key
from groupcam_jax.metrics.measure import Measure
from groupcam_jax.metrics.similarity import spearman, varies
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.stages.perturb import Baseline, constant
from groupcam_jax.stages.score import masked_confidence
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Model, Params, Scalar


def single_deletion(
    model_apply: Model,
    params: Params,
    *,
    grid: int = 4,
    baseline: Baseline = constant(0.0),
    score: Target = logit,
    patch_batch: int | None = None,
) -> Measure[Scalar]:
    """Builds the metric for a classifier: one forward pass per patch, plus one for the prediction, 17 by default.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      grid: patches along each side, which it must divide.
      baseline: what replaces a patch; if it is random, drawn once for all of them.
      score: the score f.
      patch_batch: images scored at once; None suits the device, see `batches`.

    Returns:
      `measure(image, saliency, label=None, *, key=None)` of one image `[h, w, c]` and an attribution `[h, w]`, of
      either sign; label None is the predicted class. NaN if the image, the attribution or a score is not finite.

    Raises:
      ValueError: grid below 2, patch_batch below 1; when measuring: a grid that does not divide the image, image and
        saliency differ in size, no such class, or not one floating-point image.
      TypeError: when measuring: a key is needed but missing.
    """
    check_count("grid", grid)
    if grid == 1:
        raise ValueError("grid=1: expected at least 2, one patch alone has no rank")
    check_batch("patch_batch", patch_batch)

    def measure(image, saliency, label=None, *, key=None):
        check_saliency(image, saliency)
        height, width = saliency.shape
        if height % grid or width % grid:
            raise ValueError(
                f"grid={grid} does not divide the image {[*image.shape]}: of patches of several sizes the larger ones "
                "would cost more; choose one that divides both sides"
            )
        image, saliency = jnp.asarray(image), jnp.asarray(saliency, jnp.float32)
        cut = cut_at_image(model_apply, params, image)
        label, _ = cut.classify(known_label(label))
        confidence = masked_confidence(cut, image, baseline, typed_key(key), score, label)
        rows, columns = (jnp.arange(side, dtype=jnp.int32) * grid // side for side in (height, width))
        patch = rows[:, None] * grid + columns[None]
        patches = jnp.arange(grid**2, dtype=jnp.int32)
        moved = saliency - jnp.median(saliency)  # the order of the sums stays, and those of a constant map are equal
        attributed = moved.reshape(grid, height // grid, grid, width // grid).sum((1, 3))
        left = map_batched(lambda one: confidence((patch != one).astype(jnp.float32)), patches, patch_batch)
        found = spearman(attributed, -left.reshape(grid, grid))
        both = varies(left) & varies(attributed)  # the ranks would be those of rounding errors
        found = jnp.where(both | jnp.isnan(found), found, 0)
        return jnp.where(jnp.isfinite(image).all(), found, jnp.nan)

    return measure
