"""eMPRT by NumPy's histogram, a number of Quantus, and sMPRT as the sanity check of a smoothed method."""

import functools

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from hypothesis import given
from scipy import stats
from test_properties import few_values

from groupcam_jax import gradient, signed, smooth_grad
from groupcam_jax.metrics import cascading, efficient_mprt, modules, sanity_check
from groupcam_jax.metrics.efficient_mprt import histogram_entropy

APPLY, PARAMS = models.plain()
ORDER = ["['stem']", "['conv1']", "['conv2']", "['fc']"]
KEY = jax.random.key(0)
IMAGE = models.image(16, 16)


def entropy(values):
    return stats.entropy(np.histogram(values, 100)[0])


def test_a_number_of_quantus():
    """Of `discrete_entropy` in its version 0.6.0, of values in the middle of their bins."""
    saliency = (2 * (jnp.arange(400.0) ** 2 % 97) + 1).at[:2].set(jnp.array([0.0, 200])).reshape(20, 20)
    assert histogram_entropy(saliency, 100) == pytest.approx(3.896595471625231, abs=1e-6)


@given(few_values)
def test_the_entropy_is_that_of_numpy_s_histogram(values):
    found = histogram_entropy(jnp.asarray(values), 100)
    assert found == pytest.approx(entropy(values), abs=1e-5)


def test_maps_of_half_precision_are_counted_in_full():
    saliency = jnp.zeros((128, 128)).at[:12].set(1.0)
    found, expected = (histogram_entropy(saliency.astype(dtype), 100) for dtype in (jnp.bfloat16, jnp.float32))
    assert found == expected


def test_the_rise_compares_the_trained_with_the_fully_randomised_weights_in_one_program():
    explain = jax.jit(lambda params: gradient(APPLY, params, reduce=signed)(IMAGE, 2))
    found = efficient_mprt(explain, PARAMS, ORDER, KEY)
    assert explain._cache_size() == 1
    *_, (_, randomised) = cascading(PARAMS, ORDER, KEY)
    trained, lost = entropy(explain(PARAMS)), entropy(explain(randomised))
    assert found == pytest.approx((lost - trained) / trained, abs=1e-4)
    assert found != 0


def test_a_map_of_the_image_alone_does_not_rise():
    assert efficient_mprt(lambda params: jnp.abs(IMAGE).mean(2), PARAMS, ORDER, KEY) == 0


def test_smooth_mprt_is_the_sanity_check_of_the_mean_over_noisy_images():
    order = modules(APPLY, PARAMS, IMAGE[None])[::-1]  # so that the first module is randomised first
    smooth = functools.partial(
        smooth_grad, APPLY, method=functools.partial(gradient, reduce=signed), noise=0.1, samples=4
    )
    explain = jax.jit(lambda params: smooth(params)(IMAGE, 2, key=KEY))
    paths, found = sanity_check(explain, PARAMS, cascading(PARAMS, order, KEY))
    assert paths == ORDER

    def smoothed(params):
        noise = [jax.random.split(key)[0] for key in jax.random.split(KEY, 4)]
        spread = 0.1 * (IMAGE.max() - IMAGE.min())
        copies = [IMAGE + spread * jax.random.normal(key, IMAGE.shape) for key in noise]
        slopes = jax.vmap(jax.grad(lambda image: APPLY(params, image[None])[0, 2]))(jnp.stack(copies))
        return np.asarray(slopes.mean(0).sum(2)).ravel()

    trees = [tree for _, tree in cascading(PARAMS, order, KEY)]
    expected = [stats.spearmanr(smoothed(PARAMS), smoothed(tree)).statistic for tree in trees]
    np.testing.assert_allclose(found.spearman, expected, atol=1e-3)


def test_it_says_what_is_wrong():
    assert jnp.isnan(efficient_mprt(lambda params: jnp.ones((4, 4)), PARAMS, ORDER, KEY)), "a rise from nothing"
    assert jnp.isnan(efficient_mprt(lambda params: IMAGE[:, :, 0].at[0, 0].set(jnp.nan), PARAMS, ORDER, KEY))
    with pytest.raises(ValueError, match="order is empty"):
        efficient_mprt(lambda params: IMAGE[:, :, 0], PARAMS, [], KEY)
    with pytest.raises(ValueError, match="bins=0"):
        efficient_mprt(lambda params: IMAGE[:, :, 0], PARAMS, ORDER, KEY, bins=0)
