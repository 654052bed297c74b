"""Grid pointing game: does a mosaic's map lie on the picture of its class (Böhle et al., arXiv:2104.00032)?

    mosaic   n x n pictures of different classes, each of which the model is sure of, side by side
    score    the share of the positive saliency that lies on the picture of the class; chance is 1 / n^2

It needs no boxes, but a model that takes larger images. A model may well look beyond the picture of the class, so that
a true map need not score 1 (Rao et al., arXiv:2205.10435, who also cut the model's view).
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.checks import check_count
from groupcam_jax.types import Images, Saliency


def mosaic(images: Images) -> Float[Array, "rows columns c"]:
    """Puts n * n images of one size side by side, in reading order.

    Args:
      images: `[n * n, h, w, c]`, of different classes.

    Returns:
      `[n * h, n * w, c]`.

    Raises:
      ValueError: their number is not a square.
    """
    count, height, width, channels = images.shape
    side = math.isqrt(count)
    if side == 0 or side**2 != count:
        raise ValueError(f"{count} images do not fill a square; expected 4, 9, ...")
    rows = images.reshape(side, side, height, width, channels).swapaxes(1, 2)
    return rows.reshape(side * height, side * width, channels)


def cell_energy(saliency: Saliency, side: int) -> Float[Array, " cells"]:
    """The share of the positive saliency that lies in each picture of a mosaic.

    Args:
      saliency: of a mosaic and one of its classes, of any range.
      side: how many pictures stand in a row, n.

    Returns:
      `[n * n]` in [0, 1], in the order of `mosaic`: that of the class is the score. Their sum is 1, or 0 if nothing is
      positive. NaN for a map that is not finite.

    Raises:
      ValueError: side below 1, or the map is not that of so many pictures.
    """
    check_count("side", side)
    height, width = saliency.shape
    if height % side or width % side:
        raise ValueError(f"saliency {[height, width]} is not that of a mosaic of {side} x {side} pictures")
    positive = jax.nn.relu(saliency.astype(jnp.float32))
    positive = positive / jnp.where(positive.max() == 0, 1, positive.max())
    cells = positive.reshape(side, height // side, side, width // side).sum((1, 3)).ravel()
    shares = cells / jnp.where(cells.sum() == 0, 1, cells.sum())
    return jnp.where(jnp.isfinite(saliency).all(), shares, jnp.nan)
