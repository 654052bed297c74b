"""Compiled or not, an explanation is the same, and only what draws needs a key."""

import numpy as np
import pytest
from table import IMAGES, KEYS, METHODS, build, every_method, saliency


@every_method
def test_jit_equals_eager_and_only_what_draws_needs_a_key(name):
    explain = build(name)
    if METHODS[name].stochastic:
        with pytest.raises(TypeError, match=r"needs a key: explain\(image, label, key=jax.random.key\(0\)\)"):
            explain(IMAGES[0], 3)
    eager = explain(IMAGES[0], 3, key=KEYS[0]) if METHODS[name].stochastic else explain(IMAGES[0], 3)
    np.testing.assert_allclose(eager, saliency(name), atol=2e-5)
