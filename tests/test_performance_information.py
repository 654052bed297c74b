"""Performance information curves: PAIR's curves of the same sizes and scores, and known maps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from seen_object import MASK, OBJECT, sees_object

from groupcam_jax.metrics import information_curve, is_predicted, performance_information
from groupcam_jax.metrics.performance_information import information

KEY = jax.random.key(0)
NOISE = jax.random.uniform(jax.random.key(1), (12, 12, 3))
SHOWN = jnp.where(MASK[:, :, None], 0.5 + NOISE, -0.5 * NOISE)  # a bright object on a dark ground, both grained
measure = jax.jit(performance_information(sees_object, None, shares=(0.05, 0.1, 0.2, 0.4)))


@pytest.mark.parametrize(
    ("sizes", "scores", "curve", "area"),
    [
        pytest.param(
            [1362, 1462, 1610, 1704, 1828, 1970, 2148, 2240, 2184],
            [0.034531, 0.046881, 0.072603, 0.104796, 0.212588, 0.460997, 0.873397, 0.98371, 0.996881],
            [0.0, 0.01332969, 0.03188614, 0.061003069, 0.1353418, 0.27182326, 0.46361427, 0.71098437, 1.0],
            0.2687088,
            id="photograph",
        ),
        pytest.param(
            [100, 100, 90, 400, 400, 700, 650, 1000, 1000],
            [0.0, 0, 1, 0, 0, 1, 1, 1, 1],
            [0.0, 0.375, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
            0.833333,
            id="equal sizes, falling scores",
        ),
    ],
)
def test_curves_are_those_of_pair(sizes, scores, curve, area):
    """Of the sizes and scores that `compute_pic_metric` of its version 0.2.1 saw, in steps of an eighth."""
    found = information_curve(jnp.array(sizes, jnp.float32), jnp.array(scores, jnp.float32))
    assert found.shape == (1001,)
    np.testing.assert_allclose(found[::125], curve, atol=2e-5)
    assert jnp.trapezoid(found, dx=0.001) == pytest.approx(area, abs=2e-5)


def test_an_image_that_gains_nothing_is_left_out():
    sizes, scores = jnp.array([100.0, 200, 300]), jnp.array([0.1, 0.2, 0.3])
    assert jnp.isnan(information_curve(sizes[::-1], scores)).all()
    assert jnp.isnan(information_curve(sizes, scores[::-1])).all()
    assert jnp.isnan(information_curve(sizes, jnp.full(3, 0.3))).all()
    np.testing.assert_allclose(information_curve(sizes, scores)[::500], [0, 0.5, 1], atol=1e-6)


def test_the_object_first_brings_the_score_back_with_less_information():
    perfect, inverted = (measure(SHOWN, saliency, 1, key=KEY) for saliency in (OBJECT, 1 - OBJECT))
    assert perfect.auc > inverted.auc + 0.2
    for found in (perfect, inverted):
        assert (found.curve[0], found.curve[-1]) == (0, 1)
        assert (jnp.diff(found.curve) >= 0).all()
    accuracy = performance_information(
        sees_object, None, shares=(0.05, 0.1, 0.2, 0.4), score=is_predicted, step_batch=2
    )
    assert jax.jit(accuracy)(SHOWN, OBJECT, 1, key=KEY).auc > perfect.auc, "a step, as soon as the class is predicted"


def test_a_picture_of_fewer_details_holds_less():
    smooth = jnp.broadcast_to(jnp.linspace(0, 1, 64)[None, :, None], (64, 64, 3))
    grained = jax.random.uniform(KEY, (64, 64, 3))
    half = jnp.where(jnp.arange(64)[None, :, None] < 32, grained, 0.5)
    flat, some, all_of_it = (information(picture, grained) for picture in (smooth, half, grained))
    assert flat < 0.5 * some < 0.5 * all_of_it
    assert information(jnp.ones((8, 8, 3)), jnp.ones((8, 8, 3))) < 50


def test_a_batch_is_a_vmap():
    saliencies, keys = jax.random.uniform(KEY, (2, 12, 12)), jax.random.split(KEY)
    images = jnp.stack([SHOWN, SHOWN[:, ::-1]])
    found = jax.jit(jax.vmap(lambda *one, key: measure(*one, 1, key=key)))(images, saliencies, key=keys)
    for place in range(2):
        alone = measure(images[place], saliencies[place], 1, key=keys[place])
        assert found.auc[place] == pytest.approx(float(alone.auc), abs=1e-3, nan_ok=True)


def test_it_says_what_is_wrong():
    assert jnp.isnan(measure(SHOWN, OBJECT.at[0, 0].set(jnp.nan), 1, key=KEY).auc)
    assert jnp.isnan(measure(SHOWN.at[0, 0].set(jnp.inf), OBJECT, 1, key=KEY).auc)
    assert jnp.isnan(measure(SHOWN, OBJECT, 0, key=KEY).auc), "the class has a lower score in the whole image"
    with pytest.raises(TypeError, match="performance_information is stochastic and needs a key"):
        measure(SHOWN, OBJECT, 1)
    with pytest.raises(ValueError, match=r"saliency \[11, 12\] does not fit"):
        measure(SHOWN, OBJECT[1:], 1, key=KEY)
    for shares in ([], [0.0, 0.5], [0.5, 0.2], [0.5, 1]):
        with pytest.raises(ValueError, match="rising, each between 0 and 1"):
            performance_information(sees_object, None, shares=shares)
    with pytest.raises(ValueError, match="seeds=0"):
        performance_information(sees_object, None, seeds=0)
