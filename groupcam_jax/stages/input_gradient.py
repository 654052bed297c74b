"""The gradient of a class score in the image itself."""

from typing import Any

import jax.numpy as jnp

from groupcam_jax.program.flat import Program
from groupcam_jax.stages.channels import score_gradient
from groupcam_jax.targets import Target
from groupcam_jax.types import Attribution, Image, Label, Logits, Params


def input_gradient(
    program: Program, params: Params, image: Image, target: Target, label: Any
) -> tuple[Label, Logits, Attribution]:
    """Differentiates a score in the image: one forward pass and one backward.

    Args:
      program: the model, for one image; its backward rules may have been replaced.
      params: the model's weights.
      image: `[h, w, c]`.
      target: the score to differentiate.
      label: class index, or None for the predicted class.

    Returns:
      The label, the logits and the gradient `[h, w, c]`, float32.
    """
    label, logits, gradient = score_gradient(
        lambda params, images, _: program(params, images), params, image[None], (), target, label
    )
    return label, logits, gradient.astype(jnp.float32)
