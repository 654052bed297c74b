"""Division by what may be 0."""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike


def divided(part: Array, total: Array, otherwise: ArrayLike = 0) -> Array:
    """`part / total`, or something else where the total is 0: guarded twice, or gradients would be NaN there."""
    nothing = total == 0
    return jnp.where(nothing, otherwise, part / jnp.where(nothing, 1, total))
