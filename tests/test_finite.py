"""Broken input shows, and nothing else does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hostile import case, fault
from table import IMAGES, KEYS, LABEL, METHODS, PARAMS, PLAIN, every_method, saliency

import groupcam_jax as g

CLASSIFY = jax.jit(PLAIN)


@every_method
def test_broken_input_gives_nan_and_no_plausible_map(name):
    assert jnp.isnan(saliency(name, IMAGES[0].at[2, 3, 1].set(jnp.nan))).all()
    assert jnp.isnan(saliency(name, IMAGES[0].at[2, 3, 1].set(jnp.inf))).all()
    assert jnp.isnan(saliency(name, label=5)).all()
    assert jnp.isnan(saliency(name, label=-1)).all()


@every_method
def test_no_map_of_a_hostile_image_is_plausible(name):
    """Twenty cases of `hostile.py`, which has 2,000, other shapes and thousands of classes."""
    for seed in [seed for seed in range(40) if case(seed).shape == "square"][:20]:
        _, image, label, _ = case(seed)
        made = saliency(name, image, label), CLASSIFY(PARAMS, image[None])
        assert fault(name, seed, *map(np.asarray, made)) is None


@every_method
def test_a_picture_of_nothing_is_finite(name):
    assert jnp.isfinite(saliency(name, jnp.zeros((12, 12, 3)))).all()


@pytest.mark.parametrize("build", [g.integrated_gradients, g.xrai, g.input_x_gradient, g.guided_grad_cam])
def test_what_aux_holds_is_nan_with_the_map(build):
    explain = jax.jit(build(PLAIN, PARAMS, has_aux=True))
    _, aux = explain(IMAGES[0], jnp.int32(5))
    assert jnp.isnan(aux.attribution).all()
    assert jnp.isfinite(aux.logits).all()
    assert jnp.isfinite(explain(IMAGES[0], jnp.int32(3))[1].attribution).all()


@every_method
def test_a_class_without_a_number_gives_no_map(name):
    explain = jax.jit(lambda params: METHODS[name].build(PLAIN, params)(IMAGES[0], LABEL, key=KEYS[0]))
    for logit in (jnp.nan, jnp.inf, -jnp.inf):
        fc = {**PARAMS["fc"], "bias": PARAMS["fc"]["bias"].at[LABEL].set(logit)}
        assert jnp.isnan(explain({**PARAMS, "fc": fc})).all(), logit
