"""Hides the evidence in images, and reveals part of it through masks (Group-CAM, equation 5).

A baseline maps an image `[h, w, c]` and a key to an image of that shape; if it is not random, it ignores the key.
"""

import functools
import inspect
from collections.abc import Callable
from typing import TypeAlias

import dm_pix
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from groupcam_jax.checks import require_key
from groupcam_jax.types import Image, Mask, PRNGKey

Baseline: TypeAlias = Callable[[Image, PRNGKey | None], Image]


def gaussian_blur(kernel_size: int = 51, sigma: float = 50.0) -> Baseline:
    """The image blurred beyond recognition; the border mirrors the image, as in the authors' code.

    Raises:
      ValueError: kernel_size even or below 1, sigma not positive.
    """
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size={kernel_size}: expected an odd number of pixels, at least 1")
    if not sigma > 0:
        raise ValueError(f"sigma={sigma}: expected a positive number of pixels")

    def blur(image: Image, key: PRNGKey | None) -> Image:
        del key  # deterministic
        rows, columns = (blur_matrix(side, kernel_size, sigma).astype(image.dtype) for side in image.shape[:2])
        # Two matrix products: on CPU the convolutions of 51 pixels took longer than the network (80 times as long).
        return jnp.einsum("ih,jw,hwc->ijc", rows, columns, image, precision=jax.lax.Precision.HIGHEST)

    return blur


def blur_matrix(side: int, kernel_size: int, sigma: float) -> np.ndarray:
    """The blur of one axis, `[side, side]`: DM-Pix's kernel, and the border mirrored."""
    mirrored = np.pad(np.eye(side, dtype=np.float32), ((kernel_size // 2,) * 2, (0, 0)), mode="reflect")
    shifted = (mirrored[shift : shift + side] for shift in range(kernel_size))
    kernel = blur_kernel(kernel_size, float(sigma))
    return np.asarray(sum(weight * line for weight, line in zip(kernel, shifted, strict=True)), np.float32)


@functools.cache
def blur_kernel(kernel_size: int, sigma: float) -> np.ndarray:
    """DM-Pix's kernel, float32 `[kernel_size]`, of sum 1: its blur of one bright pixel."""
    line = np.zeros((2 * kernel_size - 1, kernel_size, 1), np.float32)
    line[kernel_size - 1] = 1
    blur = jax.jit(lambda line: dm_pix.gaussian_blur(line, sigma, kernel_size, padding="VALID"))
    # Compiled, so that it runs while a caller is traced; exact also where products round their operands, as on a TPU.
    with jax.disable_jit(False), jax.default_matmul_precision("highest"):
        return np.asarray(blur.lower(line).compile()(line))[:, 0, 0]


def constant(value: float = 0.0) -> Baseline:
    """An image of one value, in the units of the normalised image: 0 is the mean colour of most models."""
    return lambda image, key: jnp.full_like(image, value)


def darkest(image: Image, key: PRNGKey | None) -> Image:
    """An image of the lowest value that the image holds."""
    del key  # deterministic
    return jnp.full_like(image, image.min())


def brightest(image: Image, key: PRNGKey | None) -> Image:
    """An image of the highest value that the image holds."""
    del key  # deterministic
    return jnp.full_like(image, image.max())


def noise(scale: float = 1.0) -> Baseline:
    """Gaussian noise around 0 of this standard deviation, in the units of the normalised image."""

    def draw(image: Image, key: PRNGKey | None) -> Image:
        return scale * draw_normal(require_key(key, "noise"), image)

    return draw


def background(images: Float[jax.Array | np.ndarray, "n h w c"]) -> Baseline:
    """One of these images, drawn at random, prepared as the image that is explained.

    Raises:
      ValueError: not one or more floating images `[n, h, w, c]`.
    """
    shape, dtype = jnp.shape(images), jnp.result_type(images)
    if len(shape) != 4 or 0 in shape or not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(
            f"a background is one or more images [n, h, w, c], floating, normalised as the model expects them, "
            f"got {dtype}{[*shape]}"
        )

    def draw(image: Image, key: PRNGKey | None) -> Image:
        chosen = jax.random.randint(require_key(key, "background"), (), 0, shape[0], jnp.int32)
        return jnp.asarray(images, image.dtype)[chosen]

    return draw


def hide(baseline: Baseline, image: Image, key: PRNGKey | None) -> Image:
    """The image without its evidence.

    Raises:
      TypeError: the baseline is not a function of an image and a key.
      ValueError: it does not return an image of the same shape.
    """
    try:
        inspect.signature(baseline).bind(image, key)
    except TypeError:
        raise TypeError(
            f"a baseline is a function (image, key) -> image, such as constant(0.0), got {baseline!r:.80}; "
            "of an image that you have: lambda image, key: yours"
        ) from None
    hidden = baseline(image, key)
    if jnp.shape(hidden) != image.shape:
        raise ValueError(
            f"the baseline returned {[*jnp.shape(hidden)]} for an image {[*image.shape]}; expected its shape"
        )
    hidden = jnp.asarray(hidden, image.dtype)
    return jnp.where(False, image, hidden)  # varies over the mesh axes that the image does, inside a `shard_map`


def reveal(image: Image, hidden: Image, mask: Mask) -> Image:
    """Shows the image where the mask is 1 and the hidden one where it is 0."""
    mask = mask[:, :, None]
    return image * mask + hidden * (1 - mask)


def add_noise(image: Image, scale: float, key: PRNGKey) -> Image:
    """Adds Gaussian noise whose standard deviation is a share of the image's range of values (arXiv:1706.03825)."""
    spread = (scale * (image.max() - image.min())).astype(image.dtype)
    return image + spread * draw_normal(key, image)


def draw_normal(key: PRNGKey, image: Image) -> Image:
    """Gaussian noise in the shape and dtype of an image; drawn in float32, whatever JAX's default dtype."""
    return jax.random.normal(key, image.shape, jnp.float32).astype(image.dtype)
