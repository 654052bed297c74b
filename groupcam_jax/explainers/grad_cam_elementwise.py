"""Element-wise Grad-CAM: only the products that speak for the class (Gildenblat, pytorch-grad-cam).

    A, dy/dA   activation of the layer and the gradient of the class score in it (as in arXiv:1610.02391)
    saliency   sum over k of relu(dy/dA_k A_k), enlarged, rescaled to [0, 1]

Unlike in HiResCAM, products that speak against the class are set to 0, not subtracted. It equals LayerCAM where the
activation is nowhere negative.
"""

from __future__ import annotations

import jax

from groupcam_jax.families.class_activation import class_activation_map
from groupcam_jax.types import Activation, Heat


@class_activation_map
def grad_cam_elementwise(activation: Activation, gradient: Activation) -> Heat:
    """Element-wise Grad-CAM: the sum of the positive products of gradient and activation."""
    return jax.nn.relu(gradient * activation).sum(2)
