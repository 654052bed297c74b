"""A classifier whose reasons are known: it sees one object, and nothing else matters."""

import jax.numpy as jnp

OBJECT = jnp.zeros((12, 12)).at[2:6, 3:9].set(1)
MASK = OBJECT.astype(bool)
IMAGE = jnp.ones((12, 12, 3))


def sees_object(params, images):
    """Class 1 has as much of a logit as the object is bright: -5 for a black one, 5 for a white one."""
    del params
    bright = (images.mean(3) * OBJECT[None]).sum((1, 2)) / OBJECT.sum()
    return jnp.stack([jnp.zeros_like(bright), 10 * bright - 5], axis=1)
