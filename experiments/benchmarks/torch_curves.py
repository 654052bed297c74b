"""Insertion and deletion in PyTorch (arXiv:1806.07421): the peer of `groupcam_jax.metrics.insertion_deletion`."""

import torch
from torch import nn

from experiments.benchmarks.torch_group_cam import confidence, gaussian_blur


def insertion_deletion(
    model: nn.Module,
    image: torch.Tensor,
    saliency: torch.Tensor,
    label: int,
    *,
    pixels_per_step: int,
    batch: int | None = None,
) -> torch.Tensor:
    """Measures the map of one image.

    Args:
      model: classifier in `eval` mode.
      image: `[3, h, w]`, normalised as the model expects.
      saliency: `[h, w]`; its most salient pixels are shown, or hidden, first.
      label: class index.
      pixels_per_step: pixels that change from one score to the next; the last step may have fewer.
      batch: images in a forward pass; None takes all at once.

    Returns:
      The area under the insertion curve, from a blurred image, minus that under the deletion curve, to zeros.
    """
    order = saliency.flatten().argsort(stable=True, descending=True)
    rank = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
    steps = torch.arange(-(-len(order) // pixels_per_step) + 1, device=order.device)
    changed = (rank // pixels_per_step).reshape(saliency.shape) < steps[:, None, None, None]
    inserted = torch.where(changed, image, gaussian_blur(image[None]))
    deleted = torch.where(changed, torch.zeros_like(image), image)
    scores = confidence(model, label, torch.cat([inserted, deleted]), batch)
    places = (steps * pixels_per_step).clamp(max=len(order)) / len(order)
    insertion, deletion = torch.trapezoid(scores.reshape(2, -1), places)
    return insertion - deletion
