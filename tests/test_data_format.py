"""A channel-first model is explained as its channel-last twin."""

import inspect

import jax
import models
import numpy as np
from table import IMAGES, KEYS, LABEL, METHODS, every_method, saliency


@every_method
def test_a_channel_first_model_gets_the_same_map(name):
    bundle = models.equinox()
    options = {}
    if layer := inspect.signature(METHODS[name].build).parameters.get("layer"):
        several = isinstance(layer.default, list)
        options["layer"] = [*map(bundle.layer, layer.default)] if several else bundle.layer(layer.default)
    explain = jax.jit(METHODS[name].build(bundle.apply, bundle.params, **options))
    np.testing.assert_allclose(explain(IMAGES[0], LABEL, key=KEYS[0]), saliency(name), atol=2e-4)
