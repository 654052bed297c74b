"""Makes one group's mask ready for use: denoised, enlarged, rescaled (Group-CAM, equations 3 and 4).

The paper rescales before it enlarges; its code, which we follow, rescales the enlarged mask.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.types import Mask


def denoise(mask: Mask, percentile: float | None) -> Mask:
    """Sets the values up to a percentile of the mask (linearly interpolated) to 0; None keeps all.

    The percentile's rank is computed in double precision, as in NumPy: if it falls on a value, `jnp.percentile` is off
    by a rounding error and would keep that value.
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
    """Enlarges a mask to `shape`, bilinearly between pixel centers."""
    return jax.image.resize(mask, shape, "bilinear", antialias=False)


def unit_range(mask: Mask) -> Mask:
    """Rescales to [0, 1] by minimum and maximum; a flat mask becomes all 0, one with a NaN all NaN."""
    lowest, highest = mask.min(), mask.max()
    span = highest - lowest
    scaled = (mask - lowest) / jnp.where(span == 0, 1, span)
    # XLA multiplies by the reciprocal of the span, which may miss 1 by a rounding.
    return jnp.where(span == 0, 0, jnp.where(mask == highest, 1, scaled))
