"""The cotangent of a convolution, laid out so that its transpose is a convolution at stride 1 without a border."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax


def spread(
    dy: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    shape: tuple[int, ...],
) -> jax.Array:
    """Puts s - 1 zeros between the values of dy along each axis, s its stride, and a border around them.

    Args:
      dy: the cotangent of the output, `[n, i, j, k]`.
      kernel: of any channels, `[rows, columns, ...]`.
      strides: along rows and columns.
      padding: zeros before and after x along rows and columns; negative numbers crop.
      shape: of x, `[n, h, w, c]`.

    Returns:
      `[n, h + rows - 1, w + columns - 1, k]`.
    """
    borders = []
    for taps, size, outputs, stride, (before, _) in zip(
        kernel.shape, shape[1:3], dy.shape[1:3], strides, padding, strict=False
    ):
        ahead = taps - 1 - before
        borders.append((ahead, size + before - max(0, (outputs - 1) * stride + 1), stride - 1))
    return lax.pad(dy, jnp.zeros((), dy.dtype), [(0, 0, 0), *borders, (0, 0, 0)])
