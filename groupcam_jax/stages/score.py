"""How much the model still sees the class behind a mask (Group-CAM, equations 5 and 6)."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from groupcam_jax.batches import Progress, map_batched
from groupcam_jax.program.cut import Cut
from groupcam_jax.stages.perturb import Baseline, hide, reveal
from groupcam_jax.targets import Target
from groupcam_jax.types import Image, Label, Mask, Masks, PRNGKey, Scalar


def masked_confidence(
    cut: Cut, image: Image, baseline: Baseline, key: PRNGKey | None, score: Target, label: Label
) -> Callable[[Mask], Scalar]:
    """Returns the function from a mask in [0, 1] to the score of what it reveals of the image.

    Raises:
      TypeError, ValueError: a baseline that does not fit, see `hide`.
    """
    image = image.astype(jnp.float32)
    hidden, confidence = hide(baseline, image, key), cut.confidence(score, label)
    return lambda mask: confidence(reveal(image, hidden, mask))


def confidence_gain(
    confidence: Callable[[Mask], Scalar], masks: Masks, mask_batch: int | None, progress: Progress
) -> Float[Array, " g"]:
    """The confidence that each mask restores to the hidden image, from g + 1 forward passes.

    Args:
      confidence: see `masked_confidence`.
      masks: in [0, 1].
      mask_batch: perturbed images scored at once; None suits the device, see `batches`.
      progress: see `batches`.
    """
    masks = jnp.pad(masks, ((1, 0), (0, 0), (0, 0)))  # the first mask reveals nothing
    scores = without_rounding(map_batched(confidence, masks, mask_batch, progress))
    return scores[1:] - scores[0]


def without_rounding(scores: Num[Array, " n"]) -> Num[Array, " n"]:
    """The scores, all of them the first where they differ by no more than float32 rounds.

    Batches of different sizes are computed in different orders, so that equal images differ in the last bits. A map
    rescaled by its maximum would show these differences as large as any.
    """
    rounding = 8 * jnp.finfo(jnp.float32).eps * jnp.abs(scores).max()
    return jnp.where(scores.max() - scores.min() <= rounding, scores[:1], scores)
