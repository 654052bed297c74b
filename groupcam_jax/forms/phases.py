"""The transpose of a strided convolution: one convolution per phase of the stride (Shi et al., arXiv:1609.07009).

    dx[s q + r] = sum over d of dy[q - d] w[s d + r + p]        r = 0 .. s - 1, p the padding

along each axis: pixels with the same r see the same taps of the kernel w. Plain transposition puts s - 1 zeros between
the values of dy, and multiplies by them.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax


def transposed_convolution(
    dy: jax.Array, kernel: jax.Array, stride: int, padding: Sequence[tuple[int, int]], shape: tuple[int, ...]
) -> jax.Array:
    """Transposes `conv(x, kernel)` with respect to x.

    Args:
      dy: the cotangent of the output, `[n, i, j, k]`.
      kernel: `[rows, columns, c, k]`.
      stride: s, the same for rows and columns.
      padding: zeros before and after x along rows and columns.
      shape: of x, `[n, h, w, c]`.

    Returns:
      `[n, h, w, c]`.
    """
    n, height, width, channels = shape
    taps, windows = [], []
    for size, length, outputs, (before, _) in zip(kernel.shape, (height, width), dy.shape[1:3], padding, strict=False):
        first, last = -((stride - 1 + before) // stride), (size - 1 - before) // stride  # d
        taps.append((-(stride * first + before), stride * (last + 1) - 1 + before - (size - 1), 0))
        windows.append((last, -(-length // stride) - first - outputs))
    kernel = lax.pad(kernel, jnp.zeros((), kernel.dtype), [*taps, (0, 0, 0), (0, 0, 0)])
    rows, columns = (size // stride for size in kernel.shape[:2])
    kernel = kernel.reshape(rows, stride, columns, stride, channels, -1).transpose(0, 2, 5, 1, 3, 4)
    kernel = kernel.reshape(rows, columns, -1, stride * stride * channels)[::-1, ::-1]
    phases = lax.conv_general_dilated(dy, kernel, (1, 1), windows, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    _, rows, columns, _ = phases.shape
    dx = phases.reshape(n, rows, columns, stride, stride, channels).transpose(0, 1, 3, 2, 4, 5)
    return dx.reshape(n, rows * stride, columns * stride, channels)[:, :height, :width]
