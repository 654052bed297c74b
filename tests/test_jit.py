"""Compiled or not, an explanation is the same; outside of `jax.jit` a second image compiles nothing, too."""

import jax
import numpy as np
import pytest
from table import IMAGES, KEYS, LABEL, METHODS, build, every_method, saliency

COMPILING = "/jax/core/compile/backend_compile_duration"


@pytest.fixture(scope="module")
def compilations():
    """How often JAX has compiled so far."""
    events = []
    jax.monitoring.register_event_duration_secs_listener(lambda name, *_, **__: events.append(name))
    yield lambda: events.count(COMPILING)
    jax.monitoring.clear_event_listeners()


@every_method
def test_eager_equals_jit_and_compiles_once(name, compilations):
    explain = build(name)
    if METHODS[name].stochastic and not METHODS[name].seeded:
        with pytest.raises(TypeError, match=r"needs a key: pass key=jax.random.key\(0\)"):
            explain(IMAGES[0], LABEL)
    eager = explain(IMAGES[0], LABEL, key=KEYS[0]) if METHODS[name].stochastic else explain(IMAGES[0], LABEL)
    np.testing.assert_allclose(eager, saliency(name), atol=2e-5)
    explain(IMAGES[1], 3, key=KEYS[1])
    before = compilations()
    assert before > 0, "or nothing is counted"
    explain(IMAGES[2], 4, key=KEYS[2])
    build(name)(IMAGES[2], 4, key=KEYS[2])
    assert compilations() == before
