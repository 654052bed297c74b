"""Masks and boxes of objects, as the measures of localization take them: checked, for others would give numbers too."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.types import ObjectMask, Saliency


def checked_mask(mask: Any, saliency: Saliency) -> ObjectMask:
    """The mask of an object, if it is one: numbers would be counted instead of looked at.

    Raises:
      ValueError: a mask that is not bool, or of another shape.
    """
    if jnp.shape(mask) != saliency.shape or jnp.result_type(mask) != jnp.bool_:
        raise ValueError(
            f"the mask must be bool {[*saliency.shape]} as the saliency, got {jnp.result_type(mask)}"
            f"{[*jnp.shape(mask)]}; of numbers: mask > 0"
        )
    return jnp.asarray(mask)


def sides_of(boxes: Any) -> Float[Array, "4 n"]:
    """The left, top, right and bottom sides of boxes.

    Raises:
      ValueError: boxes that are not `[n, 4]`.
    """
    boxes = jnp.asarray(boxes, jnp.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"the boxes must be [n, 4], got {[*boxes.shape]}; of one box: boxes[None]")
    return boxes.T
