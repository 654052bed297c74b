"""Reduces an attribution `[h, w, c]`, a share of the score per pixel and channel, to a saliency `[h, w]`."""

from collections.abc import Callable
from typing import TypeAlias

import jax.numpy as jnp

from groupcam_jax.division import at_most_one
from groupcam_jax.stages.masks import unit_range
from groupcam_jax.types import Attribution, Saliency

Reduction: TypeAlias = Callable[[Attribution], Saliency]


def largest_magnitude(attribution: Attribution) -> Saliency:
    """The largest magnitude of a pixel's channels, rescaled to [0, 1] (Simonyan et al., arXiv:1312.6034)."""
    return unit_range(jnp.abs(attribution).max(2))


def total_magnitude(attribution: Attribution) -> Saliency:
    """The sum of the magnitudes of a pixel's channels, rescaled to [0, 1]."""
    return unit_range(jnp.abs(attribution).sum(2))


def signed(attribution: Attribution) -> Saliency:
    """The sum of a pixel's channels divided by the largest such magnitude: in [-1, 1], positive for the class."""
    total = attribution.sum(2)
    return at_most_one(total)
