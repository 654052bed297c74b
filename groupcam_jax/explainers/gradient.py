"""Gradient: how the class score changes with every pixel (Simonyan et al., arXiv:1312.6034).

attribution   dy/dx
saliency      its largest magnitude over the channels, rescaled to [0, 1]
"""

from __future__ import annotations

from groupcam_jax.families.attribution import attribution_method
from groupcam_jax.families.reductions import largest_magnitude
from groupcam_jax.types import Attribution, Image


@attribution_method(largest_magnitude)
def gradient(image: Image, gradient: Attribution) -> Attribution:
    """Gradient: how the class score changes with every pixel."""
    del image
    return gradient
