"""On a GPU the explanations and the drawn scenes are those of the CPU."""

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from table import METHODS

from pretrained.scenes import scene


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


@pytest.mark.gpu
def test_gpu_draws_the_scenes_of_the_cpu():
    try:
        devices = jax.devices("gpu")[0], jax.devices("cpu")[0]
    except RuntimeError:
        pytest.skip("no GPU here")
    keys = jax.random.split(jax.random.key(0), 16)
    with jax.default_matmul_precision("highest"):
        gpu, cpu = (jax.jit(jax.vmap(scene))(jax.device_put(keys, device)) for device in devices)
    np.testing.assert_array_equal(gpu.label, cpu.label)
    assert np.mean(np.abs(gpu.image - np.asarray(cpu.image)) > 1e-3) < 1e-3  # borders are ramps
