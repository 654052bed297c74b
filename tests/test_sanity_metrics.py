"""Similarities against SciPy and scikit-image, and the randomisation of a network's modules."""

import itertools

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

from groupcam_jax import grad_cam
from groupcam_jax.metrics.sanity_check import cascading, independent, modules
from groupcam_jax.metrics.similarity import hog_similarity, oriented_gradients, spearman, ssim

APPLY, PARAMS, _ = models.plain()
ORDER = ["['stem']", "['conv1']", "['conv2']", "['fc']"]


def maps(count, size=(48, 64)):
    return jnp.asarray(np.random.default_rng(0).random((count, *size)), jnp.float32)


def test_spearman_is_scipy_s_with_and_without_ties():
    from scipy.stats import spearmanr

    one, other = maps(2)
    for a, b in ((one, other), (one, one + 0.3 * other), (jnp.round(4 * one), jnp.round(4 * other + one))):
        assert spearman(a, b) == pytest.approx(spearmanr(np.ravel(a), np.ravel(b)).statistic, abs=1e-4)
    assert spearman(one, one) == pytest.approx(1)
    assert spearman(one, -one) == pytest.approx(-1)
    assert spearman(one, jnp.ones_like(one)) == 0


def test_hog_is_scikit_image_s():
    from skimage.feature import hog

    smooth = jax.image.resize(maps(1, (7, 9))[0], (64, 96), "bilinear")
    expected = hog(np.asarray(smooth), orientations=8, pixels_per_cell=(16, 16), cells_per_block=(1, 1))
    ours = oriented_gradients(smooth, 16).reshape(8, 4, 6).transpose(1, 2, 0)
    np.testing.assert_allclose(ours.ravel(), expected, atol=2e-3)


def test_similarities_of_a_map_with_itself_and_with_others():
    one, other = jax.vmap(lambda m: jax.image.resize(m, (64, 64), "bilinear"))(maps(2, (7, 7)))
    for similarity in (spearman, ssim, hog_similarity):
        assert similarity(one, one) == pytest.approx(1, abs=1e-5)
        assert similarity(one, other) < 0.9
        assert jnp.isfinite(similarity(one, jnp.zeros_like(one)))


@pytest.mark.parametrize("form", ["plain", "linen", "equinox"])
def test_modules_come_in_the_order_in_which_the_model_reads_them(form):
    bundle = models.ALL[form]()
    found = modules(bundle.apply, bundle.params, jax.ShapeDtypeStruct((1, 12, 12, 3), jnp.float32))
    names = [path.rsplit("'", 2)[-2] if "'" in path else path.removeprefix(".") for path in found]
    assert names == ["stem", "conv1", "conv2", "fc"]


def test_cascading_and_independent_randomisation():
    key = jax.random.key(0)

    def changed(params):
        return [name for name in PARAMS if not np.array_equal(params[name]["kernel"], PARAMS[name]["kernel"])]

    assert modules(APPLY, PARAMS, jnp.zeros((1, 12, 12, 3))) == ORDER
    steps = [(path, changed(params)) for path, params in cascading(PARAMS, ORDER, key)]
    assert steps[0] == ("['fc']", ["fc"])
    assert steps[-1] == ("['stem']", [*PARAMS])
    assert [path for path, _ in steps] == ORDER[::-1]
    assert all(set(before) < set(after) for (_, before), (_, after) in itertools.pairwise(steps))
    for path, params in independent(PARAMS, ORDER, key):
        assert [f"['{name}']" for name in changed(params)] == [path]
        for name in PARAMS:
            np.testing.assert_allclose(*(jnp.sort(tree[name]["kernel"].ravel()) for tree in (params, PARAMS)))


def test_one_program_explains_every_randomised_tree():
    explain = jax.jit(lambda params, image: grad_cam(APPLY, params)(image, 2))
    first = explain(PARAMS, models.image())
    others = [explain(params, models.image()) for _, params in cascading(PARAMS, ORDER, jax.random.key(0))]
    assert explain._cache_size() == 1
    assert all(not np.allclose(first, other, atol=1e-2) for other in others)
