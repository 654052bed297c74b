"""captum's form of our methods, with the options that ours have on the command line: peers for speed and values.

captum returns the attribution `[1, c, h, w]`; ours also makes it a saliency. What is set so that both compute the same:

- Saliency and SmoothGrad keep signs (`abs=False`): SmoothGrad averages gradients, not their magnitudes.
- Integrated gradients take the middle of each step; captum's own choice is Gauss-Legendre, at the same cost.
- Occlusion is given probabilities. It has the windows of ours, and the mean drop of those that cover a pixel; ours also
  takes the positive part.
- Grad-CAM is enlarged bilinearly, in Guided Grad-CAM too, where captum would take the nearest cell.
- SmoothGrad draws other noise, of the same deviation.

captum changes the backward rule of `torch.nn.ReLU` modules alone, by hooks. The networks of `torch_networks` have no
other, and neither that they work in place nor that a block calls one module three times disturbs the hooks.
"""

from collections.abc import Callable
from typing import Any

import torch
from captum.attr import (
    Deconvolution,
    GuidedBackprop,
    GuidedGradCam,
    InputXGradient,
    IntegratedGradients,
    LayerAttribution,
    LayerGradCam,
    NoiseTunnel,
    Occlusion,
    Saliency,
)
from torch import nn

Peer = Callable[[nn.Module, nn.Module, torch.Tensor, int], Any]
STEPS = SAMPLES = 50
BATCH = 5  # `step_batch` and `sample_batch` of ours
NOISE = 0.15
WINDOW, STRIDE, MASK_BATCH = 32, 16, 16


def grad_cam(model: nn.Module, layer: nn.Module, image: torch.Tensor, label: int) -> Any:
    """The map of the layer, enlarged."""
    heat: Any = LayerGradCam(model, layer).attribute(image, label, relu_attributions=True)
    return LayerAttribution.interpolate(heat, tuple(image.shape[2:]), "bilinear")


def occlusion(model: nn.Module, layer: nn.Module, image: torch.Tensor, label: int) -> Any:
    """What the probability loses."""
    del layer  # the whole model is asked
    return Occlusion(lambda images: model(images).softmax(1)).attribute(
        image,
        sliding_window_shapes=(3, WINDOW, WINDOW),
        strides=(3, STRIDE, STRIDE),
        target=label,
        perturbations_per_eval=MASK_BATCH,
    )


def integrated_gradients(model: nn.Module, layer: nn.Module, image: torch.Tensor, label: int) -> Any:
    """From a baseline of 0."""
    del layer  # down to the image
    return IntegratedGradients(model).attribute(
        image, target=label, n_steps=STEPS, method="riemann_middle", internal_batch_size=BATCH
    )


def smooth_grad(model: nn.Module, layer: nn.Module, image: torch.Tensor, label: int) -> Any:
    """The mean gradient of noisy copies."""
    del layer  # down to the image
    return NoiseTunnel(Saliency(model)).attribute(
        image,
        nt_type="smoothgrad",
        nt_samples=SAMPLES,
        nt_samples_batch_size=BATCH,
        stdevs=NOISE * (image.max() - image.min()).item(),
        target=label,
        abs=False,
    )


# By the names of the command line; each takes `(model, layer, image [1, 3, h, w] that requires its gradient, label)`.
PEERS: dict[str, Peer] = {
    "grad-cam": grad_cam,
    "occlusion": occlusion,
    "gradient": lambda model, _, image, label: Saliency(model).attribute(image, label, abs=False),
    "input-x-gradient": lambda model, _, image, label: InputXGradient(model).attribute(image, label),
    "smooth-grad": smooth_grad,
    "integrated-gradients": integrated_gradients,
    "guided-backprop": lambda model, _, image, label: GuidedBackprop(model).attribute(image, label),
    "deconvolution": lambda model, _, image, label: Deconvolution(model).attribute(image, label),
    "guided-grad-cam": lambda model, layer, image, label: GuidedGradCam(model, layer).attribute(
        image, label, interpolate_mode="bilinear"
    ),
}
