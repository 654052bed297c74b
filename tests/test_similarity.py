"""Similarities of saliencies against SciPy and scikit-image, and of a map with itself, its inverse and a constant."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from groupcam_jax.metrics import hog_similarity, similarity, spearman, ssim
from groupcam_jax.metrics.similarity import oriented_gradients


def maps(count, size=(48, 64)):
    return jnp.asarray(np.random.default_rng(0).random((count, *size)), jnp.float32)


def smooth(count, size=(96, 64)):
    """Not bilinear: its plateaus have gradients at the very edge of two bins, and rounding decides."""
    return jax.vmap(lambda coarse: jax.image.resize(coarse, size, "cubic"))(maps(count, (7, 9)))


ONE, OTHER = smooth(2)
PAIRS = {
    "noise": maps(2),
    "smooth": (ONE, OTHER),
    "alike": (ONE, 0.7 * ONE + 0.3 * OTHER),
    "ties": (jnp.round(4 * ONE) / 4, jnp.round(4 * OTHER) / 4),
}
every_pair = pytest.mark.parametrize(("one", "other"), PAIRS.values(), ids=PAIRS)


@every_pair
def test_spearman_is_scipy_s(one, other):
    from scipy.stats import spearmanr

    assert spearman(one, other) == pytest.approx(spearmanr(np.ravel(one), np.ravel(other)).statistic, abs=1e-6)


@every_pair
def test_ssim_is_scikit_image_s(one, other):
    from skimage.metrics import structural_similarity

    double = (np.asarray(each, np.float64) for each in (one, other))
    expected = structural_similarity(
        *double, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1
    )
    assert ssim(one, other) == pytest.approx(expected, abs=2e-5)


@every_pair
def test_hog_is_scikit_image_s(one, other):
    from skimage.feature import hog

    features = []
    for each in (one, other):
        theirs = hog(np.asarray(each, np.float64), orientations=8, pixels_per_cell=(16, 16), cells_per_block=(1, 1))
        rows, columns = each.shape[0] // 16, each.shape[1] // 16
        ours = oriented_gradients(each, 16).reshape(8, rows, columns).transpose(1, 2, 0)
        np.testing.assert_allclose(ours.ravel(), theirs, atol=1e-6)
        features.append(theirs)
    if np.ptp(features) > 1e-6:
        assert hog_similarity(one, other) == pytest.approx(np.corrcoef(*features)[0, 1], abs=1e-5)


@pytest.mark.parametrize("measure", [spearman, ssim, hog_similarity])
def test_a_map_with_itself_with_others_and_with_a_constant(measure):
    assert measure(ONE, ONE) == pytest.approx(1, abs=1e-5)
    assert measure(ONE, OTHER) < 0.9
    assert measure(ONE, OTHER) == pytest.approx(float(measure(OTHER, ONE)), abs=1e-6)
    assert jnp.isfinite(measure(ONE, jnp.zeros_like(ONE)))
    assert jnp.isnan(measure(ONE.at[20, 20].set(jnp.nan), ONE))
    assert jnp.isnan(measure(ONE.at[20, 20].set(jnp.inf), ONE))


def test_the_inverted_map():
    inverted = 1 - ONE
    assert spearman(ONE, inverted) == pytest.approx(-1)
    assert ssim(ONE, inverted) < 0
    assert spearman(ONE, jnp.ones_like(ONE)) == 0


def test_directions_have_no_sign():
    assert hog_similarity(ONE, 1 - ONE) == pytest.approx(1, abs=1e-5)


def test_every_gradient_has_a_direction():
    """One that points a little less than half a turn round rounds to half a turn, and there is no bin for that."""
    spot = jnp.zeros((16, 16)).at[5, 6].set(1).at[4, 5].set(1e-9)  # at [5, 5] the gradient is [-1e-9, 1]
    features = oriented_gradients(spot, 16)
    assert features[0] > 0.4  # that at [5, 7], [0, -1]
    assert features[7] == pytest.approx(float(features[0]))


def test_noise_has_no_direction():
    """All eight are clipped to the same length: what is left of their variance is rounding."""
    noise = maps(2)
    np.testing.assert_allclose(oriented_gradients(noise[0], 16), 8**-0.5, atol=1e-6)
    assert hog_similarity(*noise) == 0


def test_all_three_at_once_and_mapped():
    batch = jax.jit(jax.vmap(similarity, (None, 0)))(ONE, smooth(3))
    for values, measure in zip(batch, (spearman, ssim, hog_similarity), strict=True):
        np.testing.assert_allclose(values, [measure(ONE, each) for each in smooth(3)], atol=1e-5)


def test_a_map_without_a_whole_cell_has_no_histograms():
    small = ONE[:15, :20]
    with pytest.raises(
        ValueError, match=r"cell=16, but the saliency is \[15, 20\]: no cell is whole; choose a smaller"
    ):
        similarity(small, small)
    assert similarity(small, small, cell=5).hog == pytest.approx(1, abs=1e-5)
    with pytest.raises(ValueError, match="cell=0: expected at least 1"):
        hog_similarity(ONE, ONE, cell=0)
