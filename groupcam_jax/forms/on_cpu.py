"""The form of a float32 convolution on CPU, by its shapes.

- Windows that do not overlap (1x1, patches): one matrix product.
- 3x3 at stride 1 of at least 64 channels: Winograd's algorithm, for values alone. Images that `vmap` adds always take
  it. Without `vmap` a small convolution stays as it is, because compiling costs more than is gained.
- Groups of at most eight channels (depthwise: one): shifted products.
- Few channels and a stride, as in the first layer: the backward pass by the phases of the stride. Few channels or a
  stride: the backward pass as one product whose results are added where windows overlap.
- Other convolutions in one group are computed by XLA as they are; only their backward pass differs: where the kernel is
  larger than the images, these are turned by half in its place. Wider groups have no form.

The backward pass of each is the transpose of `derivative`. In one group it is written so that the transpose has its
kernel in the plain layout. As JAX writes it, XLA's CPU compiler uses another one within loops, which takes 2 to 5 times
as long.

Measured (2 cores of an AMD EPYC, JAX 0.10.2, 8 images, forward and backward, times as fast as XLA's): depthwise 3x3
24 and 32, 5x5 17 and 19, 7x7 17 and 15; 32 groups of four channels 13 and 1; 1x1 1.4 to 1.9 and 1.3 to 2.2; patches
of 16 pixels 1.5 and 16; of 2 pixels 1.6 and 1.2; 3x3 with 256 channels 2.3 and, in a loop, 4.5. Winograd's algorithm
with 11 images: 56 pixels and 64 channels 2.2, 28 and 128 3.0, 14 and 256 2.3, 7 and 512 1.3; one image of 28 pixels and
256 channels 2.1. The backward pass of 3x3 with a stride of 2, one image: from 14 pixels and 512 channels 3.2, 28 and
256 1.4, 56 and 128 1.1; of 3x3 from 3 channels to 64, of 224 pixels 4.5, eight images of it 2.2.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
from jax import lax

from groupcam_jax.forms.form import Bilinear, Form
from groupcam_jax.forms.merged import merged
from groupcam_jax.forms.overlapping import overlapping_products
from groupcam_jax.forms.patches import patch_products
from groupcam_jax.forms.phases import transposed_convolution
from groupcam_jax.forms.shifted import shifted_products, transposed_products
from groupcam_jax.forms.spread import spread
from groupcam_jax.forms.turned import turned_convolution
from groupcam_jax.forms.winograd import winograd

FEWEST_PRODUCTS = 5e8  # fewer take 5 ms as they are; Winograd's algorithm takes half a second to compile
MOST_TAPS = 72  # terms of a sum: more would take long to compile


def form_on_cpu(
    shape: Sequence[Any],
    kernel: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    groups: int,
    *,
    precise: bool,
) -> Form | None:
    """The form of a float32 convolution on CPU, None for XLA's own.

    Args:
      shape: of the images, `[n, h, w, c]`; n may be symbolic, in an exported program.
      kernel: the shape of the kernel, `[rows, columns, c / groups, k]`.
      strides: along rows and columns.
      padding: zeros before and after x along rows and columns.
      groups: of channels.
      precise: whether Winograd's algorithm is left out, whose rounding errors are larger.
    """
    rows, columns, inputs, outputs = kernel
    plain: Bilinear = partial(
        lax.conv_general_dilated,
        window_strides=strides,
        padding=padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )

    def transposed(transpose: Callable[..., jax.Array]) -> Bilinear:
        """The derivative in x whose own transpose is the given one."""

        def derivative(dx: jax.Array, kernel: jax.Array) -> jax.Array:
            back = partial(transpose, kernel=kernel, padding=padding, shape=dx.shape)
            return jax.linear_transpose(back, jax.eval_shape(plain, dx, kernel))(dx)[0]

        return derivative

    def transposed_spread(transpose: Bilinear) -> Bilinear:
        """The same, where the transpose takes a cotangent that is spread."""
        return transposed(
            lambda dy, kernel, padding, shape: transpose(spread(dy, kernel, strides, padding, shape), kernel)
        )

    if groups > 1:
        if inputs > 8 or rows * columns * inputs > MOST_TAPS:
            return None
        depthwise = inputs == 1 and outputs == groups
        derivative = transposed_spread(transposed_products) if depthwise else plain
        return Form(partial(shifted_products, strides=strides, padding=padding), derivative)
    if rows <= strides[0] and columns <= strides[1] and not any(map(any, padding)):
        products = partial(patch_products, strides=strides)
        return Form(products, products)
    if strides[0] == strides[1] > 1 and shape[3] < 8:
        return Form(plain, transposed(partial(transposed_convolution, stride=strides[0])))

    def in_plain_layout(dx: jax.Array, kernel: jax.Array) -> jax.Array:
        turned = kernel.swapaxes(2, 3)
        return lax.conv_general_dilated(dx, turned, strides, padding, dimension_numbers=("NHWC", "HWOI", "NHWC"))

    # Images that vmap adds are not counted: with eight of them this is no slower (7 to 14 pixels wide).
    places = math.prod(shape[1:3]) * (shape[0] if isinstance(shape[0], int) else 1)
    derivative: Bilinear = in_plain_layout
    if (math.prod(strides) > 1 or inputs < 8) and rows * columns <= MOST_TAPS:
        derivative = transposed(partial(overlapping_products, strides=strides))
    elif math.prod(kernel) > places * (inputs + outputs):
        derivative = transposed_spread(turned_convolution)
    size = min(shape[1:3])
    bordered = (rows, columns, *strides) == (3, 3, 1, 1) and all(pads == (1, 1) for pads in padding)
    if precise or not bordered or min(inputs, outputs) < 64 or size < 7:
        return Form(plain, derivative)
    tiled = partial(winograd, tile=4 if size > 10 else 2)
    few = plain if places * math.prod(kernel) < FEWEST_PRODUCTS else tiled
    return Form(merged(few, tiled), derivative)
