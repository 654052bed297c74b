"""An activation's first principal component, as a map."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.types import Activation


def principal_map(maps: Activation) -> Float[Array, "u v"]:
    """Projects each place on the direction in which the channels vary most over space.

    It is an eigenvector of the inner products of the places [u v, u v] or of the channels [k, k], whichever are fewer.
    Of its two signs the one is taken that agrees with the sum of the channels. Maps that do not vary give 0.
    """
    height, width, channels = maps.shape
    places = maps.reshape(height * width, channels)
    places = places - places.mean(0, keepdims=True)
    scale = jnp.abs(places).max()
    places = places / jnp.where(scale == 0, 1, scale)  # products of small numbers would vanish
    if channels < height * width:
        _, directions = jnp.linalg.eigh(jnp.matmul(places.T, places, precision="highest"))
        projection = jnp.matmul(places, directions[:, -1], precision="highest")
    else:
        variances, directions = jnp.linalg.eigh(jnp.matmul(places, places.T, precision="highest"))
        projection = directions[:, -1] * jnp.sqrt(jnp.maximum(variances[-1], 0))
    agreement = jnp.dot(projection, places.sum(1), precision="highest")
    return jnp.where(agreement < 0, -projection, projection).reshape(height, width)
