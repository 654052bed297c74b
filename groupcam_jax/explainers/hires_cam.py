"""HiResCAM: the gradient times the activation, place by place (Draelos and Carin, arXiv:2011.08891).

    A, dy/dA   activation of the layer and the gradient of the class score in it
    saliency   relu(sum over k of dy/dA_k A_k), enlarged, rescaled to [0, 1]

No mean is taken. If the head is linear in A, the map before the relu sums to the score (up to the bias).
"""

from __future__ import annotations

from groupcam_jax.families.class_activation import class_activation_map
from groupcam_jax.types import Activation, Heat


@class_activation_map
def hires_cam(activation: Activation, gradient: Activation) -> Heat:
    """HiResCAM: each place weighs its channels by its own gradient."""
    return (gradient * activation).sum(2)
