"""Outside of `jax.jit` a second image compiles nothing, with the same explainer or with one that is built anew."""

import jax
import pytest
from table import IMAGES, KEYS, build, every_method

COMPILING = "/jax/core/compile/backend_compile_duration"


@pytest.fixture(scope="module")
def compiled():
    """What has been compiled so far: grows as JAX compiles."""
    events = []
    jax.monitoring.register_event_duration_secs_listener(lambda name, *_, **__: events.append(name))
    yield lambda: events.count(COMPILING)
    jax.monitoring.clear_event_listeners()


@every_method
def test_a_second_call_compiles_nothing(name, compiled):
    explain = build(name)
    explain(IMAGES[0], 3, key=KEYS[0])
    before = compiled()
    explain(IMAGES[1], 3, key=KEYS[1])
    assert compiled() == before
    build(name)(IMAGES[2], 3, key=KEYS[2])
    assert compiled() == before
