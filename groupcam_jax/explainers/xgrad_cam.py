"""XGrad-CAM: the gradient averaged where the channel is active (Fu et al., arXiv:2008.02312).

    A, dy/dA   activation of the layer and the gradient of the class score in it
    w_k        sum of dy/dA_k A_k over space / sum of A_k over space
    saliency   relu(sum of w_k A_k), enlarged, rescaled to [0, 1]

Grad-CAM with a mean weighted by the activation. A channel that sums to 0 has weight 0; published code adds 1e-7 to the
sum instead.
"""

from __future__ import annotations

from groupcam_jax.division import divided
from groupcam_jax.families.class_activation import class_activation_map
from groupcam_jax.types import Activation, Heat


@class_activation_map
def xgrad_cam(activation: Activation, gradient: Activation) -> Heat:
    """XGrad-CAM: the channel weights are gradient means, weighted by the activation."""
    weights = divided((gradient * activation).sum((0, 1)), activation.sum((0, 1)))
    return (weights[None, None] * activation).sum(2)
