"""Float32 comes out, whatever the model computes in."""

import jax
import jax.numpy as jnp
from table import IMAGES, KEYS, METHODS, PARAMS, PLAIN, every_method


@every_method
def test_float32_out_of_bfloat16_in(name):
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), PARAMS)
    explain = jax.jit(METHODS[name].build(PLAIN, params))
    one = explain(IMAGES[0].astype(jnp.bfloat16), 3, key=KEYS[0])
    assert one.dtype == jnp.float32
    assert jnp.isfinite(one).all()
