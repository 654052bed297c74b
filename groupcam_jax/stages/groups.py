"""Pools channels into groups and makes each group's first mask (Group-CAM, equation 2).

A grouping maps the weighted activation `[u, v, k]`, a number of groups and a key to a membership matrix `[k, g]`. It
may return fewer groups than asked for; if it is not random, it ignores the key.
"""

import functools
from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from groupcam_jax.checks import require_key
from groupcam_jax.division import divided
from groupcam_jax.on_host import on_host
from groupcam_jax.types import Activation, Masks, PRNGKey

Membership = Float[Array, "k g"]
Grouping: TypeAlias = Callable[[Activation, int, PRNGKey | None], Membership]


def contiguous(maps: Activation, groups: int, key: PRNGKey | None) -> Membership:
    """Groups of ceil(k / groups) adjacent channels; the last one may be smaller, as in `torch.chunk`."""
    del key  # deterministic
    channels = maps.shape[-1]
    size = -(-channels // groups)
    return jax.nn.one_hot(jnp.arange(channels) // size, -(-channels // size), dtype=maps.dtype)


def kmeans(iterations: int = 10) -> Grouping:
    """Groups channels whose maps look alike: Lloyd's algorithm on the maps, scaled to unit length.

    The first centers are drawn as in k-means++ (Arthur and Vassilvitskii, 2007). A cluster that loses all its channels
    keeps its center and becomes a dead group.
    """

    def group(maps: Activation, groups: int, key: PRNGKey | None) -> Membership:
        key = require_key(key, "kmeans")
        points = jax.lax.stop_gradient(maps.reshape(-1, maps.shape[-1]).T)
        length = jnp.linalg.norm(points, axis=1, keepdims=True)
        points = points / jnp.where(length == 0, 1, length)
        return nearest(points, settle_centers(points, draw_centers(points, groups, key), iterations))

    return group


def ward() -> Grouping:
    """Groups channels whose maps are close: agglomerative clustering that merges the pair adding least variance.

    Ward's method (1963), as in the authors' released code, which uses scikit-learn. We use SciPy, which comes with
    JAX, on the host: it cannot be exported. It is deterministic.
    """

    def group(maps: Activation, groups: int, key: PRNGKey | None) -> Membership:
        del key  # deterministic
        points = jax.lax.stop_gradient(maps.reshape(-1, maps.shape[-1]).T)
        finite = jnp.where(jnp.isfinite(points), points, 0)  # for a broken image the explainer returns NaN
        labels = points[:, 0].astype(jnp.int32)  # of their type, also inside a `shard_map`
        members = on_host("Ward's grouping", cluster, labels, finite, np.int32(groups))
        return jax.nn.one_hot(members, groups, dtype=maps.dtype)

    return group


def cluster(points: Array | np.ndarray, groups: Array | np.ndarray) -> np.ndarray:
    """Labels points `[k, d]` from 0 on by Ward's method, on the host."""
    from scipy.cluster.hierarchy import fcluster, linkage  # half a second, which only Ward should pay

    if len(points) == 1:  # nothing to link
        return np.zeros(1, np.int32)
    return fcluster(linkage(np.asarray(points, np.float64), "ward"), int(groups), "maxclust").astype(np.int32) - 1


@functools.partial(jax.jit, static_argnames="groups")  # else every eager call compiles its loop
def draw_centers(points: Float[Array, "k d"], groups: int, key: PRNGKey) -> Float[Array, "g d"]:
    """Draws centers from points of unit length, with odds equal to the squared distance to those drawn before."""

    def draw(distance, key):
        odds = jnp.where(distance.sum() == 0, 1, distance)
        center = points[jax.random.categorical(key, jnp.log(odds))]
        return jnp.minimum(distance, jnp.sum((points - center[None]) ** 2, axis=1)), center

    farthest = jnp.full_like(points[:, 0], 4.0)
    return jax.lax.scan(draw, farthest, jax.random.split(key, groups))[1]


@functools.partial(jax.jit, static_argnames="iterations")  # likewise
def settle_centers(points: Float[Array, "k d"], centers: Float[Array, "g d"], iterations: int) -> Float[Array, "g d"]:
    """Moves centers to clusters of the points: Lloyd's algorithm."""
    return jax.lax.fori_loop(0, iterations, lambda _, centers: move_centers(points, centers), centers)


def move_centers(points: Float[Array, "k d"], centers: Float[Array, "g d"]) -> Float[Array, "g d"]:
    """Moves each center to the mean of the points nearest to it."""
    members = nearest(points, centers)
    return divided(members.T @ points, members.sum(0)[:, None], otherwise=centers)


def nearest(points: Float[Array, "k d"], centers: Float[Array, "g d"]) -> Membership:
    """Assigns each point to its nearest center."""
    products = jnp.matmul(points, centers.T, precision=jax.lax.Precision.HIGHEST)
    distance = jnp.sum(centers**2, axis=1)[None] - 2 * products
    return jax.nn.one_hot(distance.argmin(1), centers.shape[0], dtype=points.dtype)


def group_masks(maps: Activation, members: Membership) -> Masks:
    """Sums the maps of each group and keeps the positive part."""
    total = jnp.einsum("uvk,kg->guv", maps, members, precision=jax.lax.Precision.HIGHEST)
    return jax.nn.relu(total)


def check_groups(groups: int, maps: Activation, layer: str) -> None:
    """Raises ValueError if there are more groups than channels; the message names the layer."""
    if groups > (most := maps.shape[-1]):
        raise ValueError(f"groups={groups} but layer {layer} has {most} channels; choose at most {most}")
