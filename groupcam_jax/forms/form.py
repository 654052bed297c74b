"""What a form of a convolution is."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax

Bilinear: TypeAlias = Callable[[jax.Array, jax.Array], jax.Array]  # of x `[n, h, w, c]` and a kernel `[i, j, d, k]`


class Form(NamedTuple):
    """How a convolution computes its values, and its derivative in x: the same function, whose transpose may differ."""

    values: Bilinear
    derivative: Bilinear
