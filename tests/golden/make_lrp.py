"""Writes lrp.npz: captum's LRP of small PyTorch networks, with their weights."""

import pathlib

import numpy as np
import torch
from captum.attr import LRP
from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule, GammaRule
from torch import nn

RULES = {  # of convolutions, and of dense layers
    "epsilon": (lambda: EpsilonRule(1e-6), lambda: EpsilonRule(1e-6)),
    "large_epsilon": (lambda: EpsilonRule(0.1), lambda: EpsilonRule(0.1)),
    "gamma": (lambda: GammaRule(0.25), lambda: EpsilonRule(1e-6)),
    "z_plus": (Alpha1_Beta0_Rule, Alpha1_Beta0_Rule),
}


def network(*, normed, bias):
    """Two convolutions, both ways to pool, two dense layers."""
    norm = nn.BatchNorm2d(8) if normed else nn.Identity()
    for name, parameter in norm.state_dict().items():
        if parameter.shape:
            parameter.copy_(torch.rand(8) + 0.5 if name == "running_var" else torch.randn(8))
    first = [nn.Conv2d(3, 8, 3, padding=1, bias=bias), norm, nn.ReLU(), nn.MaxPool2d(2)]
    second = [nn.Conv2d(8, 6, 3, padding=1, bias=bias), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()]
    return nn.Sequential(*first, *second, nn.Linear(54, 10, bias=bias), nn.ReLU(), nn.Linear(10, 4, bias=bias)).eval()


torch.manual_seed(0)
written = {}
for name, (convolution, dense) in RULES.items():
    # captum's gamma and z-plus take their inputs for positive, and their biases are not those of the papers.
    model, image = network(normed=name == "epsilon", bias="epsilon" in name), torch.randn(1, 3, 12, 12)
    image = image if name == "epsilon" else image.abs()
    arrays = {key: value.clone() for key, value in model.state_dict().items() if value.shape}
    for module in model:
        if not isinstance(module, nn.ReLU):
            module.rule = {nn.Conv2d: convolution, nn.Linear: dense}.get(type(module), lambda: EpsilonRule(1e-9))()
    attribution = LRP(model).attribute(image.requires_grad_(), target=0)
    arrays |= {"image": image[0].permute(1, 2, 0), "attribution": attribution[0].permute(1, 2, 0)}
    written |= {f"{name}/{key}": value.detach().numpy() for key, value in arrays.items()}
np.savez_compressed(pathlib.Path(__file__).with_name("lrp.npz"), **written)
