"""Infidelity by hand, on a linear model whose attribution is known."""

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

import groupcam_jax as g
from groupcam_jax.metrics import infidelity

KEY = jax.random.key(0)
WEIGHTS = jax.random.normal(jax.random.key(1), (12, 12, 3))
IMAGE = models.image()


def linear(params, images):
    """Class 1 is a weighted sum of the pixels."""
    total = (images * params[None]).sum((1, 2, 3))
    return jnp.stack([jnp.zeros_like(total), total], axis=1)


def test_the_gradient_predicts_a_linear_model():
    measure = jax.jit(infidelity(linear, WEIGHTS))
    np.testing.assert_allclose(measure(IMAGE, WEIGHTS, 1, key=KEY), [0, 0], atol=1e-6)
    doubled, inverted = (measure(IMAGE, scale * WEIGHTS, 1, key=KEY) for scale in (2.0, -1.0))
    assert inverted.infidelity == pytest.approx(4 * float(doubled.infidelity), rel=1e-4)
    np.testing.assert_allclose([doubled.scaled, inverted.scaled], 0, atol=1e-6)


@pytest.mark.parametrize("size", [1e-30, 1e-21, 1e21, 1e30])
def test_the_scaled_form_does_not_depend_on_the_scale(size):
    measure = jax.jit(infidelity(linear, WEIGHTS))
    assert measure(IMAGE, jnp.float32(size) * WEIGHTS, 1, key=KEY).scaled == pytest.approx(0, abs=1e-6)


def test_a_constant_change_by_hand():
    measure = jax.jit(infidelity(linear, WEIGHTS, changed=g.constant(0.0), samples=3))
    lost = float((IMAGE * WEIGHTS).sum())
    zero = measure(IMAGE, jnp.zeros_like(IMAGE), 1, key=KEY)
    np.testing.assert_allclose(zero, [lost**2] * 2, rtol=1e-5)
    constant = measure(IMAGE, jnp.ones_like(IMAGE), 1, key=KEY)
    assert constant.infidelity == pytest.approx((float(IMAGE.sum()) - lost) ** 2, rel=1e-4)
    assert constant.scaled == pytest.approx(0, abs=1e-4)  # one change can always be scaled to fit


def test_attributions_of_the_input_are_predicted_by_the_share_that_changes():
    times_input = jax.jit(infidelity(linear, WEIGHTS, times_input=True))
    attribution = g.input_x_gradient(linear, WEIGHTS, has_aux=True)(IMAGE, 1)[1].attribution
    np.testing.assert_allclose(times_input(IMAGE, attribution, 1, key=KEY), [0, 0], atol=1e-5)
    black = IMAGE.at[0, 0].set(0)  # a change there has no share, and is taken as it is
    assert np.isfinite(times_input(black, attribution, 1, key=KEY)).all()


def test_another_attribution_is_worse():
    measure = jax.jit(infidelity(linear, WEIGHTS))
    other = jax.random.normal(jax.random.key(2), IMAGE.shape)
    constant = jnp.ones_like(IMAGE)
    perfect = measure(IMAGE, WEIGHTS, 1, key=KEY)
    for attribution in (other, constant):
        assert measure(IMAGE, attribution, 1, key=KEY).scaled > 100 * perfect.scaled + 1


@pytest.mark.parametrize("sample_batch", [None, 1, 4])
def test_batches_vmap_and_the_predicted_class(sample_batch):
    apply, params = models.plain()
    images = jnp.stack([models.image(seed=seed) for seed in range(2)])
    keys = jax.random.split(KEY)
    measure = infidelity(apply, params, samples=6, sample_batch=sample_batch)
    all_at_once = jax.jit(infidelity(apply, params, samples=6))
    together = jax.jit(jax.vmap(lambda image, key: measure(image, image, key=key)))(images, keys)
    for place, (image, key) in enumerate(zip(images, keys, strict=True)):
        predicted = int(apply(params, image[None])[0].argmax())
        one = all_at_once(image, image, predicted, key=key)
        np.testing.assert_allclose([values[place] for values in together], one, rtol=1e-4)


def test_it_says_what_is_wrong():
    measure = infidelity(linear, WEIGHTS)
    assert np.isnan(measure(IMAGE, WEIGHTS.at[0, 0, 0].set(jnp.nan), 1, key=KEY)).all()
    with pytest.raises(TypeError, match="infidelity is stochastic and needs a key"):
        measure(IMAGE, WEIGHTS, 1)
    with pytest.raises(ValueError, match=r"attribution \[12, 12\] does not fit the image \[12, 12, 3\]"):
        measure(IMAGE, WEIGHTS[:, :, 0], 1, key=KEY)
    with pytest.raises(ValueError, match="samples=0"):
        infidelity(linear, WEIGHTS, samples=0)
