"""What each arm of the comparison shows the network in place of a training picture.

    plain        the picture
    group-cam    what Group-CAM finds salient for its class, the rest blurred (section 5 of the paper)
    box          a random box of the same area: is it the saliency, or any hiding?
    blobs        random blobs of the same area
    grad-cam     what Grad-CAM finds salient
    true mask    the object alone: what a perfect map would do; only where the data have outlines

The arm is a number among the weights, so that one compiled program serves all of them.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from groupcam_jax import gaussian_blur, grad_cam
from groupcam_jax.augmentation import in_training
from groupcam_jax.stages.perturb import reveal
from groupcam_jax.training.step import Item
from groupcam_jax.types import Classifier, Image, Params, PRNGKey, Scalar

ARMS = ("plain", "group-cam", "box", "blobs", "grad-cam", "true mask")
BLOBS = 6  # of random values on a side, between which blobs are interpolated
Shown = Bool[Array, "h w"]


def with_arms(classifier: Classifier) -> Classifier:
    """The classifier with the number of an arm among its weights, which it does not read."""
    apply = classifier.apply
    params = {"arm": jnp.int32(0), "network": classifier.params}
    return classifier._replace(apply=lambda params, images: apply(params["network"], images), params=params)


def augmentation(classifier: Classifier, outlined: bool, mask_batch: int | None) -> Any:
    """The augmentation of all arms, see `training_step`; the weights say which.

    Args:
      classifier: from `with_arms`.
      outlined: whether the data have the outlines that the true mask needs.
      mask_batch: see `group_cam`.
    """
    blur = gaussian_blur(kernel_size=51, sigma=50.0)

    def salient(method: Any, params: Params, item: Item) -> Shown:
        saliency = method(classifier.apply, params, layer=classifier.layer)(item.image, item.label)
        return saliency >= saliency.mean()

    def by_group_cam(params: Mapping[str, Any], item: Item, key: PRNGKey) -> Shown:
        shown = salient(lambda *model, layer: in_training(*model, layer=layer, mask_batch=mask_batch), params, item)
        others = [lambda: shown, lambda: random_box(shown, key), lambda: random_blobs(shown, key)]
        return jax.lax.switch(params["arm"] - 1, others)

    def augment(params: Mapping[str, Any], item: Item, key: PRNGKey) -> Image:
        branches = [
            lambda: jnp.ones(item.image.shape[:2], bool),
            lambda: by_group_cam(params, item, key),
            lambda: salient(grad_cam, params, item),
            lambda: item.mask if outlined else jnp.ones(item.image.shape[:2], bool),
        ]
        branch = jnp.array([0, 1, 1, 1, 2, 3], jnp.int32)[params["arm"]]
        shown = jax.lax.switch(branch, branches).astype(item.image.dtype)
        return reveal(item.image, blur(item.image, None), shown)

    return augment


def random_box(like: Shown, key: PRNGKey) -> Shown:
    """A box of the same area anywhere, up to twice as wide as high or as high as wide."""
    height, width = like.shape
    area, dice = like.mean(), jax.random.uniform(key, (3,))
    wide = jnp.clip(jnp.sqrt(area * 4 ** (dice[0] - 0.5)), area, 1)
    high = area / jnp.where(wide == 0, 1, wide)
    left, top = dice[1] * (1 - wide), dice[2] * (1 - high)
    rows, columns = (jnp.arange(height) + 0.5) / height, (jnp.arange(width) + 0.5) / width
    inside = (rows >= top) & (rows <= top + high), (columns >= left) & (columns <= left + wide)
    return inside[0][:, None] & inside[1]


def random_blobs(like: Shown, key: PRNGKey) -> Shown:
    """Smooth blobs of the same area."""
    field = jax.image.resize(jax.random.normal(key, (BLOBS, BLOBS)), like.shape, "cubic")
    return field >= quantile(field, 1 - like.mean())


def quantile(field: Array, share: Scalar) -> Scalar:
    """The value that this share of a field lies below."""
    return jnp.where(share > 0, jnp.quantile(field, share), -jnp.inf)
