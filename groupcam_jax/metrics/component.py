"""The largest connected component of a region, by labels that spread and jump.

number     every pixel begins with a number of its own
spread     it takes the highest number among its neighbours, by a side or a corner, in the region
jump       then that of the pixel whose number it has taken: distances double, and a few rounds are enough
"""

import jax
import jax.numpy as jnp

from groupcam_jax.metrics.pointing_game import ObjectMask


def largest_component(region: ObjectMask) -> ObjectMask:
    """The largest set of pixels that touch by a side or a corner; of equals the one whose last pixel comes last."""
    numbers = jnp.where(region, jnp.arange(1, region.size + 1, dtype=jnp.int32).reshape(region.shape), 0)

    def spread(state):
        numbers, _ = state
        around = jax.lax.reduce_window(numbers, 0, jax.lax.max, (3, 3), (1, 1), "SAME")
        spreading = jnp.where(region, around, 0)
        jumping = jnp.pad(spreading.ravel(), (1, 0))[spreading]
        return jumping, (jumping != numbers).any()

    numbers, _ = jax.lax.while_loop(lambda state: state[1], spread, (numbers, region.any()))
    sizes = jnp.zeros(region.size + 1, jnp.int32).at[numbers.ravel()].add(1).at[0].set(0)
    largest = region.size - sizes[::-1].argmax()
    return region & (numbers == largest)
