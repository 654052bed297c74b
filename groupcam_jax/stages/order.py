"""The order of the pixels of a map: a share of them, the most salient, is shown or comes first."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.stages.grid import enlarged
from groupcam_jax.stages.masks import unit_range
from groupcam_jax.types import Heat, Mask, Saliency


def soft_mask(grid: Heat, share: Float[Array, ""], shape: tuple[int, ...], softness: float) -> Mask:
    """Shows a share of the pixels, the most salient ones, with a soft border."""
    threshold = jax.lax.stop_gradient(jnp.quantile(grid, 1 - share))
    width = softness * jax.lax.stop_gradient(grid.std())
    return jax.nn.sigmoid((enlarged(grid, shape) - threshold) / jnp.where(width == 0, 1, width))


def reordered(saliency: Saliency, first: Heat) -> Saliency:
    """The values of a map in the order of another map.

    A little of the rank is added: equal values would lose the order. NaN where either map holds one.
    """
    values = jnp.sort(saliency.ravel()) + jnp.linspace(0, 4e-3, saliency.size, dtype=saliency.dtype)
    ordered = jnp.zeros_like(values).at[jnp.argsort(first.ravel())].set(values).reshape(saliency.shape)
    return unit_range(jnp.where(jnp.isnan(first).any(), jnp.nan, ordered))
