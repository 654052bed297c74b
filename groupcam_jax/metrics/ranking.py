"""How well the order of the pixels tells an object from the rest of the image.

    top-k intersection        the share of the k most salient pixels on the object (Theiner et al., arXiv:2104.14995)
    relevance rank accuracy   the same for k = the size of the object (Arras et al., arXiv:2003.07258)
    ROC-AUC                   how probable it is that a pixel of the object is more salient than another; 1/2 of ties

All look at the order alone: a growing function of the saliency leaves them as they are. Relevance mass accuracy, which
looks at the values, is `energy_inside`.

Equals around the k-th place each have the same share of the places left, which is the mean over all their orders. So a
constant map scores as chance does: the object's share of the image, and 1/2. Quantus leaves ties to NumPy's sort, and
raises where a map of the batch is constant.
"""

import jax.numpy as jnp
from jaxtyping import Array, Int

from groupcam_jax.checks import check_count
from groupcam_jax.metrics.objects import checked_mask
from groupcam_jax.types import ObjectMask, Saliency, Scalar


def top_k_intersection(saliency: Saliency, mask: ObjectMask, k: int) -> Scalar:
    """The share of the k most salient pixels that lies on the object.

    Args:
      saliency: of any range.
      mask: where the object is.
      k: how many pixels to look at; more than the object has cannot all lie on it.

    Returns:
      In [0, 1]; NaN without an object, or for a map that is not finite.

    Raises:
      ValueError: k below 1, or above the number of pixels; a mask that is not bool, or of another shape.
    """
    check_count("k", k)
    if k > saliency.size:
        raise ValueError(f"k={k}, but the saliency {[*saliency.shape]} has {saliency.size} pixels; choose fewer")
    return share_of_highest(saliency, checked_mask(mask, saliency), jnp.asarray(k))


def relevance_rank_accuracy(saliency: Saliency, mask: ObjectMask) -> Scalar:
    """The share of the most salient pixels, as many as the object has, that lies on it.

    Args:
      saliency: of any range.
      mask: where the object is.

    Returns:
      In [0, 1]; NaN without an object, or for a map that is not finite.

    Raises:
      ValueError: a mask that is not bool, or of another shape.
    """
    mask = checked_mask(mask, saliency)
    return share_of_highest(saliency, mask, mask.sum())


def roc_auc(saliency: Saliency, mask: ObjectMask) -> Scalar:
    """The area under the curve of true over false positives, as the threshold of the saliency falls.

    Args:
      saliency: of any range.
      mask: where the object is.

    Returns:
      In [0, 1]; NaN if nothing or everything is object, or for a map that is not finite.

    Raises:
      ValueError: a mask that is not bool, or of another shape.
    """
    mask = checked_mask(mask, saliency)
    outside = jnp.sort(jnp.where(mask, jnp.inf, saliency).ravel())  # those of the object behind all others
    lower, not_higher = (jnp.searchsorted(outside, saliency, side=side) for side in ("left", "right"))
    # Shares of pixels first: in float32 a sum of ranks loses the order of a small background.
    beaten = (lower + not_higher).astype(jnp.float32) / (2 * (~mask).sum().astype(jnp.float32))
    area = jnp.where(mask, beaten, 0).sum() / mask.sum().astype(jnp.float32)
    return jnp.where(mask.any() & ~mask.all() & jnp.isfinite(saliency).all(), area, jnp.nan)


def share_of_highest(saliency: Saliency, mask: ObjectMask, k: Int[Array, ""]) -> Scalar:
    """The share of the k most salient pixels that lies on the object; k may be traced."""
    lowest = jnp.sort(saliency.ravel(), descending=True)[k - 1]
    above, equal = saliency > lowest, saliency == lowest
    places = (k - above.sum()).astype(jnp.float32) / equal.sum().astype(jnp.float32)  # of each that is equal
    inside = (above & mask).sum().astype(jnp.float32) + places * (equal & mask).sum().astype(jnp.float32)
    return jnp.where(mask.any() & jnp.isfinite(saliency).all(), inside / k.astype(jnp.float32), jnp.nan)
