"""Weighs channels by the gradient of the class score in the activation (Group-CAM, equation 1)."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from jaxtyping import Array, Float

from groupcam_jax.program.cut import Cut
from groupcam_jax.targets import Target
from groupcam_jax.types import Activation, Label, Logits

ChannelWeights: TypeAlias = Callable[[Activation], Float[Array, " k"]]


def channel_mean(gradient: Activation) -> Float[Array, " k"]:
    """The weights of the channels: the mean of the gradient over space."""
    return gradient.mean((0, 1))


def weigh_channels(
    cuts: Sequence[Cut], weigh: ChannelWeights | None, target: Target, label: int | Label | None
) -> tuple[Label, Logits, list[Activation]]:
    """Weighs the channels of each layer by the gradient of the score in it.

    Args:
      cuts: one image, cut at one or more layers.
      weigh: maps a gradient `[u, v, k]` to weights `[k]`; None uses neither gradient nor weights.
      target: the score to differentiate.
      label: class index, or None for the predicted class.

    Returns:
      The label, the logits, and w_k A_k of each layer, float32.
    """
    if weigh is None:
        return *cuts[0].classify(label), [cut.activation for cut in cuts]
    labels, logits, gradients = zip(*(cut.gradient(target, label) for cut in cuts), strict=True)
    maps = [weigh(gradient)[None, None] * cut.activation for gradient, cut in zip(gradients, cuts, strict=True)]
    return labels[0], logits[0], maps
