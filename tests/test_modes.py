"""JAX's other modes change nothing: 64 bits, JAX's own checks, and no `jit` at all."""

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from flax import linen as nn
from table import IMAGES, KEYS, LABEL, METHODS, PARAMS, PLAIN, build, every_method, saliency

import groupcam_jax as g
from groupcam_jax.metrics import insertion_deletion, performance_information, road, sensitivity_n, single_deletion
from groupcam_jax.metrics.insertion_deletion import salient_order


@pytest.fixture
def mode(request):
    """A flag of JAX that is set for one test."""
    before = jax.config.values[request.param]
    jax.config.update(request.param, True)
    yield request.param
    jax.config.update(request.param, before)


@every_method
def test_64_bits_draw_the_same_and_give_the_same_map(name):
    expected = saliency(name)
    with jax.enable_x64(True):
        explain = jax.jit(build(name))
        np.testing.assert_allclose(explain(IMAGES[0], LABEL, key=KEYS[0]), expected, atol=1e-4)


def test_metrics_in_64_bits():
    maps = jax.random.uniform(jax.random.key(1), (12, 12))
    metrics = (
        insertion_deletion(PLAIN, PARAMS, pixels_per_step=50),
        road(PLAIN, PARAMS, percentages=(30,)),
        sensitivity_n(PLAIN, PARAMS, percentages=(30,), samples=5),
        single_deletion(PLAIN, PARAMS),
        performance_information(PLAIN, PARAMS, shares=(0.2, 0.5)),
    )
    expected = [jax.jit(metric)(IMAGES[0], maps, 2, key=KEYS[0]) for metric in metrics]
    with jax.enable_x64(True):
        assert salient_order(maps).dtype == jnp.int32
        measured = [jax.jit(metric)(IMAGES[0], maps, 2, key=KEYS[0]) for metric in metrics]
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, atol=1e-4), measured, expected)


@every_method
@pytest.mark.parametrize("mode", ["jax_enable_checks"], indirect=True)
def test_programs_pass_jax_s_own_checks(name, mode):
    jax.jit(build(name)).lower(IMAGES[0], LABEL, key=KEYS[0])


@pytest.mark.parametrize("mode", ["jax_disable_jit"], indirect=True)
@pytest.mark.parametrize("name", ["guided_backprop", "deconvolution", "excitation_backprop", "grad_cam"])
def test_without_jit(name, mode):
    bundle = models.linen(jit=True)
    explain = METHODS[name].build(bundle.apply, bundle.params)
    np.testing.assert_allclose(explain(IMAGES[0], LABEL), saliency(name), atol=2e-4)


class NormalisedAndPooled(nn.Module):
    """Each kind of layer that takes a form, and a batch norm that is folded."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.BatchNorm(use_running_average=True)(nn.Conv(8, (3, 3), strides=2)(x)))
        x = nn.max_pool(x, (2, 2), (2, 2))
        return nn.Dense(5)(nn.relu(nn.Conv(8, (1, 1))(x)).mean((1, 2)))


@pytest.mark.parametrize("mode", ["jax_disable_jit"], indirect=True)
def test_forms_without_jit(mode):
    model = NormalisedAndPooled()
    explain = g.grad_cam(model.apply, model.init(jax.random.key(0), IMAGES[:1]))
    saliency = explain(IMAGES[0], key=KEYS[0])
    assert saliency.max() > 0.99
    with jax.disable_jit(False):
        np.testing.assert_allclose(saliency, explain(IMAGES[0], key=KEYS[0]), atol=1e-5)


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg", "unsafe_rbg"])
def test_keys_of_every_generator_raw_or_typed(impl):
    explain = g.rise(PLAIN, PARAMS, masks=8, cells=3)
    typed, raw = (make(7, impl=impl) for make in (jax.random.key, jax.random.PRNGKey))
    one = explain(IMAGES[0], LABEL, key=typed)
    assert one.max() == pytest.approx(1)
    if impl != "unsafe_rbg":  # its raw keys are those of rbg, which splits them otherwise
        np.testing.assert_array_equal(explain(IMAGES[0], LABEL, key=raw), one)
    assert explain(IMAGES[0], LABEL, key=raw).max() == pytest.approx(1)
