"""What `user_networks` measures, in PyTorch: channels-last, all masks, samples or steps in one batch."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.benchmarks.compiled import LABEL, SIZE
from experiments.benchmarks.user_models import Network


def pytorch(network: Network, groups: int, samples: int, pixels_per_step: int) -> dict[str, Callable[[], Any]]:
    """Functions that explain an image of random values, or measure a map of it, by what is measured."""
    import torch
    from transformers import AutoConfig, AutoModelForImageClassification

    from experiments.benchmarks import torch_curves, torch_group_cam, torch_networks

    if network.torch_class in torch_networks.NETWORKS:
        model: Any = torch_networks.NETWORKS[network.torch_class][0]()
    else:
        b0 = {"width_coefficient": 1.0, "depth_coefficient": 1.0, "hidden_dim": 1280}
        sizes = b0 if network.torch_class == "efficientnet" else {}
        config = AutoConfig.for_model(network.torch_class, num_labels=1000, **sizes)
        model = torch_networks.Logits(AutoModelForImageClassification.from_config(config))
    model = model.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    image = torch.from_numpy(np.random.default_rng(1).standard_normal((3, SIZE, SIZE), np.float32))
    grid = as_grid if network.tokens else None

    def of_image() -> Any:
        shown = image[None].clone().requires_grad_()
        return torch.autograd.grad(model(shown)[0, LABEL], shown)

    def of_noise() -> Any:
        shown = (image + 0.15 * torch.randn(samples, *image.shape)).requires_grad_()
        return torch.autograd.grad(model(shown)[:, LABEL].sum(), shown)[0].mean(0)

    layer = model.get_submodule(network.torch_layer)
    cam = functools.partial(torch_group_cam.group_cam, model, layer, image, LABEL, groups=groups, spatial=grid)
    curves = functools.partial(
        torch_curves.insertion_deletion, model, image, image[0], LABEL, pixels_per_step=pixels_per_step
    )
    return {
        "Group-CAM": cam,
        "gradient": of_image,
        "SmoothGrad": of_noise,
        "insertion and deletion": torch.inference_mode()(curves),
    }


def as_grid(tokens: Any) -> Any:
    """Tokens `[1 + n, k]` as a map `[k, sqrt n, sqrt n]`."""
    side = round((len(tokens) - 1) ** 0.5)
    return tokens[1:].T.reshape(-1, side, side)
