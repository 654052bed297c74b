"""Float32 comes out, whatever the model computes in."""

import jax
import jax.numpy as jnp
import numpy as np
from table import IMAGES, KEYS, LABEL, METHODS, PARAMS, PLAIN, every_method, saliency


@every_method
def test_float32_out_of_bfloat16_in(name):
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), PARAMS)
    explain = jax.jit(METHODS[name].build(PLAIN, params))
    one = explain(IMAGES[0].astype(jnp.bfloat16), LABEL, key=KEYS[0])
    assert one.dtype == jnp.float32
    assert np.corrcoef(one.ravel(), saliency(name).ravel())[0, 1] > METHODS[name].in_bfloat16
