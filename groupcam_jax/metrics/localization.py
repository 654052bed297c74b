"""Weakly supervised localization: a box around the salient region (CAM, arXiv:1512.04150; Grad-CAM, arXiv:1610.02391).

    region   where the saliency is above `threshold` times its maximum: 0.2 in the CAM paper, 0.15 in Grad-CAM's
    box      around the largest connected component of the region (pixels that touch by a side or a corner)
    located  the box and an object's box have an intersection over union (IoU) of at least 0.5

An image is correct in the top k if its class is among the k highest logits and the box for that class is located; the
error is the share of the other images. MaxBoxAcc (Choe et al., arXiv:2001.07437) is the share located at the threshold
that is best for the whole data set, whatever class is predicted. Its published code rounds the saliency to 256 levels,
measures a component by the area within its outline, and measures boxes between pixel centres.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Num

from groupcam_jax.checks import check_count
from groupcam_jax.metrics.component import largest_component
from groupcam_jax.metrics.objects import checked_mask, sides_of
from groupcam_jax.targets import class_logits
from groupcam_jax.types import Label, Logits, ObjectMask, Saliency, Scalar

Box = Num[Array, " 4"]


def salient_region(saliency: Saliency, threshold: float | Scalar) -> ObjectMask:
    """True where the saliency is above a share of its maximum; all False if it is nowhere positive."""
    return saliency > threshold * jax.nn.relu(saliency.max())


def salient_box(saliency: Saliency, threshold: float | Scalar) -> Box:
    """The box around the largest salient component: left, top, right, bottom from edge to edge, as in `mask_of_boxes`.

    All 0 for a map that is nowhere positive, NaN for one that is not finite. For several thresholds use
    `jax.vmap(salient_box, (None, 0))(saliency, thresholds)`.
    """
    component = largest_component(salient_region(saliency, threshold))
    sides = []
    for marked in (component.any(0), component.any(1)):
        first, behind_last = marked.argmax(), marked.size - marked[::-1].argmax()
        sides.append((first, jnp.where(marked.any(), behind_last, 0)))
    (left, right), (top, bottom) = sides
    box = jnp.stack([left, top, right, bottom]).astype(jnp.float32)
    return jnp.where(jnp.isfinite(saliency).all(), box, jnp.nan)


def best_overlap(box: Box, boxes: Num[Array, "n 4"]) -> Scalar:
    """The highest intersection over union of a box with any object's box; boxes without area count as 0.

    NaN if no object's box has an area, or the box is NaN.

    Raises:
      ValueError: boxes that are not `[n, 4]`.
    """
    left, top, right, bottom = sides_of(boxes)
    width = jnp.minimum(right, box[2]) - jnp.maximum(left, box[0])
    height = jnp.minimum(bottom, box[3]) - jnp.maximum(top, box[1])
    shared = jax.nn.relu(width) * jax.nn.relu(height)
    both = (right - left) * (bottom - top) + (box[2] - box[0]) * (box[3] - box[1]) - shared
    overlap = jnp.where(shared == 0, 0, shared / jnp.where(shared == 0, 1, both)).max(initial=0.0)
    present = ((right > left) & (bottom > top)).any() & ~jnp.isnan(box).any()
    return jnp.where(present, overlap, jnp.nan)


def mask_overlap(saliency: Saliency, mask: ObjectMask, threshold: float | Scalar) -> Scalar:
    """The intersection over union of an object's mask and the salient region.

    NaN without an object, or for a map that is not finite.

    Raises:
      ValueError: a mask that is not bool, or of another shape.
    """
    mask = checked_mask(mask, saliency)
    region = salient_region(saliency, threshold)
    shared = (region & mask).sum()
    both = region.sum() + mask.sum() - shared
    overlap = shared / jnp.maximum(both, 1)
    return jnp.where(mask.any() & jnp.isfinite(saliency).all(), overlap, jnp.nan)


def is_located(logits: Logits, label: int | Label, overlap: float | Scalar, *, top: int, least: float = 0.5) -> Scalar:
    """Whether a class is among the `top` highest logits of an image and its object is located: 1 or 0.

    Args:
      logits: `[classes]`; ties go to the first class.
      label: the true class.
      overlap: `best_overlap` of the box of that class's saliency with the boxes of its objects.
      top: how many guesses an image gets, 1 or 5 in the papers.
      least: the smallest overlap that counts as located.

    Returns:
      1 or 0; NaN if the label is out of range, or the logits or the overlap are not finite.

    Raises:
      ValueError: top below 1.
    """
    check_count("top", top)
    logits = class_logits(logits)
    _, guesses = jax.lax.top_k(logits, min(top, logits.size))
    right = (guesses == label).any() & (overlap >= least)
    known = (label >= 0) & (label < logits.size) & jnp.isfinite(logits).all() & jnp.isfinite(overlap)
    return jnp.where(known, right.astype(jnp.float32), jnp.nan)


def localization_error(located: Float[Array, " n"], weights: Float[Array, " n"] | None = None) -> Scalar:
    """The share of images whose class is not among the highest logits, or whose object is not located.

    Args:
      located: `is_located` of every image.
      weights: how often each image counts; None counts each once.

    Returns:
      In [0, 1]; NaN if an image that counts has NaN.
    """
    weights = jnp.ones_like(located) if weights is None else weights
    return 1 - jnp.where(weights == 0, 0, located * weights).sum() / weights.sum()


def max_box_accuracy(
    overlaps: Float[Array, "n thresholds"], *, least: float = 0.5, weights: Float[Array, " n"] | None = None
) -> tuple[Scalar, Int[Array, ""]]:
    """MaxBoxAcc (Choe et al., arXiv:2001.07437): the share of images located at the best threshold, and its index.

    Args:
      overlaps: the best overlap of every image at every threshold.
      least: the smallest overlap that counts as located.
      weights: how often each image counts; None counts each once.

    Returns:
      The share in [0, 1], NaN if an image that counts has NaN at some threshold; and the index of the threshold.
    """
    located = jnp.where(jnp.isnan(overlaps), jnp.nan, (overlaps >= least).astype(jnp.float32))
    accuracy = 1 - jax.vmap(localization_error, (1, None))(located, weights)
    return accuracy.max(), accuracy.argmax()
