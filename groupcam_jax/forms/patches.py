"""Convolution whose windows do not overlap, as one matrix product: 1x1, and the patches of a vision transformer."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax


def patch_products(x: jax.Array, kernel: jax.Array, strides: Sequence[int]) -> jax.Array:
    """Convolves `[n, h, w, c]` with `[rows, columns, c, k]`, not larger than the strides, over no border."""
    n, height, width, channels = x.shape
    rows, columns, _, outputs = kernel.shape
    down, across = (height - rows) // strides[0] + 1, (width - columns) // strides[1] + 1
    if (rows, columns) == (1, 1):
        x = lax.slice(x, (0, 0, 0, 0), x.shape, (1, *strides, 1))
    else:
        missing = [down * strides[0] - height, across * strides[1] - width]  # negative: rows that no window reaches
        x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((0, lack, 0) for lack in missing), (0, 0, 0)])
        x = x.reshape(n, down, strides[0], across, strides[1], channels)[:, :, :rows, :, :columns]
        x = x.transpose(0, 1, 3, 2, 4, 5).reshape(n, down, across, -1)
    return x @ kernel.reshape(-1, outputs)
