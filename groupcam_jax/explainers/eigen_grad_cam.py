"""Eigen-Grad-CAM: what the channels show most of that bears on the class (pytorch-grad-cam).

    A, dy/dA   activation of the layer and the gradient of the class score in it
    B          dy/dA A, as u v places of k channels, each channel less its mean
    v          the first right singular vector of B
    saliency   relu(B v), enlarged, rescaled to [0, 1]

EigenCAM (arXiv:2008.00299) of the gradient times the activation, with its choice of sign.
"""

from __future__ import annotations

from groupcam_jax.explainers.eigen_cam import principal_map
from groupcam_jax.families.class_activation import class_activation_map
from groupcam_jax.types import Activation, Heat


@class_activation_map
def eigen_grad_cam(activation: Activation, gradient: Activation) -> Heat:
    """Eigen-Grad-CAM: the first principal component of the gradient times the activation."""
    return principal_map(gradient * activation)
