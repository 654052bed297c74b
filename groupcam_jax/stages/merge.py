"""The masks merged into one saliency, each with the confidence it restores (Group-CAM, equation 7)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.types import Masks, Saliency


def merge(gain: Float[Array, " g"], masks: Masks) -> Saliency:
    """The weighted sum of the masks, where it is positive."""
    return jax.nn.relu(jnp.einsum("g,ghw->hw", gain, masks, precision=jax.lax.Precision.HIGHEST))
