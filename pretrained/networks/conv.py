"""`lax.conv_general_dilated` with faster forms of the three convolutions that image classifiers are made of.

- 1x1: a matrix product over the channels (every platform); with a stride, of the pixels that it does not skip, on CPU
  only: XLA for GPUs (jax 0.10 and 0.11) fuses those pixels into the product and aborts the process.
- 3x3 at stride 1 in float32: Winograd's algorithm, on CPU only, where it is up to three times as fast; accelerators
  have their own. Derivatives are the library's, of the convolution itself.
- depthwise in float32: shifted products, on CPU only.
- anything else: the library's convolution.

The derivative in the image is written so that its transpose, the backward pass, has its kernel in the plain layout. As
JAX writes it, XLA's CPU compiler uses another layout within loops, which takes twice the time. A strided convolution of
an image, which has few channels, runs its backward pass by phases (`subpixel.py`), in a third of the time; that of a
depthwise one is a sum of shifted products as well.

For the `conv_general_dilated` field of `flax.linen.Conv`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pretrained.networks.depthwise import shifted_products, transposed_products
from pretrained.networks.subpixel import transposed_convolution
from pretrained.networks.winograd import winograd

_NHWC = lax.ConvDimensionNumbers((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))


def conv_general_dilated(
    lhs, rhs, window_strides, padding, lhs_dilation=None, rhs_dilation=None, dimension_numbers=None, **options
) -> jax.Array:
    """Convolves; arguments, shapes and errors are those of `jax.lax.conv_general_dilated`."""
    library = partial(
        lax.conv_general_dilated,
        window_strides=window_strides,
        padding=padding,
        lhs_dilation=lhs_dilation,
        rhs_dilation=rhs_dilation,
        dimension_numbers=dimension_numbers,
        **options,
    )
    numbers = lax.conv_dimension_numbers(lhs.shape, rhs.shape, dimension_numbers)
    dilated = any(d != 1 for d in (*(lhs_dilation or ()), *(rhs_dilation or ())))
    groups, batch_groups = options.pop("feature_group_count", 1), options.pop("batch_group_count", 1)
    plain = all(option is None for option in options.values())  # phases and products support none, such as a precision
    depthwise = plain and groups == lhs.shape[3] == rhs.shape[3] and lhs.dtype == rhs.dtype == jnp.float32
    if numbers != _NHWC or dilated or batch_groups != 1 or not (groups == 1 or depthwise):
        return library(lhs, rhs)

    kernel_size, strides = rhs.shape[:2], tuple(window_strides)
    pads = lax.padtype_to_pads(lhs.shape[1:3], kernel_size, strides, padding) if isinstance(padding, str) else padding
    pads = [(before, after) for before, after in pads]

    def derivative_by(transpose: Callable[..., jax.Array], dx: jax.Array, kernel: jax.Array) -> jax.Array:
        """The derivative in the image whose own transpose is the given one."""
        transpose = partial(transpose, kernel=kernel, padding=pads, shape=dx.shape)
        return jax.linear_transpose(transpose, jax.eval_shape(library, dx, kernel))(dx)[0]

    if depthwise:
        products = partial(shifted_products, strides=strides, padding=pads)

        def product(x: jax.Array, kernel: jax.Array) -> jax.Array:
            return jnp.asarray(lax.platform_dependent(x, kernel, cpu=products, default=library))

        def derivative_of_product(dx: jax.Array, kernel: jax.Array) -> jax.Array:
            by_products = partial(derivative_by, partial(transposed_products, strides=strides))
            return jnp.asarray(lax.platform_dependent(dx, kernel, cpu=by_products, default=library))

        return _with_derivative(product, derivative_of_product, product, lhs, rhs)
    if kernel_size == (1, 1) and pads == [(0, 0), (0, 0)]:

        def product_of_channels(x: jax.Array, kernel: jax.Array) -> jax.Array:
            kept = lax.slice(x, (0, 0, 0, 0), x.shape, (1, *strides, 1))
            return lax.dot_general(kept, kernel[0, 0], (((3,), (0,)), ((), ())), **options)

        if strides == (1, 1):
            return product_of_channels(lhs, rhs)

        def sliced(x: jax.Array, kernel: jax.Array) -> jax.Array:
            return jnp.asarray(lax.platform_dependent(x, kernel, cpu=product_of_channels, default=library))

        return _with_derivative(sliced, sliced, sliced, lhs, rhs)
    tile = _winograd_tile(lhs, rhs)
    if kernel_size == (3, 3) and strides == (1, 1) and pads == [(1, 1), (1, 1)] and tile:
        values = partial(lax.platform_dependent, cpu=partial(winograd, tile=tile), default=library)
    else:
        values = library

    def derivative(dx: jax.Array, kernel: jax.Array) -> jax.Array:
        return library(dx, kernel.swapaxes(2, 3), dimension_numbers=("NHWC", "HWOI", "NHWC"))

    if plain and strides[0] == strides[1] > 1 and lhs.shape[3] < 8:
        derivative = partial(derivative_by, partial(transposed_convolution, stride=strides[0]))
    return _with_derivative(values, derivative, library, lhs, rhs)


def _winograd_tile(x: jax.Array, kernel: jax.Array) -> int | None:
    """The tile measured fastest on CPU for a map of this size; None if the library's convolution is faster."""
    size, channels = min(x.shape[1:3]), min(kernel.shape[2:])
    if x.dtype != jnp.float32 or kernel.dtype != jnp.float32 or channels < 128 or size < 8:
        return None
    return 4 if size >= 24 else 2


def _with_derivative(
    values: Callable[..., Any],
    derivative: Callable[..., jax.Array],
    in_kernel: Callable[..., jax.Array],
    x: jax.Array,
    kernel: jax.Array,
) -> jax.Array:
    """The convolution `values`, with `derivative(dx, kernel)` in x and `in_kernel(x, dkernel)` in the kernel."""

    @jax.custom_jvp
    def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return values(x, kernel)

    convolve.defjvps(
        lambda dx, _, x, kernel: derivative(dx, kernel), lambda dkernel, _, x, kernel: in_kernel(x, dkernel)
    )
    return convolve(x, kernel)
