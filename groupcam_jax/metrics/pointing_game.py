"""The pointing game: does the most salient pixel lie on the object (Zhang et al., arXiv:1608.00507)?

    hit        the most salient pixel lies in the object's mask, or within `tolerance` pixels of it
    energy     the share of all saliency that lies in the mask (Wang et al., arXiv:1910.01279, section 4.3)
    accuracy   hits / (hits + misses) of each category, and the mean over the categories

Group-CAM's paper (arXiv:2103.13859, Table 4) has tolerance 0 and boxes; TorchRay has 15 pixels and COCO's masks. Its
difficult subset is, of all images, those whose objects of the category cover less than a quarter and that show another
category as well. Of several pixels that are the most salient the first in reading order counts.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from groupcam_jax.types import Saliency, Scalar

ObjectMask = Bool[Array, "h w"]


def mask_of_boxes(boxes: Float[Array, "n 4"], shape: tuple[int, int]) -> ObjectMask:
    """The pixels whose centres lie in any of the boxes.

    Args:
      boxes: left, top, right and bottom in pixels of the map, from edge to edge: a whole map is 0, 0, w, h. Boxes
        without an area hold nothing, so they can fill up a batch.
      shape: height and width of the map.
    """
    y, x = (jnp.arange(length, dtype=jnp.float32) + 0.5 for length in shape)
    left, top, right, bottom = (side[:, None] for side in boxes.astype(jnp.float32).T)
    rows = (y[None] > top) & (y[None] < bottom)
    columns = (x[None] > left) & (x[None] < right)
    return (rows[:, :, None] & columns[:, None, :]).any(0)


def hit(saliency: Saliency, mask: ObjectMask, tolerance: float = 0.0) -> Float[Array, ""]:
    """Whether the most salient pixel lies on the object: 1 or 0, and NaN where the saliency holds NaN.

    Args:
      saliency: of any range.
      mask: where the object is.
      tolerance: how far beside the object still counts, in pixels from centre to centre.
    """
    height, width = saliency.shape
    row, column = jnp.unravel_index(saliency.argmax(), saliency.shape)
    down = (jnp.arange(height) - row)[:, None] ** 2
    across = (jnp.arange(width) - column)[None] ** 2
    near = down.astype(jnp.float32) + across.astype(jnp.float32) <= tolerance**2
    return jnp.where(jnp.isnan(saliency).any(), jnp.nan, (near & mask).any().astype(jnp.float32))


def energy_inside(saliency: Saliency, mask: ObjectMask) -> Scalar:
    """The share of the saliency, which must not be negative, that lies on the object; 0 for a map of zeros."""
    total = saliency.sum()
    return jnp.where(total == 0, 0, jnp.where(mask, saliency, 0).sum() / jnp.where(total == 0, 1, total))


def is_difficult(mask: ObjectMask, others_present: Bool[Array, ""]) -> Bool[Array, ""]:
    """Whether a category belongs to the difficult subset: small in its image, and not alone there."""
    return (mask.mean() < 0.25) & others_present


def accuracy_by_category(
    hits: Float[Array, " n"], categories: Int[Array, " n"], count: int
) -> tuple[Float[Array, " count"], Scalar]:
    """The accuracy of each of `count` categories, NaN for those without an image, and the mean over the others."""
    totals = jnp.zeros(count).at[categories].add(hits)
    images = jnp.zeros(count).at[categories].add(1)
    accuracies = jnp.where(images == 0, jnp.nan, totals / jnp.where(images == 0, 1, images))
    return accuracies, jnp.nanmean(accuracies)
