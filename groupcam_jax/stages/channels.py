"""Which channels speak for the class: the gradient of its score in the activation (Group-CAM, equation 1)."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.program.split import Head
from groupcam_jax.targets import Target, bind, resolve_label
from groupcam_jax.types import Activation, Label, Logits, Params


def score_gradient(
    head: Head, params: Params, activation: Float[Array, "1 u v k"], skips: Any, target: Target, label: Any
) -> tuple[Label, Logits, Activation]:
    """Differentiates a score in the activation of one image.

    Args:
      head: the model above the layer, from `split`.
      params: the model's weights.
      activation: `[1, u, v, k]`.
      skips: what bypasses the layer.
      target: the score to differentiate.
      label: class index, or None for the predicted class.

    Returns:
      The label, the logits and the gradient, which is all NaN where the score is: a traced label out of range has a
      score of NaN, but its gradient alone would be zero.

    Raises:
      ValueError: a bad concrete label, or a target that is not scalar.
    """
    logits, pull_back = jax.vjp(lambda activation: head(params, activation, skips)[0], activation)
    label = resolve_label(label, logits)
    score, slope = jax.value_and_grad(bind(target, label))(logits)
    (gradient,) = pull_back(slope)
    return label, logits, jnp.where(jnp.isnan(score), jnp.nan, gradient[0])


def grad_cam_heat(activation: Activation, gradient: Activation) -> Float[Array, "u v"]:
    """What speaks for the class: relu(sum of w_k A_k), float32 (arXiv:1610.02391, equations 1 and 2)."""
    activation, gradient = activation.astype(jnp.float32), gradient.astype(jnp.float32)
    return jax.nn.relu((channel_mean(gradient)[None, None] * activation).sum(2))


def channel_mean(gradient: Activation) -> Float[Array, " k"]:
    """The weights of the channels: the mean of the gradient over space."""
    return gradient.mean((0, 1))
