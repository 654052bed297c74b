"""The largest connected component of a region, by label propagation.

number   every pixel starts with its own number
spread   each pixel takes the highest number in its run of region pixels along the row, then along the column, then
         among its neighbours by a side or a corner; it needs no more rounds than the component has turns
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from groupcam_jax.types import ObjectMask

Numbers = Int[Array, "h w"]


@jax.jit
def largest_component(region: ObjectMask) -> ObjectMask:
    """The largest set of pixels that touch by a side or a corner; of equally large sets, the one that ends last."""
    numbers = jnp.where(region, jnp.arange(1, region.size + 1, dtype=jnp.int32).reshape(region.shape), 0)

    def spread(state):
        numbers, _ = state
        spreading = highest_of_run(highest_of_run(numbers, region, 1), region, 0)
        spreading = jnp.where(region, highest_of_three(highest_of_three(spreading, 1), 0), 0)
        return spreading, (spreading != numbers).any()

    numbers, _ = jax.lax.while_loop(lambda state: state[1], spread, (numbers, region.any()))
    sizes = jnp.zeros(region.size + 1, jnp.int32).at[numbers.ravel()].add(1).at[0].set(0)
    largest = region.size - sizes[::-1].argmax()
    return region & (numbers == largest)


def highest_of_run(numbers: Numbers, region: ObjectMask, axis: int) -> Numbers:
    """The highest number in each pixel's unbroken run of region pixels along one axis."""

    def join(before, after):
        (wall, high), (next_wall, higher) = before, after
        return wall | next_wall, jnp.where(next_wall, higher, jnp.maximum(high, higher))

    for reverse in (False, True):
        _, numbers = jax.lax.associative_scan(join, (~region, numbers), reverse=reverse, axis=axis)
    return numbers


def highest_of_three(numbers: Numbers, axis: int) -> Numbers:
    """The highest of each number and its two neighbours (XLA's window reduction is slow on CPU)."""
    length = numbers.shape[axis]
    padded = jnp.pad(numbers, [(1, 1) if axis == one else (0, 0) for one in range(2)])
    before, behind = (jax.lax.slice_in_dim(padded, start, start + length, axis=axis) for start in (0, 2))
    return jnp.maximum(numbers, jnp.maximum(before, behind))
