"""The grid pointing game: pictures in their places, a model that sees one cell, and known maps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from test_properties import few_values

from groupcam_jax import input_x_gradient, signed
from groupcam_jax.metrics import cell_energy, energy_inside, mosaic


def test_a_mosaic_is_numpy_s_block():
    images = jax.random.normal(jax.random.key(0), (9, 4, 5, 3))
    expected = np.concatenate([np.concatenate(images[3 * row : 3 * row + 3], axis=1) for row in range(3)], axis=0)
    np.testing.assert_array_equal(jax.jit(mosaic)(images), expected)


def test_a_map_of_one_class_lies_on_its_picture():
    """The colours are the classes: the model's class k is the sum of channel k, and picture k has no other colour."""
    images = jnp.zeros((4, 6, 8, 4)).at[jnp.arange(4), :, :, jnp.arange(4)].set(1)
    explain = input_x_gradient(lambda _, images: images.sum((1, 2)), (), reduce=signed)
    scores = jax.vmap(lambda label: cell_energy(explain(mosaic(images), label), 2))(jnp.arange(4))
    np.testing.assert_allclose(scores, np.eye(4), atol=1e-6)


@given(few_values)
def test_shares_are_the_energy_inside_each_cell(values):
    saliency = jnp.asarray(values)[:4, :6]
    found = cell_energy(saliency, 2)
    for place in range(4):
        row, column = divmod(place, 2)
        mask = jnp.zeros((4, 6), bool).at[2 * row : 2 * row + 2, 3 * column : 3 * column + 3].set(True)
        assert found[place] == pytest.approx(float(energy_inside(jax.nn.relu(saliency), mask)), abs=1e-6)


def test_known_maps():
    np.testing.assert_allclose(cell_energy(jnp.ones((6, 9)), 3), 1 / 9, rtol=1e-6)
    np.testing.assert_array_equal(cell_energy(-jnp.ones((6, 9)), 3), 0)
    np.testing.assert_allclose(cell_energy(jnp.full((4, 4), 3e37), 2), 0.25)
    assert cell_energy(jnp.ones((3, 5)), 1) == 1
    for value in (jnp.nan, jnp.inf, -jnp.inf):
        assert jnp.isnan(cell_energy(jnp.ones((6, 9)).at[0, 0].set(value), 3)).all()


def test_it_says_what_is_wrong():
    with pytest.raises(ValueError, match="8 images do not fill a square"):
        mosaic(jnp.zeros((8, 4, 4, 3)))
    with pytest.raises(ValueError, match=r"saliency \[7, 9\] is not that of a mosaic of 3 x 3 pictures"):
        cell_energy(jnp.zeros((7, 9)), 3)
    with pytest.raises(ValueError, match="side=0"):
        cell_energy(jnp.zeros((6, 9)), 0)
