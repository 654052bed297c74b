"""The pointing game: does the most salient pixel lie on the object (Zhang et al., arXiv:1608.00507)?

    hit        the most salient pixel lies in the object's mask, or within `tolerance` pixels of it
    energy     the share of the saliency that lies in the mask (Wang et al., arXiv:1910.01279, section 4.3); also known
               as relevance mass accuracy (Arras et al., arXiv:2003.07258)
    accuracy   hits / (hits + misses) of each category, their mean, and the same over all objects

Objects are masks `[h, w]`; `mask_of_boxes` makes them from boxes. Group-CAM's paper (arXiv:2103.13859, Table 4)
uses tolerance 0 and boxes. TorchRay uses COCO's masks and counts peaks less than 15 pixels away, here 14.99. If several
pixels are the most salient, the first in reading order counts.

The difficult subset is the pairs of image and category whose objects cover less than a quarter of the image, if the
image also shows another category: give `pointing_accuracy` only their hits.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Num, Shaped

from groupcam_jax.division import divided
from groupcam_jax.metrics.objects import checked_mask, sides_of
from groupcam_jax.types import ObjectMask, Saliency, Scalar


class PointingAccuracy(NamedTuple):
    """The accuracy of each category (NaN without objects), their mean, and the accuracy over all objects."""

    by_category: Float[Array, " categories"]
    mean: Scalar
    overall: Scalar


def mask_of_boxes(boxes: Num[Array, "n 4"], shape: tuple[int, ...]) -> ObjectMask:
    """The pixels whose centres lie in any of the boxes.

    Args:
      boxes: left, top, right and bottom in pixels of the map, from edge to edge: a whole map is 0, 0, w, h. Boxes
        without area cover nothing, so they can pad a batch.
      shape: height and width of the map.

    Raises:
      ValueError: boxes that are not `[n, 4]`, or a shape of other than two sides.
    """
    if len(shape) != 2:
        raise ValueError(f"shape={[*shape]}: expected height and width of the map")
    y, x = (jnp.arange(length, dtype=jnp.float32) + 0.5 for length in shape)
    left, top, right, bottom = (side[:, None] for side in sides_of(boxes))
    rows = (y[None] > top) & (y[None] < bottom)
    columns = (x[None] > left) & (x[None] < right)
    return (rows[:, :, None] & columns[:, None, :]).any(0)


def hit(saliency: Saliency, mask: ObjectMask, tolerance: float | Scalar = 0.0) -> Scalar:
    """Whether the most salient pixel lies on the object: 1 or 0.

    Args:
      saliency: of any range.
      mask: where the object is.
      tolerance: how far from the object still counts, in pixels between centres.

    Returns:
      1 or 0; NaN without an object, for a map that is not finite, or for a tolerance below 0.

    Raises:
      ValueError: a mask that is not bool, or of another shape.
    """
    mask = checked_mask(mask, saliency)
    height, width = saliency.shape
    row, column = jnp.unravel_index(saliency.argmax(), saliency.shape)
    down = (jnp.arange(height) - row)[:, None] ** 2
    across = (jnp.arange(width) - column)[None] ** 2
    near = down.astype(jnp.float32) + across.astype(jnp.float32) <= tolerance**2
    defined = mask.any() & jnp.isfinite(saliency).all() & (jnp.asarray(tolerance) >= 0)
    return jnp.where(defined, (near & mask).any().astype(jnp.float32), jnp.nan)


def energy_inside(saliency: Saliency, mask: ObjectMask) -> Scalar:
    """The share of the saliency that lies on the object; the saliency must not be negative.

    0 for a map of zeros; NaN without an object, or for a map that is negative somewhere or not finite.

    Raises:
      ValueError: a mask that is not bool, or of another shape.
    """
    mask = checked_mask(mask, saliency)
    highest = saliency.max().astype(jnp.float32)
    relative = saliency.astype(jnp.float32) / jnp.where(highest == 0, 1, highest)  # their sum is finite
    share = jnp.where(mask, relative, 0).sum() / jnp.where(highest == 0, 1, relative.sum())
    return jnp.where(mask.any() & ((saliency >= 0) & jnp.isfinite(saliency)).all(), share, jnp.nan)


def is_difficult(mask: ObjectMask, others_present: Bool[Array, ""]) -> Bool[Array, ""]:
    """Whether a category belongs to the difficult subset: small in its image, and not alone there.

    Raises:
      ValueError: a mask that is not bool, or not `[h, w]`.
    """
    if jnp.ndim(mask) != 2 or jnp.result_type(mask) != jnp.bool_:
        raise ValueError(
            f"the mask must be bool [h, w], got {jnp.result_type(mask)}{[*jnp.shape(mask)]}; of numbers: mask > 0"
        )
    return (mask.mean() < 0.25) & others_present


def pointing_accuracy(
    hits: Shaped[Array, " n"], categories: Int[Array, " n"], count: int, weights: Shaped[Array, " n"] | None = None
) -> PointingAccuracy:
    """The accuracy over a data set.

    Args:
      hits: `hit` of every pair of image and category; or its energy, averaged the same way.
      categories: in [0, count).
      count: number of categories.
      weights: which pairs to count, such as the difficult ones, or how often each; None counts each once.

    Returns:
      The accuracies; all are NaN if any category is out of range.
    """
    hits = hits.astype(jnp.float32)
    weights = jnp.ones_like(hits) if weights is None else weights.astype(jnp.float32)
    weights = jnp.where(((categories >= 0) & (categories < count)).all(), weights, jnp.nan)
    totals = jnp.zeros(count).at[categories].add(jnp.where(weights == 0, 0, hits * weights))
    objects = jnp.zeros(count).at[categories].add(weights)
    by_category = divided(totals, objects, otherwise=jnp.nan)
    present = (objects > 0).sum().astype(jnp.float32)
    mean = jnp.where(objects == 0, 0, by_category).sum() / present  # not nanmean: a NaN among the hits must show
    return PointingAccuracy(by_category, mean, totals.sum() / objects.sum())
