"""Without a label the predicted class is explained; maps are scaled, whatever the picture's shape."""

import inspect

import jax
import jax.numpy as jnp
import models
import numpy as np
from table import KEYS, METHODS, PARAMS, PLAIN, build, every_method

import groupcam_jax


def test_table_is_complete():
    builders = {
        name
        for name, thing in vars(groupcam_jax).items()
        if inspect.isfunction(thing) and [*inspect.signature(thing).parameters][-1:] == ["has_aux"]
    }
    of_transformers = {"attention_rollout"}  # the toy network is none
    assert builders == {name.split()[0] for name in METHODS} | of_transformers


@every_method
def test_the_predicted_class_of_a_picture_that_is_not_square(name):
    image = models.image(12, 12 if "given segments" in name else 15, seed=4)
    explain = build(name, has_aux=True)
    one, aux = jax.jit(lambda image, key: explain(image, key=key))(image, KEYS[0])
    logits = PLAIN(PARAMS, image[None])[0]
    assert aux.label == logits.argmax()
    np.testing.assert_allclose(aux.logits, logits, atol=1e-5)
    assert one.shape == image.shape[:2]
    assert one.dtype == jnp.float32
    assert jnp.isfinite(one).all()
    assert 0.5 < jnp.abs(one).max() <= 1, "it is scaled, and not flat"
    assert one.min() >= (-1 if METHODS[name].signed else 0)
    if METHODS[name].signed:
        assert one.min() < 0
