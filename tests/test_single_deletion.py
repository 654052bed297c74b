"""Single deletion: a linear model, SciPy's Spearman of what the model saw, ties, and broken input."""

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from scipy import stats
from seen_object import IMAGE, OBJECT, sees_object
from test_faithfulness import PICTURE, WEIGHTS, linear

import groupcam_jax as g
from groupcam_jax.metrics import single_deletion

KEY = jax.random.key(0)


@pytest.mark.parametrize("grid", [2, 4, 6])
def test_the_shares_of_a_linear_model_are_its_drops(grid):
    measure = jax.jit(single_deletion(linear, WEIGHTS, grid=grid))
    shares = (PICTURE * WEIGHTS).sum(2)
    assert measure(PICTURE, shares, 1) == pytest.approx(1)
    assert measure(PICTURE, -2 * shares, 1) == pytest.approx(-1)
    ones = single_deletion(linear, WEIGHTS, grid=grid, baseline=g.constant(1.0))
    assert ones(PICTURE, ((PICTURE - 1) * WEIGHTS).sum(2), 1) == pytest.approx(1)


@pytest.mark.parametrize(("grid", "patch_batch"), [(4, None), (6, 3)])
def test_it_is_scipy_s_spearman_of_the_patches(grid, patch_batch):
    apply, params = models.plain()
    seen = []

    def recorded(params, images):
        jax.debug.callback(lambda images: seen.extend(np.asarray(images)), images)
        return apply(params, images)

    saliency = jax.random.normal(KEY, PICTURE.shape[:2])
    found = single_deletion(recorded, params, grid=grid, patch_batch=patch_batch)(PICTURE, saliency, 2)
    jax.effects_barrier()
    changed = np.stack([image for image in seen if not np.array_equal(image, PICTURE)])
    gone = (changed == 0).all(3)
    assert len(gone) == grid**2
    np.testing.assert_array_equal(gone.sum(0), 1)  # every pixel goes once
    assert {*gone.sum((1, 2))} == {144 // grid**2}
    drops = apply(params, PICTURE[None])[0, 2] - apply(params, changed)[:, 2]
    expected = stats.spearmanr((gone * np.asarray(saliency)).sum((1, 2)), drops).statistic
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.3, -7.1])
def test_a_constant_map_and_a_blind_score_have_no_correlation(value):
    measure = jax.jit(single_deletion(sees_object, None))
    assert measure(IMAGE, jnp.full((12, 12), value), 1) == 0
    assert measure(0 * IMAGE, jax.random.uniform(KEY, (12, 12)), 1) == 0
    assert measure(IMAGE, OBJECT, 1) == pytest.approx(1)
    assert measure(IMAGE, 1 - OBJECT, 1) == pytest.approx(-1)


def test_a_score_that_only_rounding_moves_has_no_correlation():
    def hardly(params, images):
        score = 1000 + 1e-4 * images[:, 0, 0, 0]  # two of float32's steps
        return jnp.stack([0 * score, score], axis=1)

    saliency = jax.random.uniform(KEY, (12, 12))
    assert hardly(None, IMAGE[None])[0, 1] > hardly(None, 0 * IMAGE[None])[0, 1]
    assert single_deletion(hardly, None)(IMAGE, saliency, 1) == 0


def test_patches_of_the_same_values_tie_though_their_sums_are_rounded():
    values = np.random.default_rng(0)
    patch = values.random(9).astype(np.float32)
    saliency = np.block([[values.permutation(patch).reshape(3, 3) for _ in range(4)] for _ in range(4)])
    assert single_deletion(linear, WEIGHTS)(PICTURE, saliency, 1) == 0


def test_one_large_pixel_does_not_drown_the_others():
    saliency = jax.random.uniform(KEY, (12, 12))
    much, more = (single_deletion(linear, WEIGHTS)(PICTURE, saliency.at[0, 0].set(peak), 1) for peak in (1e3, 1e7))
    assert much == more != 0


def test_vmap_follows_the_predicted_class_and_the_key():
    apply, params = models.plain()
    images = jnp.stack([models.image(seed=seed) for seed in range(3)])
    saliencies = jax.random.uniform(KEY, (3, 12, 12))
    measure = jax.jit(single_deletion(apply, params))
    batch = jax.jit(jax.vmap(measure))(images, saliencies)
    for found, image, saliency in zip(batch, images, saliencies, strict=True):
        assert found == pytest.approx(float(measure(image, saliency, int(apply(params, image[None])[0].argmax()))))
    noisy = single_deletion(apply, params, baseline=g.noise())
    assert jnp.isfinite(noisy(images[0], saliencies[0], key=KEY))
    with pytest.raises(TypeError, match="noise is stochastic and needs a key"):
        noisy(images[0], saliencies[0])


def test_it_says_what_is_wrong():
    measure = single_deletion(sees_object, None)
    assert jnp.isnan(measure(IMAGE, OBJECT.at[0, 0].set(jnp.nan), 1))
    assert jnp.isnan(measure(IMAGE.at[0, 0].set(jnp.inf), OBJECT, 1))
    assert jnp.isnan(single_deletion(lambda params, images: jnp.nan * images.sum((1, 2)), None)(IMAGE, OBJECT, 1))
    with pytest.raises(ValueError, match=r"saliency \[11, 12\] does not fit"):
        measure(IMAGE, OBJECT[1:], 1)
    with pytest.raises(ValueError, match=r"grid=4 does not divide the image \[3, 12, 3\]"):
        measure(IMAGE[:3], OBJECT[:3], 1)
    with pytest.raises(ValueError, match="grid=1: expected at least 2"):
        single_deletion(sees_object, None, grid=1)
