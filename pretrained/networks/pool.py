"""Max pooling whose backward pass is a few selections.

The gradient of XLA's own window maximum is a scatter on CPU, which takes longer than the convolutions around it.
"""

from collections.abc import Sequence
from functools import reduce

import jax
import jax.numpy as jnp
from jax import lax


def max_pool(
    x: jax.Array,
    window_shape: tuple[int, int],
    strides: tuple[int, int],
    padding: Sequence[tuple[int, int]] = ((0, 0), (0, 0)),
) -> jax.Array:
    """Pools `[n, h, w, c]`; the values, NaN too, are those of `flax.linen.max_pool`.

    Of equal values, the first in row-major order receives the gradient, as in PyTorch.
    """
    for axis in (2, 1):  # along the rows first, so that ties go to the first in row-major order
        size, stride, pads = window_shape[axis - 1], strides[axis - 1], padding[axis - 1]
        borders = [(0, 0, 0)] * x.ndim
        borders[axis] = (*pads, 0)
        padded = lax.pad(x, jnp.array(-jnp.inf, x.dtype), borders)
        last = (padded.shape[axis] - size) // stride * stride
        x = reduce(_larger, (lax.slice_in_dim(padded, i, i + last + 1, stride, axis) for i in range(size)))
    return x


def _larger(first: jax.Array, second: jax.Array) -> jax.Array:
    return jnp.where((second > first) | jnp.isnan(second), second, first)
