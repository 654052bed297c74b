"""Augments training pictures by what the network itself finds salient (Zhang et al., arXiv:2103.13859, section 5).

    M        saliency of the picture x for its true class, by Group-CAM with 16 groups, without gradients and percentile
    m        1 where M reaches its mean, else 0
    x~       m x + (1 - m) blur(x)                                        equation 5; it trains the network

The authors' code mixes pictures by another formula; this is the paper's. Where the map is flat it says nothing, and the
picture stays as it is: there a mask of "above the mean" would hide all of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from groupcam_jax.checks import require_key
from groupcam_jax.explainers.group_cam import group_cam
from groupcam_jax.stages.perturb import Baseline, gaussian_blur, hide, reveal
from groupcam_jax.types import Explainer, Image, Label, Model, Params, PRNGKey, Saliency, Scalar

Threshold = Callable[[Saliency], Scalar]
in_training = functools.partial(group_cam, groups=16, channel_weights=None, percentile=None)


@runtime_checkable
class Augmentation(Protocol):
    """Augments one picture, see `saliency_augmentation`."""

    def __call__(self, image: Image, label: int | Label | None = None, *, key: PRNGKey | None = None) -> Image: ...


def saliency_augmentation(
    model_apply: Model,
    params: Params,
    *,
    method: Callable[..., Explainer[Any, Any]] = in_training,
    threshold: Threshold = jnp.mean,
    baseline: Baseline = gaussian_blur(kernel_size=51, sigma=50.0),
    share: float = 1.0,
    **options: Any,
) -> Augmentation:
    """Builds the augmentation of a classifier: `groups` + 2 forward passes for each picture, no backward pass.

    Args:
      model_apply: the classifier as it is evaluated, see `Model`; batch norm by its stored statistics.
      params: its weights, any pytree; may be traced.
      method: the builder of the explainer whose map is the mask.
      threshold: the value from which on a saliency `[h, w]` is shown: `jnp.mean`, or
        `functools.partial(jnp.quantile, q=0.8)` for a fixed share of the pixels.
      baseline: what takes the place of the rest, `(image, key) -> image`.
      share: of the pictures that are augmented, drawn by the key; the others stay as they are.
      **options: of the method, such as `groups=16`, `mask_batch=4` or `layer="layer4"`.

    Returns:
      `augment(image, label=None, *, key=None)`: one picture `[h, w, c]` to one like it; for a batch use `jax.vmap`.
      Without a label the predicted class is shown. No gradient passes through it. The picture is NaN where the
      explainer's map is: for a traced label out of range, or a picture that is not finite.

    Raises:
      ValueError: share outside [0, 1]; in `augment`, a threshold of several numbers, and as in the explainer.
      TypeError: an option that the method does not have; in `augment`, no key where something is drawn.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share={share}: expected a share of the pictures, from 0 to 1")
    if "has_aux" in options:
        raise TypeError("saliency_augmentation takes the saliency alone; leave has_aux out")
    explain = method(model_apply, params, **options)

    def augment(image, label=None, *, key=None):
        kept_key, method_key, baseline_key = (None, None, None) if key is None else jax.random.split(key, 3)
        saliency = explain(image, label, key=method_key)
        level = threshold(saliency)
        if jnp.shape(level) != ():
            raise ValueError(f"the threshold returned {[*jnp.shape(level)]} for a saliency [h, w]; expected one number")
        lowest = saliency.min()
        # Of a map that is 0 in most places, a quantile may be 0 too: what is lowest is shown in a flat map alone.
        salient = jnp.where(level > lowest, saliency >= level, saliency > lowest) | (saliency.max() == lowest)
        mask = salient.astype(image.dtype)
        shown = reveal(image, hide(baseline, image, baseline_key), mask)
        shown = jnp.where(jnp.isnan(saliency).any(), jnp.nan, shown)
        if share < 1:
            chosen = jax.random.bernoulli(require_key(kept_key, "saliency_augmentation(share=...)"), share)
            shown = jnp.where(chosen, shown, image)
        return jax.lax.stop_gradient(shown)

    return augment
