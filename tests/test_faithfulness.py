"""Sensitivity-n and faithfulness correlation: a linear model, NumPy's correlation of what was drawn, broken input."""

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from seen_object import IMAGE, OBJECT, sees_object

import groupcam_jax as g
from groupcam_jax.metrics import faithfulness_correlation, sensitivity_n

KEY = jax.random.key(0)
PICTURE = models.image()
WEIGHTS = jax.random.normal(jax.random.key(1), PICTURE.shape)


def linear(params, images):
    """Class 1 is a weighted sum of the pixels."""
    total = (images * params[None]).sum((1, 2, 3))
    return jnp.stack([jnp.zeros_like(total), total], axis=1)


def test_the_shares_of_a_linear_model_are_its_drops_whatever_n():
    shares = (PICTURE * WEIGHTS).sum(2)
    measure = jax.jit(sensitivity_n(linear, WEIGHTS, percentages=[1, 30, 99], samples=50))
    np.testing.assert_allclose(measure(PICTURE, shares, 1, key=KEY), 1, atol=1e-5)
    np.testing.assert_allclose(measure(PICTURE, 5 - 3 * shares, 1, key=KEY), -1, atol=1e-5)
    other = jax.random.normal(jax.random.key(2), shares.shape)
    assert (jnp.abs(measure(PICTURE, other, 1, key=KEY)) < 0.5).all()
    to_ones = sensitivity_n(linear, WEIGHTS, percentages=[30], baseline=g.constant(1.0), samples=50)
    found = to_ones(PICTURE, ((PICTURE - 1) * WEIGHTS).sum(2), 1, key=KEY)
    np.testing.assert_allclose(found, 1, atol=1e-5)


@pytest.mark.parametrize("sample_batch", [None, 1, 4])
def test_it_is_numpy_s_correlation_over_sets_of_n_pixels(sample_batch):
    apply, params = models.plain()
    seen = []

    def recorded(params, images):
        jax.debug.callback(lambda images: seen.extend(np.asarray(images)), images)
        return apply(params, images)

    saliency = jax.random.normal(jax.random.key(2), PICTURE.shape[:2])
    measure = sensitivity_n(recorded, params, percentages=[5, 20], samples=9, sample_batch=sample_batch)
    found = measure(PICTURE, saliency, 2, key=KEY)
    jax.effects_barrier()
    changed = np.stack([image for image in seen if not np.array_equal(image, PICTURE)])
    gone = (changed == 0).all(3)
    for count, correlation in zip((7, 29), found, strict=True):
        of_size = gone.sum((1, 2)) == count
        assert of_size.sum() == 9
        assert len(np.unique(gone[of_size], axis=0)) == 9
        sums = (gone[of_size] * np.asarray(saliency, np.float64)).sum((1, 2))
        drops = np.asarray(apply(params, PICTURE[None])[0, 2] - apply(params, changed[of_size])[:, 2], np.float64)
        assert correlation == pytest.approx(np.corrcoef(sums, drops)[0, 1], abs=1e-4)


def test_faithfulness_correlation_is_sensitivity_n_of_one_n_and_a_batch_is_a_vmap():
    apply, params = models.plain()
    images = jnp.stack([models.image(seed=seed) for seed in range(2)])
    saliencies, keys = images.sum(3), jax.random.split(KEY)
    measure = faithfulness_correlation(apply, params, percentage=20, samples=12)
    together = jax.jit(jax.vmap(lambda image, saliency, key: measure(image, saliency, key=key)))
    several = jax.jit(sensitivity_n(apply, params, percentages=[20], samples=12))
    for found, image, saliency, key in zip(together(images, saliencies, keys), images, saliencies, keys, strict=True):
        predicted = int(apply(params, image[None])[0].argmax())
        assert found == pytest.approx(float(several(image, saliency, predicted, key=key)[0]), abs=1e-4)


def test_what_does_not_vary_does_not_correlate():
    measure = jax.jit(faithfulness_correlation(sees_object, None))
    noise = jax.random.uniform(KEY, (12, 12))
    for saliency in (jnp.full((12, 12), 0.3), jnp.zeros((12, 12))):
        assert measure(IMAGE, saliency, 1, key=KEY) == 0
    assert measure(0 * IMAGE, noise, 1, key=KEY) == 0, "there is nothing to hide"

    def rounds(params, images):  # to 5 or the next number
        return 5 + 2e-7 * images.sum((1, 2))

    assert faithfulness_correlation(rounds, None)(PICTURE, noise, 1, key=KEY) == 0
    assert measure(IMAGE, OBJECT, 1, key=KEY) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("size", [1e-30, 1e-21, 1e-12, 1e12, 1e21, 1e30])
def test_the_size_of_the_numbers_says_nothing(size):
    saliency = jax.random.uniform(KEY, (12, 12))
    plain, sized = (
        faithfulness_correlation(linear, WEIGHTS * jnp.float32(scale))(
            PICTURE, jnp.float32(scale) * saliency, 1, key=KEY
        )
        for scale in (1.0, size)
    )
    assert abs(plain) > 0.01
    assert sized == pytest.approx(float(plain), rel=1e-3)


def test_it_says_what_is_wrong():
    measure = faithfulness_correlation(sees_object, None, samples=3)
    assert jnp.isnan(measure(IMAGE, OBJECT.at[0, 0].set(jnp.nan), 1, key=KEY))
    assert jnp.isnan(measure(IMAGE.at[0, 0].set(jnp.inf), OBJECT, 1, key=KEY))
    broken = faithfulness_correlation(lambda params, images: jnp.nan * images.sum((1, 2)), None, samples=3)
    assert jnp.isnan(broken(IMAGE, OBJECT, 1, key=KEY))
    with pytest.raises(TypeError, match="sensitivity_n is stochastic and needs a key"):
        measure(IMAGE, OBJECT, 1)
    with pytest.raises(ValueError, match=r"saliency \[11, 12\] does not fit"):
        measure(IMAGE, OBJECT[1:], 1, key=KEY)
    for percentage in (0.1, 99.9):
        with pytest.raises(ValueError, match=r"are no pixel, or all, of the image \[12, 12, 3\]"):
            faithfulness_correlation(sees_object, None, percentage=percentage)(IMAGE, OBJECT, 1, key=KEY)
    with pytest.raises(ValueError, match="between 0 and 100"):
        sensitivity_n(sees_object, None, percentages=[])
    with pytest.raises(ValueError, match="samples=1: expected at least 2"):
        sensitivity_n(sees_object, None, samples=1)
