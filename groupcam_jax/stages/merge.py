"""Merges the masks into one saliency, each weighted by the confidence it restores (Group-CAM, equation 7)."""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.types import Masks, Saliency

Gain = Float[Array, " g"]
Merging: TypeAlias = Callable[[Gain, Masks, Masks], Saliency]


def merge(gain: Gain, masks: Masks) -> Saliency:
    """The weighted sum of the masks, where it is positive."""
    return jax.nn.relu(jnp.einsum("g,ghw->hw", gain, masks, precision=jax.lax.Precision.HIGHEST))


def merge_shown(gain: Gain, shown: Masks, enlarged: Masks) -> Saliency:
    """Merges the masks as the model saw them, in [0, 1]; a group that lowers the score votes against its mask.

    As in Algorithm 1 of the paper.
    """
    del enlarged
    return merge(gain, shown)


def merge_enlarged(gain: Gain, shown: Masks, enlarged: Masks) -> Saliency:
    """Merges the masks enlarged but not rescaled; a group that lowers the score has no vote.

    As in the authors' later code.
    """
    del shown
    return merge(jax.nn.relu(gain), enlarged)
