"""Convolution in groups of few channels as a sum of shifted products, one for each tap and channel of a group.

    y[i, j, k] = sum over a, b, d of x[s i + a - p, s j + b - p, group(k) + d] w[a, b, d, k]

XLA's CPU compiler fuses the sum into one loop. Its own grouped convolution takes 5 to 30 times as long if the groups
are single channels, and 3 to 12 times with 8 to 4 (32 groups, 3x3).

The compiler takes such a sum for cheap, and computes it again in each loop that reads it: before a layer norm three
times, in a backward pass up to eight. It does not look into the branches of a conditional, so the sum is one of them.
The condition never holds, which the barrier hides from the compiler. Without it Group-CAM of ConvNeXt-T takes 1.17
times as long, SmoothGrad 1.3 times, that of EfficientNet-B0 and MobileNetV2 1.15 and 1.1 times (2 cores of an AMD EPYC,
JAX 0.10.2). The branches keep the kernel alone for the backward pass: each tap would be a result of the conditional.

The transpose of a depthwise one, which backward passes run, is such a sum as well: of the cotangent, with s - 1 zeros
between its values, and the kernel turned around. JAX would transpose product by product and add up padded arrays.
"""

import operator
from collections.abc import Iterator, Sequence
from functools import reduce

import jax
import jax.numpy as jnp
from jax import lax


def shifted_products(
    x: jax.Array, kernel: jax.Array, strides: Sequence[int], padding: Sequence[tuple[int, int]]
) -> jax.Array:
    """Convolves `[n, h, w, c]` with a kernel `[rows, columns, d, k]`, in c / d groups."""
    padded = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((*pads, 0) for pads in padding), (0, 0, 0)])
    n, height, width, channels = padded.shape
    rows, columns, inputs, outputs = kernel.shape
    repeats = outputs * inputs // channels  # outputs of a group

    def products(padded: jax.Array, kernel: jax.Array) -> Iterator[jax.Array]:
        for place in range(inputs):
            of_groups = padded[..., place::inputs] if inputs > 1 else padded
            shown = jnp.repeat(of_groups, repeats, axis=3) if repeats > 1 else of_groups
            for row in range(rows):
                for column in range(columns):
                    stop = (n, height - rows + row + 1, width - columns + column + 1, outputs)
                    shifted = lax.slice(shown, (0, row, column, 0), stop, (1, *strides, 1))
                    yield shifted * kernel[row, column, place][None, None, None]

    def total(padded: jax.Array, kernel: jax.Array) -> jax.Array:
        return reduce(operator.add, products(padded, kernel))

    def first(padded: jax.Array, kernel: jax.Array) -> jax.Array:
        return next(products(padded, kernel))

    branches = [jax.checkpoint(branch, prevent_cse=False) for branch in (first, total)]
    return lax.cond(lax.optimization_barrier(False), *branches, padded, kernel)


def transposed_products(dy: jax.Array, kernel: jax.Array) -> jax.Array:
    """Transposes a depthwise `shifted_products(x, kernel, ...)` with respect to x, of a cotangent that is `spread`."""
    return shifted_products(dy, lax.rev(kernel, (0, 1)), (1, 1), [(0, 0), (0, 0)])
