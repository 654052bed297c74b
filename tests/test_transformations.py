"""An explainer under JAX's transformations, for every way to write a model."""

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from groupcam_jax import group_cam

IMAGES = jnp.stack([models.image(seed=seed) for seed in range(8)])
LABELS = jnp.arange(8) % 5


@pytest.fixture(params=models.ALL)
def explain(request):
    bundle = models.ALL[request.param]()
    return group_cam(bundle.apply, bundle.params, groups=4)


def test_every_form_of_the_model_gets_the_same_saliency(explain):
    apply, params = models.plain()
    expected = group_cam(apply, params, groups=4)(IMAGES[0], 3)
    np.testing.assert_allclose(explain(IMAGES[0], 3), expected, atol=1e-4)


def test_vmap_equals_a_loop_and_jit_equals_eager(explain):
    looped = jnp.stack([explain(image, int(label)) for image, label in zip(IMAGES[:3], LABELS, strict=False)])
    np.testing.assert_allclose(jax.vmap(explain)(IMAGES[:3], LABELS[:3]), looped, atol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.vmap(explain))(IMAGES[:3], LABELS[:3]), looped, atol=1e-5)


def test_gradient_through_the_saliency_is_finite_and_not_zero(explain):
    gradient = jax.jit(jax.grad(lambda image: (explain(image, 2) * image[:, :, 0]).sum()))(IMAGES[0])
    assert jnp.isfinite(gradient).all()
    assert jnp.abs(gradient).max() > 0


def test_second_call_compiles_nothing():
    traced = []
    apply, params = models.plain()

    def counted(params, images):
        traced.append(images.shape)
        return apply(params, images)

    explain = jax.jit(group_cam(counted, params, groups=4))
    explain(IMAGES[0], 1)
    assert traced == [(1, 12, 12, 3)], "the model is traced once an explainer"
    explain(IMAGES[1], 2)
    assert len(traced) == 1


def test_weights_can_be_an_argument():
    apply, params = models.linen()
    explain = jax.jit(lambda params, image: group_cam(apply, params, groups=4)(image))
    np.testing.assert_allclose(explain(params, IMAGES[0]), group_cam(apply, params, groups=4)(IMAGES[0]), atol=1e-5)
    other = jax.tree.map(lambda leaf: 2 * leaf, params)
    assert not np.allclose(explain(other, IMAGES[0]), explain(params, IMAGES[0]))


@pytest.mark.parametrize("axis_type", [AxisType.Auto, AxisType.Explicit])
def test_batch_sharded_over_eight_devices(axis_type):
    assert jax.device_count() == 8, "conftest simulates them"
    apply, params = models.plain()
    explain = jax.jit(jax.vmap(group_cam(apply, params, groups=4)))
    sharding = NamedSharding(jax.make_mesh((8,), ("batch",), axis_types=(axis_type,)), PartitionSpec("batch"))
    sharded = explain(jax.device_put(IMAGES, sharding), jax.device_put(LABELS, sharding))
    assert len(sharded.sharding.device_set) == 8
    np.testing.assert_allclose(sharded, explain(IMAGES, LABELS), atol=1e-5)
