"""Broken input shows, and nothing else does."""

import jax.numpy as jnp
from table import IMAGES, every_method, saliency


@every_method
def test_broken_input_gives_nan_and_no_plausible_map(name):
    assert jnp.isnan(saliency(name, IMAGES[0].at[2, 3, 1].set(jnp.nan))).all()
    assert jnp.isnan(saliency(name, IMAGES[0].at[2, 3, 1].set(jnp.inf))).all()
    assert jnp.isnan(saliency(name, label=5)).all()
    assert jnp.isnan(saliency(name, label=-1)).all()


@every_method
def test_a_picture_of_nothing_is_finite(name):
    assert jnp.isfinite(saliency(name, jnp.zeros((12, 12, 3)))).all()
