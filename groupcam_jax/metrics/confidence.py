"""What the metrics of a classifier begin with: a saliency that fits, and the score that they follow."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from groupcam_jax.explainer import check_image
from groupcam_jax.program.flat import trace
from groupcam_jax.stages.score import class_confidence
from groupcam_jax.targets import Target, resolve_label
from groupcam_jax.types import Image, Model, Params, Scalar


def check_saliency(image: Any, saliency: Any) -> None:
    """Raises ValueError unless these are one floating image `[h, w, c]` and a saliency `[h, w]` of its size."""
    check_image(image)
    if jnp.shape(saliency) != jnp.shape(image)[:2]:
        raise ValueError(f"saliency {[*jnp.shape(saliency)]} does not fit the image {[*jnp.shape(image)]}")


def confidence_like(
    model_apply: Model, params: Params, score: Target, image: Image, label: Any
) -> Callable[[Image], Scalar]:
    """Makes the function from an image of this size to the score of one class, by default the one predicted here.

    Raises:
      ValueError: no such class.
    """
    program = trace(model_apply, params, image[None])
    return class_confidence(program, params, score, resolve_label(label, program(params, image[None])[0]))
