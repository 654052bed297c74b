"""Maximum and average sensitivity and the Lipschitz estimate by hand: explainers whose change is known."""

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

import groupcam_jax as g
from groupcam_jax.metrics import average_sensitivity, local_lipschitz, max_sensitivity

KEY = jax.random.key(0)
IMAGE = models.image()


def red(image, label=None, *, key=None):
    """The first channel explains every class."""
    del label, key
    return image[:, :, 0]


def test_a_constant_explanation_does_not_move():
    constant = max_sensitivity(lambda image, label=None, *, key=None: jnp.ones((12, 12)))
    assert constant(IMAGE, 1, key=KEY) == 0


def test_it_grows_with_the_radius_and_not_with_the_scale():
    small, large = (jax.jit(max_sensitivity(red, radius=radius))(IMAGE, 1, key=KEY) for radius in (0.01, 0.1))
    length = float(jnp.linalg.norm(IMAGE[:, :, 0]))
    assert 0.5 * 0.01 * 12 / length < small < 0.01 * 12 / length  # uniform noise has 0.58 of its largest length
    assert large == pytest.approx(10 * float(small), rel=1e-4)
    scaled = max_sensitivity(lambda image, label=None, *, key=None: 5 * image[:, :, 0], radius=0.1)
    assert scaled(IMAGE, 1, key=KEY) == pytest.approx(float(large), rel=1e-5)


def test_more_samples_find_no_smaller_maximum():
    few, many = (float(jax.jit(max_sensitivity(red, samples=samples))(IMAGE, 1, key=KEY)) for samples in (1, 200))
    assert few < many


def test_a_stochastic_explainer_draws_the_same_for_every_image():
    def drawn(image, label=None, *, key=None):
        return jax.random.normal(key, image.shape[:2])

    assert max_sensitivity(drawn)(IMAGE, 1, key=KEY) == pytest.approx(0, abs=1e-6)


def test_of_a_saliency_of_zeros_the_length_is_one():
    def jumps(image, label=None, *, key=None):
        return jnp.where((image == IMAGE).all(), 0, jnp.ones((12, 12)))

    assert max_sensitivity(jumps)(IMAGE, 1, key=KEY) == 12


def test_all_three_are_numpy_s_of_the_changes_drawn():
    seen = []

    def tripled(image, label=None, *, key=None):
        jax.debug.callback(seen.append, image)
        return 3 * image[:, :, 0] ** 2

    found = [
        build(tripled, radius=0.1)(IMAGE, 1, key=KEY)
        for build in (max_sensitivity, average_sensitivity, local_lipschitz)
    ]
    jax.effects_barrier()
    changed = np.stack([image for image in seen if not np.array_equal(image, IMAGE)])
    assert len(np.unique(changed, axis=0)) == 10, "all three draw the same changes"
    still = 3 * np.asarray(IMAGE[:, :, 0]) ** 2
    moved = np.linalg.norm((3 * changed[:, :, :, 0] ** 2 - still).reshape(30, -1), axis=1)
    change = np.linalg.norm((changed - np.asarray(IMAGE)).reshape(30, -1), axis=1)
    relative = moved / np.linalg.norm(still)
    np.testing.assert_allclose(found, [relative.max(), relative.mean(), (moved / change).max()], rtol=1e-4)


def test_the_slope_of_a_linear_explanation():
    """The sum of three channels moves most, by the root of 3, where all three change alike."""
    grey = local_lipschitz(lambda image, label=None, *, key=None: image.sum(2), samples=50)
    assert 0.8 < grey(IMAGE, 1, key=KEY) < np.sqrt(3)
    constant = local_lipschitz(lambda image, label=None, *, key=None: jnp.ones((12, 12)))
    assert constant(IMAGE, 1, key=KEY) == 0


@pytest.mark.parametrize("build", [max_sensitivity, average_sensitivity, local_lipschitz])
def test_a_change_lost_in_the_precision_of_the_image_says_nothing(build):
    pixels = (200 + IMAGE).astype(jnp.bfloat16)
    assert jnp.isnan(build(lambda image, label=None, *, key=None: jnp.ones((12, 12)))(pixels, 1, key=KEY))
    assert build(lambda image, label=None, *, key=None: jnp.ones((12, 12)), radius=9.0)(pixels, 1, key=KEY) == 0


@pytest.mark.parametrize("sample_batch", [None, 1, 4])
def test_batches_and_vmap_on_grad_cam(sample_batch):
    apply, params = models.plain()
    explain = g.grad_cam(apply, params)
    images = jnp.stack([models.image(seed=seed) for seed in range(2)])
    labels, keys = jnp.array([1, 3]), jax.random.split(KEY)
    measure = max_sensitivity(explain, samples=6, sample_batch=sample_batch)
    together = jax.jit(jax.vmap(lambda image, label, key: measure(image, label, key=key)))(images, labels, keys)
    all_at_once = jax.jit(max_sensitivity(explain, samples=6))
    alone = [all_at_once(*one, key=key) for *one, key in zip(images, labels, keys, strict=True)]
    np.testing.assert_allclose(together, alone, rtol=1e-3)
    assert (together > 0).all()


def test_it_says_what_is_wrong():
    assert jnp.isnan(max_sensitivity(red)(IMAGE.at[0, 0].set(jnp.nan), 1, key=KEY))
    for build in (max_sensitivity, average_sensitivity, local_lipschitz):
        with pytest.raises(TypeError, match=f"{build.__name__} is stochastic and needs a key"):
            build(red)(IMAGE, 1)
        with pytest.raises(ValueError, match=f"{build.__name__}: expected a label"):
            build(red)(IMAGE, None, key=KEY)
    with pytest.raises(ValueError, match="samples=0"):
        max_sensitivity(red, samples=0)
    for radius in (-0.1, float("inf")):
        with pytest.raises(ValueError, match=f"radius={radius}: expected a positive number"):
            max_sensitivity(red, radius=radius)
