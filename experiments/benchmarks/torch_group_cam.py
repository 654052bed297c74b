"""Group-CAM in PyTorch (Zhang, Rao, Yang, arXiv:2103.13859): the peer that ours is compared with, for speed and values.

Written from the paper, with what PyTorch offers for speed: hooks that cut the graph at the layer, so that only the head
is differentiated, `torch.inference_mode` and all perturbed images in one batch. `batch=1` is the published code's way,
a forward pass for each mask. `released=True` is the published code's newest variant: no percentile, gains clipped at 0,
the merged masks not normalised. For speed, give a model in `torch.channels_last`.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F


def gaussian_blur(images: torch.Tensor, kernel_size: int = 51, sigma: float = 50.0) -> torch.Tensor:
    """Blurs `[n, c, h, w]` by a separable Gaussian, its border reflected; h and w above `kernel_size // 2`."""
    reach, channels = kernel_size // 2, images.shape[1]
    offsets = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    weights = torch.softmax(-0.5 * (offsets / sigma) ** 2, 0).repeat(channels, 1, 1, 1)
    images = F.pad(images, (reach,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(images, weights, groups=channels), weights.mT, groups=channels)


def unit_range(maps: torch.Tensor) -> torch.Tensor:
    """Rescales each map of `[..., h, w]` to [0, 1]; a flat map becomes zeros."""
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    return (maps - low) / torch.where(high > low, high - low, 1.0)


def class_gradient(
    model: nn.Module, layer: nn.Module, image: torch.Tensor, label: int | None, *, whole: bool
) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Returns the layer's activation `[K, u, v]`, the logit's gradient in it, and the label (predicted if None)."""
    captured = []

    def capture(_module: nn.Module, _inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        captured.append(output if whole else output.detach().requires_grad_())
        return captured[0].clone()  # what follows may work in place

    with layer.register_forward_hook(capture), torch.enable_grad():
        image = image[None].clone().requires_grad_(whole)
        logits = model(image)[0]
        label = int(logits.argmax()) if label is None else label
        gradient, *_ = torch.autograd.grad(logits[label], [*captured, *([image] if whole else [])])
    return captured[0].detach()[0].float(), gradient[0].float(), label


def group_masks(activation: torch.Tensor, gradient: torch.Tensor, groups: int) -> torch.Tensor:
    """Sums the weighted channels of each group of neighbours: `[K, u, v]` twice to masks `[g, u, v]`, not negative."""
    weighted = gradient.mean((1, 2), keepdim=True) * activation
    return torch.stack([chunk.sum(0) for chunk in weighted.chunk(groups)]).relu()


def confidence(
    model: Callable[[torch.Tensor], torch.Tensor], label: int, images: torch.Tensor, batch: int | None
) -> torch.Tensor:
    """Returns the softmax probability `[n]` of the label for images `[n, c, h, w]`, scored `batch` at a time."""
    with torch.inference_mode():
        parts = [model(part).softmax(1)[:, label] for part in images.split(batch or len(images))]
    return torch.cat(parts)


def group_cam(
    model: nn.Module,
    layer: nn.Module,
    image: torch.Tensor,
    label: int | None = None,
    *,
    groups: int = 32,
    percentile: float = 70.0,
    released: bool = False,
    batch: int | None = None,
    whole: bool = False,
    scorer: Callable[[torch.Tensor], torch.Tensor] | None = None,
    spatial: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> torch.Tensor:
    """Explains one image.

    Args:
      model: classifier in `eval` mode, its parameters free of gradients (`model.requires_grad_(False)`).
      layer: the module of `model` whose output is the activation.
      image: `[3, h, w]`, normalised as the model expects.
      label: class index; None for the predicted class.
      groups: masks, and so perturbed images.
      percentile: in each mask, values up to this percentile become 0 (the paper's version only).
      released: the newest published variant instead of the paper's.
      batch: perturbed images in a forward pass; None takes all at once.
      scorer: scores the perturbed images in the place of `model`, such as `torch.compile(model)`.
      spatial: turns the layer's output into a map `[K, u, v]`, for tokens.
      whole: differentiate down to the image, as the published code does, although the layer's gradient is all it uses.

    Returns:
      Saliency `[h, w]` in [0, 1].
    """
    activation, gradient, label = class_gradient(model, layer, image, label, whole=whole)
    if spatial is not None:
        activation, gradient = spatial(activation), spatial(gradient)
    with torch.no_grad():
        masks = group_masks(activation, gradient, groups)
        if not released:
            threshold = masks.flatten(1).quantile(percentile / 100, dim=1)[:, None, None]
            masks = masks.where(masks > threshold, 0)
        masks = F.interpolate(masks[None], image.shape[1:], mode="bilinear", align_corners=False)[0]
        shown = unit_range(masks)[:, None]
        hidden = gaussian_blur(image[None])
        perturbed = torch.cat([hidden, torch.lerp(hidden, image, shown)])
        scores = confidence(model if scorer is None else scorer, label, perturbed, batch)
        gain = scores[1:] - scores[0]
        merged = (gain.relu() @ masks.flatten(1)) if released else (gain @ shown.flatten(1)).relu()
        return unit_range(merged.reshape(image.shape[1:]))
