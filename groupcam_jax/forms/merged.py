"""A form that is chosen by how many images there are, those that `jax.vmap` adds included."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import jax
from jax.custom_batching import custom_vmap

Bilinear: TypeAlias = Callable[[jax.Array, jax.Array], jax.Array]  # of x `[n, h, w, c]` and a kernel `[i, j, d, k]`


def merged(few: Bilinear, many: Bilinear) -> Bilinear:
    """The function `few`, but `many` under `jax.vmap`, whose images are then one batch.

    Both compute the same. The result has no derivative: it is for values alone.
    """
    function, many = custom_vmap(few), jax.jit(many)  # traced once for all convolutions alike

    @function.def_vmap
    def of_batch(size: int, mapped: Sequence[bool], x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, bool]:
        if mapped[1]:
            return jax.vmap(many, [0 if one else None for one in mapped])(x, kernel), True
        y = many(x.reshape(-1, *x.shape[2:]), kernel)
        return y.reshape(size, -1, *y.shape[1:]), True

    return function
