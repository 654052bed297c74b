"""Grad-CAM: the channels that speak for the class, summed (Selvaraju et al., arXiv:1610.02391).

    A, dy/dA   activation of the layer and the gradient of the class score in it
    w_k        mean of dy/dA_k over space
    saliency   relu(sum of w_k A_k), enlarged, rescaled to [0, 1]

It is Group-CAM with one group, no percentile and no vote.
"""

from __future__ import annotations

from groupcam_jax.families.class_activation import class_activation_map
from groupcam_jax.stages.channels import channel_mean
from groupcam_jax.types import Activation, Heat


@class_activation_map
def grad_cam(activation: Activation, gradient: Activation) -> Heat:
    """Grad-CAM: each channel is weighted by its mean gradient over space."""
    return (channel_mean(gradient)[None, None] * activation).sum(2)
