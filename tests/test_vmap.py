"""A batch is a vmap."""

import jax
import jax.numpy as jnp
import numpy as np
from table import IMAGES, KEYS, LABELS, compiled, every_method, saliency


@every_method
def test_vmap_equals_a_loop(name):
    looped = jnp.stack([saliency(name, *arguments) for arguments in zip(IMAGES, LABELS, KEYS, strict=True)])
    batched = jax.jit(jax.vmap(compiled(name)[0]))(IMAGES, LABELS, KEYS)
    np.testing.assert_allclose(batched, looped, atol=2e-5)
