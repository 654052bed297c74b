"""What the networks trained on ImageNet share: the normalisation of pictures and the names of the classes."""

from typing import Any

import jax.numpy as jnp

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def normalize(pixels: Any) -> Any:
    """uint8 `[h, w, 3]` to zero mean and unit variance over ImageNet's pictures, a channel at a time."""
    mean, std = (jnp.asarray(value)[None, None] for value in (MEAN, STD))
    return (jnp.asarray(pixels, jnp.float32) / 255 - mean) / std


def class_names():
    return [str(i) for i in range(1000)]
