"""ROAD by hand, and on the perfect, the inverted and the constant map."""

import functools
import inspect

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from seen_object import IMAGE, OBJECT, sees_object

from groupcam_jax.metrics import is_predicted, road, sensitivity_n

KEY = jax.random.key(0)
SHOWN = OBJECT[:, :, None] * IMAGE  # a bright object on a dark ground
AS_MANY = 100 * 24 / 144  # per cent of the pixels as the object has
SEEN, UNSEEN = 1 / (1 + np.exp(-5)), 1 / (1 + np.exp(5))


@pytest.mark.parametrize(
    ("saliency", "most", "least"),
    [
        pytest.param(OBJECT, UNSEEN, SEEN, id="perfect"),
        pytest.param(1 - OBJECT, SEEN, UNSEEN, id="inverted"),
        pytest.param(jnp.ones((12, 12)), SEEN, SEEN, id="constant"),  # the first two rows go, or the last two
    ],
)
def test_the_object_goes_with_its_pixels(saliency, most, least):
    result = jax.jit(road(sees_object, None, percentages=[AS_MANY], noise=0.0))(SHOWN, saliency, 1, key=KEY)
    np.testing.assert_allclose(result.most_relevant_first, [most], atol=1e-5)
    np.testing.assert_allclose(result.least_relevant_first, [least], atol=1e-5)
    assert result.combined == pytest.approx((least - most) / 2, abs=1e-5)


def test_scores_are_those_of_pytorch_grad_cam():
    """Numbers of its version 1.5.7 without noise; its percentiles 20, 50 and 80 are our percentages 80, 50 and 20."""

    def linear(params, images):
        return (images[:, :, :, 0] * params[None]).sum((1, 2))[:, None]

    def first(logits):
        return logits[0]

    image = (jnp.arange(20.0) * 7 % 20).reshape(4, 5, 1)
    saliency = (jnp.arange(20.0) * 3 % 20).reshape(4, 5) / 20
    measure = road(linear, jnp.linspace(-1, 1, 20).reshape(4, 5), percentages=[80, 50, 20], noise=0.0, score=first)
    result = jax.jit(measure)(image, saliency, 0, key=KEY)
    np.testing.assert_allclose(result.most_relevant_first, [26.3818, 35.042397, 24.532314], rtol=1e-6)
    np.testing.assert_allclose(result.least_relevant_first, [18.004915, 20.917847, 9.158943], rtol=1e-6)
    assert result.combined == pytest.approx(-6.312468, rel=1e-6)


def test_the_accuracy_is_a_score():
    measure = jax.jit(road(sees_object, None, percentages=[5, AS_MANY], noise=0.0, score=is_predicted))
    result = measure(SHOWN, OBJECT, 1, key=KEY)
    np.testing.assert_array_equal(result.most_relevant_first, [1, 0])  # 7 of 24 pixels are not enough
    np.testing.assert_array_equal(result.least_relevant_first, [1, 1])
    assert result.combined == pytest.approx(0.25)
    assert jnp.isnan(is_predicted(jnp.array([0.0, jnp.nan]), 1))


def test_removal_does_not_show_in_an_image_of_one_colour():
    saliency = jax.random.uniform(KEY, (12, 12))
    result = jax.jit(road(sees_object, None, noise=0.0))(IMAGE, saliency, 1, key=KEY)
    np.testing.assert_allclose(result.most_relevant_first, [SEEN] * 9, atol=1e-5)
    assert result.combined == pytest.approx(0, abs=1e-5)


def test_noise_is_added_where_pixels_are_removed_and_follows_the_key():
    def spread(params, images):
        del params
        return jnp.stack([images[:, :6].std((1, 2, 3)), images[:, 6:].std((1, 2, 3))], 1)

    saliency = jnp.ones((12, 12)).at[6:].set(0)
    above, below = (
        jax.jit(road(spread, None, percentages=[50], noise=0.1, score=lambda logits, side=side: logits[side]))
        for side in range(2)
    )
    removed = above(IMAGE, saliency, 0, key=KEY)
    assert removed.most_relevant_first[0] == pytest.approx(0.1, rel=0.15)
    assert removed.least_relevant_first[0] == pytest.approx(0, abs=1e-6)
    assert below(IMAGE, saliency, 0, key=KEY).least_relevant_first[0] == pytest.approx(0.1, rel=0.15)
    assert above(IMAGE, saliency, 0, key=KEY).combined == removed.combined
    assert above(IMAGE, saliency, 0, key=jax.random.key(1)).combined != removed.combined


@pytest.mark.parametrize("step_batch", [1, 4])
def test_batches_vmap_and_the_predicted_class(step_batch):
    apply, params = models.plain()
    images = jnp.stack([models.image(seed=seed) for seed in range(2)])
    saliencies = jax.random.uniform(KEY, (2, 12, 12))
    keys = jax.random.split(KEY)
    measure = jax.jit(road(apply, params, percentages=[20, 40, 60]))
    batched = road(apply, params, percentages=[20, 40, 60], step_batch=step_batch)
    together = jax.jit(jax.vmap(lambda image, saliency, key: batched(image, saliency, key=key)))(
        images, saliencies, keys
    )
    for place, (image, saliency, key) in enumerate(zip(images, saliencies, keys, strict=True)):
        predicted = int(apply(params, image[None])[0].argmax())
        one = measure(image, saliency, predicted, key=key)
        for values, expected in zip(together, one, strict=True):
            np.testing.assert_allclose(values[place], expected, atol=1e-5)


def test_an_inverted_map_exchanges_the_curves():
    apply, params = models.plain()
    saliency = jax.random.uniform(KEY, (12, 12))
    measure = jax.jit(road(apply, params, noise=0.0))
    one, other = (measure(models.image(), s, 2, key=KEY) for s in (saliency, 1 - saliency))
    np.testing.assert_allclose(one.most_relevant_first, other.least_relevant_first, atol=1e-6)
    assert one.combined == pytest.approx(-float(other.combined), abs=1e-6)


def test_it_says_what_is_wrong():
    measure = road(sees_object, None)
    assert jnp.isnan(measure(IMAGE, OBJECT.at[0, 0].set(jnp.nan), 1, key=KEY).combined)
    with pytest.raises(TypeError, match="road is stochastic and needs a key"):
        measure(IMAGE, OBJECT, 1)
    with pytest.raises(ValueError, match=r"saliency \[11, 12\] does not fit"):
        measure(IMAGE, OBJECT[1:], 1, key=KEY)
    with pytest.raises(ValueError, match=r"are no pixel, or all, of the image \[2, 2, 3\]"):
        measure(IMAGE[:2, :2], OBJECT[:2, :2], 1, key=KEY)
    with pytest.raises(ValueError, match=r"percentages=\[0.1\] are no pixel, or all, of the image \[12, 12, 3\]"):
        road(sees_object, None, percentages=[0.1])(IMAGE, OBJECT, 1, key=KEY)


@pytest.mark.parametrize("build", [road, sensitivity_n])
def test_percentages_are_a_list_or_an_array_of_them(build):
    build = functools.partial(inspect.unwrap(build), sees_object, None)  # the tests check the annotations first
    for percentages in ([], [0], [20, 100], 10, np.array([]), np.array([[10]])):
        with pytest.raises(
            ValueError, match=r"percentages=.*: expected at least one in a list, each between 0 and 100"
        ):
            build(percentages=percentages)
    few, same = (build(percentages=some)(IMAGE, OBJECT, 1, key=KEY) for some in (np.arange(10, 30, 10), [10, 20]))
    jax.tree.map(np.testing.assert_array_equal, few, same)
