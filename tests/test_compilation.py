"""Traces and compilations are counted: the second call makes none. Commands compile without what is slower."""

import jax
import jax.numpy as jnp
from table import IMAGES, KEYS, compiled, every_method, saliency

from groupcam_jax import compiler


@every_method
def test_second_call_traces_and_compiles_nothing(name):
    program, traced = compiled(name)
    saliency(name, IMAGES[1], 1, KEYS[1])
    before = program._cache_size(), len(traced)
    saliency(name, IMAGES[2], 2, KEYS[2])
    assert (program._cache_size(), len(traced)) == before


def test_commands_leave_ynnpack_out():
    matrix = jnp.ones((256, 256))
    program = jax.jit(lambda x: jax.nn.gelu(x @ x), compiler_options=compiler.compiler_options())
    assert "ynn_fusion" not in str(program.lower(matrix).compile().as_text())


def test_options_that_jaxlib_does_not_know_are_left_out(monkeypatch):
    monkeypatch.setattr(compiler, "WITHOUT_YNNPACK", {"xla_cpu_no_such_option": ""})
    assert compiler.compiler_options.__wrapped__() == {}


def test_options_are_those_of_the_device_that_computes(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")  # which `--device cpu` leaves idle
    assert compiler.compiler_options.__wrapped__() == compiler.WITHOUT_YNNPACK
    for device in (jax.devices()[-1], "cpu"):
        with jax.default_device(device):
            assert compiler.default_device() == jax.devices("cpu")[-1 if device != "cpu" else 0]


def test_what_xla_flags_say_counts(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_experimental_ynn_fusion_type=-reduce")
    assert compiler.compiler_options.__wrapped__() == {}
