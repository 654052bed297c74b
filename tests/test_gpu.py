"""On a GPU the explanations are those of the CPU."""

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from table import METHODS


@pytest.mark.gpu
@pytest.mark.parametrize("name", METHODS)
def test_gpu_equals_cpu(name):
    try:
        gpu, cpu = jax.devices("gpu")[0], jax.devices("cpu")[0]
    except RuntimeError:
        pytest.skip("no GPU here")
    apply, params = models.plain()
    images, labels = jnp.stack([models.image(seed=seed) for seed in range(4)]), jnp.arange(4)
    keys = jax.random.split(jax.random.key(0), 4)

    def explain(device):
        weights, *batch = jax.device_put((params, images, labels, keys), device)
        one = METHODS[name].build(apply, weights)
        return jax.jit(jax.vmap(lambda image, label, key: one(image, label, key=key)))(*batch)

    with jax.default_matmul_precision("highest"):
        np.testing.assert_allclose(explain(gpu), explain(cpu), atol=1e-3)
