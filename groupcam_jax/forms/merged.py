"""A form that is chosen by how many images there are, those that `jax.vmap` adds included."""

from collections.abc import Sequence

import jax
from jax.custom_batching import custom_vmap

from groupcam_jax.forms.form import Bilinear


def merged(few: Bilinear, many: Bilinear) -> Bilinear:
    """A function that computes as `few` does, and under `jax.vmap` as `many` does, with all images in one batch.

    It has no derivative: it is for the values of a form alone.

    Args:
      few: of x `[n, h, w, c]` and a kernel `[i, j, c, k]`, to `[n, h', w', k]`.
      many: the same function, computed in another way.
    """
    function, many = custom_vmap(few), jax.jit(many)  # traced once for all convolutions alike

    @function.def_vmap
    def of_batch(size: int, mapped: Sequence[bool], x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, bool]:
        if mapped[1]:
            return jax.vmap(many, [0 if one else None for one in mapped])(x, kernel), True
        y = many(x.reshape(-1, *x.shape[2:]), kernel)
        return y.reshape(size, -1, *y.shape[1:]), True

    return function
