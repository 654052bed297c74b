"""Seeded weights for Flax modules: those that the goldens' PyTorch networks had."""

import jax
import jax.numpy as jnp
from golden.seeded_weights import seeded_state_dict

from pretrained.convert import to_flax, to_torch


def variable_shapes(module, size=224):
    """The shapes of a module's variables."""
    return jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, size, size, 3)))


def seeded_variables(module):
    """Fills a module by the torch names of its variables."""
    template = variable_shapes(module)
    zeros = jax.tree.map(lambda leaf: jnp.broadcast_to(jnp.zeros((), leaf.dtype), leaf.shape), template)
    shapes = {name: array.shape for name, array in to_torch(zeros).items()}
    return to_flax(seeded_state_dict(shapes), template)
