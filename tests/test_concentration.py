"""Sparseness and complexity: formulas, limits, and numbers of Quantus."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from scipy import stats
from seen_object import OBJECT
from test_properties import few_values

from groupcam_jax.metrics import complexity, sparseness

N = 144


def test_numbers_of_quantus():
    """Of its version 0.6.0, whose small constants change the seventh digit."""
    saliency = (jnp.arange(80.0) * 31 % 80).reshape(8, 10) / 80
    assert sparseness(saliency) == pytest.approx(0.33749995881557804, rel=1e-6)
    assert complexity(saliency) == pytest.approx(4.182436, rel=1e-6)


@given(few_values)
def test_they_are_the_mean_difference_and_scipy_s_entropy(values):
    if not values.any():
        return
    size = np.abs(values.ravel())
    gini = np.abs(size[:, None] - size[None]).mean() / (2 * size.mean())
    np.testing.assert_allclose(sparseness(jnp.asarray(values)), gini, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(complexity(jnp.asarray(values)), stats.entropy(size), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("saliency", "gini", "entropy"),
    [
        pytest.param(jnp.ones((12, 12)), 0, np.log(N), id="constant"),
        pytest.param(jnp.zeros((12, 12)), 0, np.log(N), id="zeros"),
        pytest.param(jnp.zeros((12, 12)).at[3, 4].set(7), 1 - 1 / N, 0, id="one pixel"),
        pytest.param(OBJECT, 1 - 24 / N, np.log(24), id="an object"),
        pytest.param(1e37 * OBJECT, 1 - 24 / N, np.log(24), id="huge"),
        pytest.param(-1e-37 * OBJECT, 1 - 24 / N, np.log(24), id="tiny and negative"),
        pytest.param(jnp.full((1, 1), 3.0), 0, 0, id="of one pixel"),
    ],
)
def test_known_maps(saliency, gini, entropy):
    assert jax.jit(sparseness)(saliency) == pytest.approx(gini, abs=1e-6)
    assert jax.jit(complexity)(saliency) == pytest.approx(entropy, abs=1e-5)


def test_float32_suffices_for_a_large_map():
    saliency = jax.random.uniform(jax.random.key(0), (512, 512))
    values = np.sort(np.asarray(saliency, np.float64).ravel())
    gini = ((2 * np.arange(1, values.size + 1) - values.size - 1) * values).sum() / values.size / values.sum()
    assert sparseness(saliency) == pytest.approx(gini, rel=1e-6)
    assert complexity(saliency) == pytest.approx(stats.entropy(values), rel=1e-6)


@pytest.mark.parametrize("value", [jnp.nan, jnp.inf, -jnp.inf])
def test_a_broken_map_is_nan(value):
    broken = OBJECT.at[0, 0].set(value)
    assert jnp.isnan(sparseness(broken))
    assert jnp.isnan(complexity(broken))
