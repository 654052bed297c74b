"""On a GPU the explanations are those of the CPU."""

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

from groupcam_jax import grad_cam, group_cam


@pytest.mark.gpu
@pytest.mark.parametrize("builder", [group_cam, grad_cam])
def test_gpu_equals_cpu(builder):
    try:
        gpu, cpu = jax.devices("gpu")[0], jax.devices("cpu")[0]
    except RuntimeError:
        pytest.skip("no GPU here")
    apply, params, _ = models.plain()
    options = {"groups": 4} if builder is group_cam else {}
    images, labels = jnp.stack([models.image(seed=seed) for seed in range(4)]), jnp.arange(4)

    def explain(device):
        weights, *batch = jax.device_put((params, images, labels), device)
        return jax.jit(jax.vmap(builder(apply, weights, **options)))(*batch)

    with jax.default_matmul_precision("highest"):
        np.testing.assert_allclose(explain(gpu), explain(cpu), atol=1e-3)
