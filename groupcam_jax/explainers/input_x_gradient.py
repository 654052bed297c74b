"""Input x gradient: the first-order share of every pixel in the score (Shrikumar et al., arXiv:1605.01713).

    attribution   x dy/dx
    saliency      the sum of its magnitudes over the channels, rescaled to [0, 1]

For a ReLU network without biases it is the integrated gradients from a baseline of 0.
"""

from __future__ import annotations

from groupcam_jax.families.attribution import attribution_method
from groupcam_jax.families.reductions import total_magnitude
from groupcam_jax.types import Attribution, Image


@attribution_method(total_magnitude)
def input_x_gradient(image: Image, gradient: Attribution) -> Attribution:
    """Input x gradient: the share of every pixel in the score, to first order."""
    return image * gradient
