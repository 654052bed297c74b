"""One group's mask made ready to hide an image behind: de-noised, enlarged, rescaled (Group-CAM, equations 3 and 4).

The paper rescales before it enlarges; its code, which we follow, rescales the enlarged mask.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.types import Mask


def denoise(mask: Mask, percentile: float | None) -> Mask:
    """Zeroes the values up to a percentile of the mask's own (interpolated linearly); None keeps all.

    The percentile's place among the values is computed in double precision, as NumPy does: `jnp.percentile` is off by a
    rounding error where it falls on a value, and would keep that value.
    """
    if percentile is None:
        return mask
    values = jnp.sort(mask.ravel())
    place = percentile / 100 * (mask.size - 1)
    below, above = values[math.floor(place)], values[math.ceil(place)]
    return jnp.where(mask <= below + (place % 1) * (above - below), 0, mask)


def check_percentile(percentile: float | None) -> None:
    """Raises ValueError unless this is None or in [0, 100]."""
    if percentile is not None and not 0 <= percentile <= 100:
        raise ValueError(f"percentile={percentile}: expected 0 <= percentile <= 100, or None")


def upsample(mask: Float[Array, "u v"], shape: tuple[int, ...]) -> Mask:
    """Enlarges a mask to `shape`, bilinear between the centers of pixels."""
    return jax.image.resize(mask, shape, "bilinear", antialias=False)


def unit_range(mask: Mask) -> Mask:
    """Rescales to [0, 1] by minimum and maximum; a flat mask is all 0, one with a NaN in it all NaN."""
    lowest, highest = mask.min(), mask.max()
    span = highest - lowest
    return jnp.where(span == 0, 0, (mask - lowest) / jnp.where(span == 0, 1, span))
