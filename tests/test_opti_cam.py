"""Opti-CAM against optax's Adam on the authors' formula, and what it optimises."""

import jax
import jax.numpy as jnp
import models
import numpy as np
import optax
import pytest

import groupcam_jax as g

APPLY, PARAMS = models.plain()
IMAGE = models.image()


def by_hand(image, label, steps, rate):
    """The authors' loop, with their rescaling and their first weights of 0.5, on optax's Adam."""
    maps = jax.nn.relu(models.below(PARAMS, image[None])[0][0])

    def mask_of(w):
        heat = (jax.nn.softmax(w)[None, None] * maps).sum(2)
        return (heat - heat.min()) / (heat.max() - heat.min())  # the toy layer is as large as the image

    def loss(w):
        return -APPLY(PARAMS, (mask_of(w)[:, :, None] * image)[None])[0, label]

    descend = jax.jit(jax.value_and_grad(loss))
    adam, w = optax.adam(rate), jnp.full(8, 0.5)
    state, losses = adam.init(w), []
    for _ in range(steps):
        value, gradient = descend(w)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = adam.update(gradient, state)
        w, losses = optax.apply_updates(w, updates), [*losses, value]
    return mask_of(w), -jnp.stack(losses)


@pytest.mark.parametrize(("label", "steps", "rate"), [(2, 12, 0.1), (0, 5, 0.5)])
def test_is_the_authors_loop_on_optax_s_adam(label, steps, rate):
    saliency, aux = jax.jit(g.opti_cam(APPLY, PARAMS, steps=steps, learning_rate=rate, has_aux=True))(IMAGE, label)
    expected, scores = by_hand(IMAGE, label, steps, rate)
    np.testing.assert_allclose(saliency, expected, atol=1e-4)
    np.testing.assert_allclose(aux.scores, scores, atol=1e-5)


@pytest.mark.parametrize("target", [g.logit, g.probability])
def test_the_score_of_the_masked_image_rises(target):
    explain = jax.jit(g.opti_cam(APPLY, PARAMS, steps=60, target=target, has_aux=True))
    for label in range(5):
        saliency, aux = explain(IMAGE, jnp.int32(label))
        shown = target(APPLY(PARAMS, (IMAGE * saliency[:, :, None])[None])[0], label)
        assert aux.scores[0] < aux.scores[20] <= shown + 1e-3
        np.testing.assert_allclose(aux.weights.sum(), 1, rtol=1e-6)


@pytest.mark.parametrize("learning_rate", [0.0, -0.1, float("nan"), float("inf")])
def test_a_learning_rate_is_positive(learning_rate):
    with pytest.raises(ValueError, match=r"learning_rate=.*: expected a positive number, such as 0\.1"):
        g.opti_cam(APPLY, PARAMS, learning_rate=learning_rate)
