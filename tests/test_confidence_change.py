"""Drop, increase and gain of confidence by hand, and on the perfect, the inverted and the constant map."""

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from seen_object import IMAGE, OBJECT, sees_object

import groupcam_jax as g
from groupcam_jax.metrics import confidence_change

measure = confidence_change(sees_object, None)


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit))


@pytest.mark.parametrize(
    ("saliency", "brightness"),
    [
        pytest.param(OBJECT, 1.0, id="perfect"),
        pytest.param(1 - OBJECT, 0.0, id="inverted"),
        pytest.param(jnp.full((12, 12), 0.3), 0.3, id="constant"),
        pytest.param(jnp.zeros((12, 12)), 0.0, id="zeros"),
    ],
)
def test_the_drop_is_the_share_of_the_confidence_that_is_lost(saliency, brightness):
    drop, *growth = jax.jit(measure)(IMAGE, saliency, 1)
    assert drop == pytest.approx(1 - sigmoid(10 * brightness - 5) / sigmoid(5), abs=1e-6)
    assert growth == [0, 0]


def test_confidence_increases_where_the_veil_hides_what_speaks_against_the_class():
    drop, increase, gain = measure(IMAGE, 1 - OBJECT, 0)  # class 0 is the absence of the object
    assert drop == 0
    assert increase == 1
    assert gain == pytest.approx((sigmoid(5) - sigmoid(-5)) / (1 - sigmoid(-5)), abs=1e-6)
    assert measure(IMAGE, jnp.ones((12, 12)), 0) == (0, 0, 0)


def test_the_gain_is_of_scores_up_to_one():
    def doubled(logits, label):
        return 2 * jax.nn.softmax(logits)[label]

    beyond = confidence_change(sees_object, None, score=doubled)
    assert jnp.isnan(beyond(IMAGE, 1 - OBJECT, 0).gain)
    assert beyond(IMAGE, 1 - OBJECT, 0).drop == 0
    below = confidence_change(sees_object, None, score=lambda logits, label: jax.nn.log_softmax(logits)[label])
    assert jnp.isnan(jnp.stack(below(IMAGE, 1 - OBJECT, 1))).all()
    certain = confidence_change(sees_object, None, score=lambda logits, label: jax.nn.sigmoid(100 + 0 * logits[0]))
    assert certain(IMAGE, OBJECT, 1) == (0, 0, 0)


def test_the_baseline_shows_through():
    veiled = confidence_change(sees_object, None, baseline=g.constant(0.5))(IMAGE, 1 - OBJECT, 1)
    assert veiled.drop == pytest.approx(1 - sigmoid(0) / sigmoid(5), abs=1e-6)


def test_a_class_without_confidence_loses_none():
    impossible = confidence_change(sees_object, None, score=lambda logits, label: 0 * logits[0])
    assert impossible(IMAGE, OBJECT, 1) == (0, 0, 0)


def test_vmap_follows_the_predicted_class_and_nan_shows():
    apply, params = models.plain()
    images = jnp.stack([models.image(seed=seed) for seed in range(3)])
    saliencies = jax.random.uniform(jax.random.key(0), (3, 12, 12))
    of_toy = confidence_change(apply, params)
    batch = jax.jit(jax.vmap(of_toy))(images, saliencies)
    for drop, image, saliency in zip(batch.drop, images, saliencies, strict=True):
        predicted = int(apply(params, image[None])[0].argmax())
        assert drop == pytest.approx(float(of_toy(image, saliency, predicted).drop), abs=1e-6)
    assert np.isnan(of_toy(images[0], saliencies[0].at[0, 0].set(jnp.nan))).all()
    assert np.isnan(of_toy(images[0].at[0, 0].set(jnp.nan), saliencies[0], 1)).all()
    with pytest.raises(ValueError, match=r"saliency \[11, 12\] does not fit the image \[12, 12, 3\]"):
        of_toy(images[0], saliencies[0, 1:])


@pytest.mark.parametrize("saliency", [255 * OBJECT, OBJECT - 0.1, OBJECT.at[0, 0].set(jnp.inf)])
def test_a_map_outside_0_to_1_is_no_veil(saliency):
    assert np.isnan(jax.jit(measure)(IMAGE, saliency, 1)).all()
