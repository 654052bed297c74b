"""Symmetric relevance gain: by hand, as insertion less deletion, and what is random or constant gains nothing."""

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from seen_object import IMAGE, OBJECT, sees_object

import groupcam_jax as g
from groupcam_jax.metrics import insertion_deletion, symmetric_relevance_gain

APPLY, PARAMS = models.plain()
KEY = jax.random.key(0)


def test_by_hand():
    measure = jax.jit(symmetric_relevance_gain(sees_object, None, pixels_per_step=12))
    found = measure(IMAGE, OBJECT, 1)
    gone = np.arange(13) * 12
    most, least = (1 / (1 + np.exp(10 * share - 5)) for share in (np.minimum(gone, 24) / 24, (gone - 120).clip(0) / 24))
    np.testing.assert_allclose(found.most_relevant_first, most, atol=1e-6)
    np.testing.assert_allclose(found.least_relevant_first, least, atol=1e-6)
    assert found.gain == pytest.approx(np.trapezoid(least - most, dx=1 / 12), abs=1e-6)


@pytest.mark.parametrize("step_batch", [None, 1, 5])
def test_with_one_substrate_it_is_insertion_less_deletion(step_batch):
    """Of a map without ties, in steps that divide the pixels: then what is left is what insertion shows."""
    image, saliency = models.image(), jax.random.uniform(KEY, (12, 12))
    blur, noise = g.gaussian_blur(5, 2.0), g.noise()
    both = insertion_deletion(APPLY, PARAMS, pixels_per_step=16, insertion_substrate=blur, deletion_substrate=blur)
    curves = jax.jit(both)(image, saliency, 2)
    measure = symmetric_relevance_gain(APPLY, PARAMS, pixels_per_step=16, baseline=blur, step_batch=step_batch)
    found = jax.jit(measure)(image, saliency, 2)
    np.testing.assert_allclose(found.most_relevant_first, curves.deletion, atol=1e-6)
    np.testing.assert_allclose(found.least_relevant_first, curves.insertion[::-1], atol=1e-6)
    assert found.gain == pytest.approx(float(curves.overall), abs=1e-6)
    random = jax.jit(symmetric_relevance_gain(APPLY, PARAMS, pixels_per_step=16, baseline=noise))
    drawn = random(image, saliency, 2, key=KEY)
    assert drawn.most_relevant_first[-1] == drawn.least_relevant_first[-1], "both end in one draw"
    assert drawn.gain != random(image, saliency, 2, key=jax.random.key(1)).gain


@pytest.mark.parametrize("pixels_per_step", [16, 50])
def test_a_map_upside_down_gains_as_much_less_and_a_constant_one_nothing(pixels_per_step):
    """So the maps drawn from a symmetric distribution gain 0 in the mean."""
    measure = jax.jit(symmetric_relevance_gain(APPLY, PARAMS, pixels_per_step=pixels_per_step))
    with_ties = jax.random.randint(KEY, (12, 12), 0, 5).astype(jnp.float32)
    gain, inverted, constant = (
        measure(models.image(), one, 2).gain for one in (with_ties, -with_ties, jnp.ones((12, 12)))
    )
    assert gain != 0
    assert inverted == -gain
    assert constant == 0


def test_vmap_follows_the_predicted_class():
    images = jnp.stack([models.image(seed=seed) for seed in range(3)])
    saliencies = jax.random.uniform(KEY, (3, 12, 12))
    measure = jax.jit(symmetric_relevance_gain(APPLY, PARAMS, pixels_per_step=50))
    batch = jax.jit(jax.vmap(measure))(images, saliencies)
    for place, (image, saliency) in enumerate(zip(images, saliencies, strict=True)):
        predicted = int(APPLY(PARAMS, image[None])[0].argmax())
        assert batch.gain[place] == pytest.approx(float(measure(image, saliency, predicted).gain), abs=1e-6)


def test_it_says_what_is_wrong():
    measure = symmetric_relevance_gain(sees_object, None)
    assert jnp.isnan(measure(IMAGE, OBJECT.at[3, 3].set(jnp.nan), 1).gain)
    assert jnp.isnan(measure(IMAGE.at[0, 0].set(jnp.inf), OBJECT, 1).gain)
    with pytest.raises(TypeError, match="noise is stochastic and needs a key"):
        symmetric_relevance_gain(sees_object, None, baseline=g.noise())(IMAGE, OBJECT, 1)
    with pytest.raises(ValueError, match=r"saliency \[11, 12\] does not fit the image \[12, 12, 3\]"):
        measure(IMAGE, OBJECT[1:], 1)
    with pytest.raises(ValueError, match="pixels_per_step=0"):
        symmetric_relevance_gain(sees_object, None, pixels_per_step=0)
