"""How much the model still sees the class behind each mask (Group-CAM, equation 6)."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.program.flat import Program, trace
from groupcam_jax.stages.batches import Progress, map_batched
from groupcam_jax.stages.perturb import reveal
from groupcam_jax.targets import Target, bind
from groupcam_jax.types import Image, Label, Masks, Model, Params


def confidence_gain(
    confidence: Callable[[Image], Any],
    image: Image,
    hidden: Image,
    masks: Masks,
    mask_batch: int | None,
    progress: Progress = None,
) -> Float[Array, " g"]:
    """The confidence that each mask brings back to the hidden image: one batch of g + 1 forward passes.

    Args:
      confidence: image to score, see `class_confidence`.
      image: the image.
      hidden: the image without its evidence.
      masks: in [0, 1].
      mask_batch: perturbed images scored at once; None scores all, fewer need less memory.
      progress: see `stages.batches`.
    """
    masks = jnp.pad(masks, ((1, 0), (0, 0), (0, 0)))  # first a mask that reveals nothing
    scores = map_batched(lambda mask: confidence(reveal(image, hidden, mask)), masks, mask_batch, progress)
    return scores[1:] - scores[0]


def class_confidence(program: Program, params: Params, target: Target, label: Label) -> Callable[[Image], Any]:
    """Makes the function from one image to its score, which is float32 whatever the model computes in."""
    score = bind(target, label)
    traced: Any = program.images.aval
    return lambda image: score(program(params, image[None].astype(traced.dtype))[0].astype(jnp.float32))


def lower_precision(model_apply: Model, params: Params, image: Image, dtype: Any) -> tuple[Program, Params]:
    """Traces the model for weights and images of another floating dtype."""

    def cast(leaf):
        floating = hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)
        return leaf.astype(dtype) if floating else leaf

    params = jax.tree.map(cast, params)
    return trace(model_apply, params, image[None].astype(dtype)), params
