"""ImageNet: the names of its classes, and torchvision's normalisation of its pictures."""

from importlib.resources import files

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def normalize(pixels: ArrayLike) -> Array:
    """Scales uint8 `[h, w, 3]` to zero mean and unit variance over ImageNet's pictures, per channel."""
    mean, std = (jnp.asarray(value)[None, None] for value in (MEAN, STD))
    return (jnp.asarray(pixels, jnp.float32) / 255 - mean) / std


def class_names() -> list[str]:
    """The names of the 1,000 classes in the usual order, as Keras spells them."""
    return [name for _, name in class_index()]


def class_index() -> list[tuple[str, str]]:
    """The WordNet id and the name of each of the 1,000 classes."""
    lines = files("pretrained.networks").joinpath("imagenet_classes.txt").read_text("utf-8").splitlines()
    return [(line[:9], line[10:]) for line in lines]
