"""The forms of a convolution, by platform and by its shapes.

On CUDA, in any type: a convolution of few channels with a stride, as in the first layer, in blocks of the stride. On
CPU, in float32: see `groupcam_jax.forms.on_cpu`.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from groupcam_jax.forms.blocks import block_convolution, suits
from groupcam_jax.forms.form import Form
from groupcam_jax.forms.on_cpu import form_on_cpu


def forms_of(
    images: jax.ShapeDtypeStruct,
    kernel: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    groups: int,
    precision: Any,
) -> dict[str, Form]:
    """The forms of a convolution by platform, without those where it is XLA's own.

    Args:
      images: their shape `[n, h, w, c]` and their type.
      kernel: the shape of the kernel, `[rows, columns, c / groups, k]`.
      strides: along rows and columns.
      padding: zeros before and after x along rows and columns.
      groups: of channels.
      precision: of the products, as in `jax.lax.conv_general_dilated`.
    """
    forms = {}
    if groups == 1 and suits(kernel, strides):
        blocks = partial(block_convolution, strides=strides, padding=padding, precision=precision)
        forms["cuda"] = Form(blocks, blocks)
    precise = precision not in (None, lax.Precision.DEFAULT, (lax.Precision.DEFAULT,) * 2)
    on_cpu = form_on_cpu(images.shape, kernel, strides, padding, groups, precise=precise)
    if images.dtype == jnp.float32 and on_cpu is not None:
        forms["cpu"] = on_cpu
    return forms
