"""Division by what may be 0."""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike


def divided(part: Array, total: Array, otherwise: ArrayLike = 0) -> Array:
    """`part / total`, or something else where the total is 0: guarded twice, or gradients would be NaN there."""
    nothing = total == 0
    return jnp.where(nothing, otherwise, part / jnp.where(nothing, 1, total))


def at_most_one(values: Array) -> Array:
    """Scales values so that the largest is 1 or -1; zeros stay zeros. Squares of others may be 0 or infinite."""
    return divided(values, jnp.abs(values).max())
