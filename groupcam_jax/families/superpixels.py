"""Superpixels: segments of like colour and of about one size, clusters of colour and place (Achanta et al., 2012)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from groupcam_jax.checks import check_count, check_positive
from groupcam_jax.stages.groups import nearest, settle_centers
from groupcam_jax.types import Image


def superpixels(count: int = 50, *, compactness: float = 1.0) -> Callable[[Image], Bool[Array, "s h w"]]:
    """Segments an image as SLIC does (doi:10.1109/TPAMI.2012.120), in the compiled program.

    The number of segments depends on the shape of the image alone. Unlike in SLIC a pixel may join any cluster, not
    only a close one, and parts of a segment that lie apart are not given to others.

    Args:
      count: about how many.
      compactness: what the side of a segment counts, in standard deviations of the colours: higher values make squares.

    Returns:
      A function from an image `[h, w, c]` to masks, bool `[s, h, w]`, of which each pixel is in one.

    Raises:
      ValueError: count below 1, compactness not positive.
    """
    check_count("count", count)
    check_positive("compactness", compactness, ", such as 1.0")
    return functools.partial(segment, count=count, compactness=compactness)


def segment(image: Image, count: int, compactness: float) -> Bool[Array, "s h w"]:
    """The superpixels of an image."""
    height, width = image.shape[:2]
    rows = min(height, max(1, round(math.sqrt(count * height / width))))
    columns = min(width, max(1, round(count / rows)))
    image = jax.lax.stop_gradient(image.astype(jnp.float32))
    spread = image.std((0, 1)).mean()
    colours = image / jnp.where(spread == 0, 1, spread)
    down, across = (jnp.arange(side, dtype=jnp.float32) + 0.5 for side in (height, width))
    places = jnp.stack(jnp.meshgrid(down * rows / height, across * columns / width, indexing="ij"), axis=-1)
    points = jnp.concatenate([colours, compactness * places], axis=-1)
    middles = [
        ((2 * jnp.arange(number) + 1) * side) // (2 * number) for number, side in ((rows, height), (columns, width))
    ]
    centers = points[middles[0]][:, middles[1]].reshape(rows * columns, -1)
    points = points.reshape(height * width, -1)
    members = nearest(points, settle_centers(points, centers, iterations=10))
    return members.T.reshape(-1, height, width) > 0
