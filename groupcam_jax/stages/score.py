"""How much the model still sees the class behind each mask (Group-CAM, equation 6)."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.batches import Progress, map_batched
from groupcam_jax.stages.perturb import reveal
from groupcam_jax.types import Image, Masks, Scalar


def confidence_gain(
    confidence: Callable[[Image], Scalar],
    image: Image,
    hidden: Image,
    masks: Masks,
    mask_batch: int | None,
    progress: Progress = None,
) -> Float[Array, " g"]:
    """The confidence that each mask restores to the hidden image, from g + 1 forward passes.

    Args:
      confidence: image to score, see `Cut.confidence`.
      image: the image.
      hidden: the image without its evidence.
      masks: in [0, 1].
      mask_batch: perturbed images scored at once; None scores all, fewer need less memory.
      progress: see `batches`.
    """
    masks = jnp.pad(masks, ((1, 0), (0, 0), (0, 0)))  # the first mask reveals nothing
    scores = map_batched(lambda mask: confidence(reveal(image, hidden, mask)), masks, mask_batch, progress)
    return scores[1:] - scores[0]
