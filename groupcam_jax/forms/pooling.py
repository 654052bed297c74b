"""Max pooling whose backward pass is a few selections.

The gradient of XLA's own window maximum is a scatter on CPU: it takes 3 to 9 times as long, longer than the
convolutions around it.
"""

from collections.abc import Sequence
from functools import reduce

import jax
import jax.numpy as jnp
from jax import lax


def max_pool(
    x: jax.Array, window: Sequence[int], strides: Sequence[int], padding: Sequence[tuple[int, int]]
) -> jax.Array:
    """Takes the maximum over a window along all axes; the values, NaN too, are those of `jax.lax.reduce_window`.

    Of equal values, the first in row-major order receives the gradient, as in XLA and PyTorch.
    """
    for axis in reversed(range(x.ndim)):  # along the rows first, so that ties go to the first in row-major order
        size, stride, pads = window[axis], strides[axis], padding[axis]
        borders = [(0, 0, 0)] * x.ndim
        borders[axis] = (*pads, 0)
        padded = lax.pad(x, jnp.array(-jnp.inf, x.dtype), borders)
        last = (padded.shape[axis] - size) // stride * stride
        x = reduce(_larger, (lax.slice_in_dim(padded, i, i + last + 1, stride, axis) for i in range(size)))
    return x


def _larger(first: jax.Array, second: jax.Array) -> jax.Array:
    return jnp.where((second > first) | jnp.isnan(second), second, first)
