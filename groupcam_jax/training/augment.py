"""The augmentation that the command line names."""

import functools
from typing import Any

import jax.numpy as jnp

from groupcam_jax.augmentation import in_training, saliency_augmentation
from groupcam_jax.methods import METHODS, fix_options
from groupcam_jax.training.step import Augment
from groupcam_jax.training.trainable import Trainable


def find_augmentation(
    name: str,
    network: Trainable,
    groups: int | None,
    defaults: dict[str, object],
    threshold: float | None,
    share: float,
) -> Augment | None:
    """The augmentation of this name, see `saliency_augmentation`.

    Raises:
      ValueError: no such method, an option that it has not, or a value out of range.
    """
    if name == "none":
        return None
    name = name.replace("_", "-")
    if name not in METHODS:
        raise ValueError(f"--augment {name}: there is none of this name; there are none, {', '.join(METHODS)}")
    method: Any = fix_options([name], {"groups": groups}, defaults)[name]
    if name == "group-cam":
        method = functools.partial(in_training, **method.keywords)
    level = jnp.mean if threshold is None else functools.partial(jnp.quantile, q=threshold)

    def augment(params, item, key):
        one = saliency_augmentation(network.apply, params, method=method, threshold=level, share=share)
        return one(item.image, item.label, key=key)

    return augment
