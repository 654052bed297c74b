"""Training pictures that show what is salient (section 5 of the paper)."""

import functools

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from table import KEYS, PARAMS, PLAIN

import groupcam_jax as g

IMAGE, LABEL = models.image(), 2
OPTIONS = {"groups": 4, "baseline": g.gaussian_blur(5, 3.0)}


def test_it_shows_what_the_paper_says():
    augment = jax.jit(g.saliency_augmentation(PLAIN, PARAMS, **OPTIONS))
    saliency = g.group_cam(PLAIN, PARAMS, groups=4, channel_weights=None, percentile=None)(IMAGE, LABEL)
    shown = np.asarray(saliency > saliency.mean())
    assert 0 < shown.sum() < shown.size
    expected = np.where(shown[:, :, None], IMAGE, OPTIONS["baseline"](IMAGE, None))
    np.testing.assert_allclose(augment(IMAGE, LABEL), expected, atol=1e-6)
    # Without a label it shows the predicted class.
    predicted = int(PLAIN(PARAMS, IMAGE[None]).argmax())
    np.testing.assert_array_equal(augment(IMAGE), augment(IMAGE, predicted))


def test_options_are_those_of_the_method():
    top = functools.partial(jnp.quantile, q=0.75)
    augment = g.saliency_augmentation(
        PLAIN, PARAMS, method=g.grad_cam, layer="stem", threshold=top, baseline=g.constant(7.0)
    )
    hidden = (augment(IMAGE, LABEL) == 7).all(2)
    expected = g.grad_cam(PLAIN, PARAMS, layer="stem")(IMAGE, LABEL)
    np.testing.assert_array_equal(hidden, expected < jnp.quantile(expected, 0.75))
    with pytest.raises(TypeError, match="groups"):
        g.saliency_augmentation(PLAIN, PARAMS, method=g.grad_cam, groups=16)


def test_what_is_lowest_is_not_salient():
    """Of a map with 91 zeros in a hundred places, a quantile of 0.8 is 0."""

    def method(model_apply, params):
        return lambda image, label, key=None: jnp.zeros((8, 8)).at[2:4, 3:6].set(image[:2, :3, 0] ** 2 + 1)

    top = functools.partial(jnp.quantile, q=0.8)
    augment = g.saliency_augmentation(PLAIN, PARAMS, method=method, threshold=top, baseline=g.constant(7.0))
    hidden = (augment(IMAGE[:8, :8], LABEL) == 7).all(2)
    assert hidden.sum() == 64 - 6


def test_a_share_of_a_batch_is_augmented():
    images = jnp.stack([models.image(seed=seed) for seed in range(24)])
    augment = g.saliency_augmentation(PLAIN, PARAMS, share=0.5, **OPTIONS)
    batch = jax.jit(jax.vmap(lambda image, label, key: augment(image, label, key=key)))
    shown = batch(images, jnp.full(24, LABEL), jax.random.split(KEYS[0], 24))
    changed = np.asarray((shown != images).any((1, 2, 3)))
    assert 6 <= changed.sum() <= 18
    whole = jax.jit(jax.vmap(lambda image: g.saliency_augmentation(PLAIN, PARAMS, **OPTIONS)(image, LABEL)))(images)
    np.testing.assert_allclose(shown[changed], whole[changed], atol=1e-6)
    with pytest.raises(TypeError, match="stochastic and needs a key"):
        augment(IMAGE, LABEL)
    with pytest.raises(ValueError, match=r"share=1.5: expected a share of the pictures, from 0 to 1"):
        g.saliency_augmentation(PLAIN, PARAMS, share=1.5)


def test_no_gradient_passes_through_it():
    def loss(params, image):
        shown = g.saliency_augmentation(PLAIN, params, **OPTIONS)(image, LABEL)
        return shown.sum()

    of_params, of_image = jax.jit(jax.grad(loss, (0, 1)))(PARAMS, IMAGE)
    assert all(not leaf.any() for leaf in jax.tree.leaves((of_params, of_image)))


def test_what_says_nothing_hides_nothing_and_what_is_broken_shows():
    zeros = {**PARAMS, "fc": jax.tree.map(jnp.zeros_like, PARAMS["fc"])}
    np.testing.assert_array_equal(g.saliency_augmentation(PLAIN, zeros, **OPTIONS)(IMAGE, LABEL), IMAGE)
    augment = jax.jit(g.saliency_augmentation(PLAIN, PARAMS, **OPTIONS))
    assert jnp.isnan(augment(IMAGE, jnp.int32(99))).all()
