"""LayerCAM: every place weighs its channels by its own positive gradient (Jiang et al., 2021).

    A, dy/dA   activation of the layer and the gradient of the class score in it
    saliency   relu(sum over k of relu(dy/dA_k) A_k), enlarged, rescaled to [0, 1]

IEEE Transactions on Image Processing 30, doi:10.1109/TIP.2021.3089943; it sharpens the maps of early layers. It equals
Grad-CAM (arXiv:1610.02391) where the gradient is constant in space and nowhere negative.
"""

from __future__ import annotations

import jax

from groupcam_jax.families.class_activation import class_activation_map
from groupcam_jax.types import Activation, Heat


@class_activation_map
def layer_cam(activation: Activation, gradient: Activation) -> Heat:
    """LayerCAM: every place weighs its channels by its own positive gradient."""
    return (jax.nn.relu(gradient) * activation).sum(2)
