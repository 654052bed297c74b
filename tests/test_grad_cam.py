"""Grad-CAM against its definition, and as a special case of Group-CAM."""

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

from groupcam_jax import grad_cam, group_cam
from groupcam_jax.stages.masks import unit_range

APPLY, PARAMS = models.plain()


def by_hand(image, label):
    """On global pooling and a linear head the gradient is the head's weight."""
    activation, _ = models.below(PARAMS, image[None])
    return unit_range(jax.nn.relu(activation[0] @ PARAMS["fc"]["kernel"][:, label]))


@pytest.mark.parametrize("label", range(5))
def test_it_is_what_the_head_weighs(label):
    saliency, aux = grad_cam(APPLY, PARAMS, has_aux=True)(models.image(), label)
    np.testing.assert_allclose(saliency, by_hand(models.image(), label), atol=1e-5)
    assert aux.label == label
    np.testing.assert_allclose(aux.logits, APPLY(PARAMS, models.image()[None])[0], atol=1e-6)


def test_it_is_group_cam_with_one_group_that_gains():
    explain = group_cam(APPLY, PARAMS, groups=1, percentile=None, has_aux=True)
    gaining = 0
    for label in range(5):
        saliency, aux = explain(models.image(), label)
        if aux.gain[0] > 0:
            np.testing.assert_allclose(saliency, grad_cam(APPLY, PARAMS)(models.image(), label), atol=1e-5)
            gaining += 1
    assert gaining


def test_nothing_that_speaks_for_the_class_is_a_map_of_zeros():
    against = {**PARAMS, "fc": jax.tree.map(lambda leaf: -jnp.abs(leaf), PARAMS["fc"])}
    np.testing.assert_array_equal(grad_cam(APPLY, against)(models.image(), 1), jnp.zeros((12, 12)))


def test_broken_input_is_nan():
    explain = jax.jit(grad_cam(APPLY, PARAMS))
    assert jnp.isnan(explain(models.image(), 5)).all()
    assert jnp.isnan(explain(models.image(), -1)).all()
    assert jnp.isnan(explain(models.image().at[0, 0, 0].set(jnp.inf), 1)).all()
