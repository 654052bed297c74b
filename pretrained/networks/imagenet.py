"""ImageNet: the names of its classes, and torchvision's normalisation of its pictures."""

from dataclasses import dataclass
from importlib.resources import files

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike


@dataclass(frozen=True)
class Normalization:
    """Scales uint8 `[h, w, 3]` to zero mean and unit variance over the pictures of a data set, per channel.

    Attributes:
      mean: of red, green and blue from 0 to 1 over those pictures.
      std: their standard deviations.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, pixels: ArrayLike) -> Array:
        mean, std = (jnp.asarray(value)[None, None] for value in (self.mean, self.std))
        return (jnp.asarray(pixels, jnp.float32) / 255 - mean) / std


normalize = Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def class_names() -> list[str]:
    """The names of the 1,000 classes in the usual order, as Keras spells them."""
    return [name for _, name in class_index()]


def class_index() -> list[tuple[str, str]]:
    """The WordNet id and the name of each of the 1,000 classes."""
    lines = files("pretrained.networks").joinpath("imagenet_classes.txt").read_text("utf-8").splitlines()
    return [(line[:9], line[10:]) for line in lines]
