"""RISE: what random masks had in common that kept the class (Petsiuk et al., arXiv:1806.07421).

    m_i        a grid of cells, each 1 with probability p, enlarged bilinearly and shifted at random
    s_i        p_c(m_i x)
    saliency   sum of s_i m_i, rescaled to [0, 1], which cancels the 1 / (n p) of the paper

As in the authors' code, the grid of s x s cells is stretched over (s + 1) x (s + 1) cells of size 1 / s of the image,
and a window of the image's size is cut from it. Scores are probabilities, as in the paper; Group-CAM's authors use
logits.

Masks are drawn, scored and merged in batches of `mask_batch`, never all held at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp

from groupcam_jax.batches import Progress, sum_batched
from groupcam_jax.checks import check_batch, check_count, require_key
from groupcam_jax.families.explainer import Aux, make_explainer
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.stages.masks import unit_range, upsample
from groupcam_jax.stages.perturb import Baseline, constant
from groupcam_jax.stages.score import masked_confidence
from groupcam_jax.targets import Target, probability
from groupcam_jax.types import Explainer, HasAux, Mask, Model, Params, PRNGKey, Saliency, Scalar

Seed = TypeVar("Seed")  # what a mask is made from, such as a key


def rise(
    model_apply: Model,
    params: Params,
    *,
    masks: int = 4000,
    cells: int = 8,
    keep: float = 0.5,
    baseline: Baseline = constant(0.0),
    score: Target = probability,
    mask_batch: int | None = 16,
    progress: Progress = None,
    has_aux: HasAux = False,
) -> Explainer[HasAux, Aux]:
    """Builds the RISE explainer of a classifier: a forward pass for each mask, plus one.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      masks: number of random masks.
      cells: cells of the grid along each side.
      keep: the probability with which a cell is shown.
      baseline: the image without its evidence, `(image, key) -> image`, in the units of the normalised image.
      score: the score of each image shown to the model, a function of the logits and the label.
      mask_batch: images scored at once; None suits the device, see `batches`.
      progress: called on the host after every batch, with the number of images just scored and the total.
      has_aux: whether the explainer returns `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      The key draws the masks; a random baseline uses it too.

    Raises:
      ValueError: masks, cells or mask_batch below 1, keep outside (0, 1).
      ValueError, TypeError: in the explainer, see `Explainer`.
    """
    check_count("masks", masks)
    check_count("cells", cells)
    if not 0 < keep < 1:
        raise ValueError(f"keep={keep}: expected a probability between 0 and 1, or all masks were the same")
    check_batch("mask_batch", mask_batch)

    def explain(image, label, key):
        mask_key, baseline_key = jax.random.split(require_key(key, "rise"))
        cut = cut_at_image(model_apply, params, image)
        label, logits = cut.classify(label)
        confidence = masked_confidence(cut, image, baseline, baseline_key, score, label)

        def draw(key):
            return draw_mask(key, image.shape[:2], cells, keep)

        keys = jax.random.split(mask_key, masks)
        total = merge_scored(confidence, draw, keys, mask_batch, progress)
        return unit_range(total), Aux(label, logits)

    return make_explainer(explain, has_aux=has_aux)


def draw_mask(key: PRNGKey, shape: tuple[int, int], cells: int, keep: float) -> Mask:
    """Draws one smooth random mask in [0, 1]."""
    grid_key, shift_key = jax.random.split(key)
    height, width = (-(-length // cells) for length in shape)  # of one cell
    grid = jax.random.bernoulli(grid_key, jnp.float32(keep), (cells, cells)).astype(jnp.float32)
    enlarged = upsample(grid, ((cells + 1) * height, (cells + 1) * width))
    across = jax.random.uniform(shift_key, (2,), jnp.float32) * jnp.array([height, width], jnp.float32)
    return jax.lax.dynamic_slice(enlarged, across.astype(jnp.int32), shape)


def merge_scored(
    confidence: Callable[[Mask], Scalar],
    make_mask: Callable[[Seed], Mask],
    seeds: Seed,
    mask_batch: int | None,
    progress: Progress,
) -> Saliency:
    """The sum of all masks `make_mask(seed)`, each times the score of what it reveals."""

    def scored(seed):
        mask = make_mask(seed)
        return confidence(mask) * mask

    return sum_batched(scored, seeds, mask_batch, progress)
