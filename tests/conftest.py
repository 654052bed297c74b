"""Strict JAX for every test, and the library's shape annotations checked by beartype.

Compiling is most of what the tests do. What one process has compiled the others take from a folder that lives as long
as the run, and toy networks are compiled without XLA's optimisations.
"""

import atexit
import gc
import os
import pathlib
import shutil
import signal
import tempfile

os.environ["KERAS_BACKEND"] = "jax"
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:  # the first process; its workers, and what they start, inherit it
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="groupcam-tests-")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)

import hypothesis
import jax
import pytest
from jaxtyping import install_import_hook

gc.set_threshold(100_000)  # as on the command line: a tenth of the time
# A shell has what it runs in the background ignore Ctrl-C, and what that starts inherits it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no error: hypothesis measures time by default.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# What computes on arrays. What handles equations holds few shapes, and is called thousands of times for each trace.
CHECKED = [f"groupcam_jax.{name}" for name in ("explainers", "families", "forms", "metrics", "stages", "targets")]
with install_import_hook(CHECKED, "checker.check"):
    import groupcam_jax.metrics  # noqa: F401

# Tests of whole networks, which take longer to run than to compile, and of what must hold as users compile it.
OPTIMISED = {
    "test_backward",
    "test_captum_peers",
    "test_goldens",
    "test_insertion_deletion",
    "test_load",
    "test_localization",
    "test_peer_goldens",
    "test_shapes",
    "test_tokens",
    "test_torch_peer",
}


@pytest.fixture(autouse=True, scope="module")
def optimisation(request: pytest.FixtureRequest) -> None:
    """Compiles as users do in some modules, and in the others in two thirds of the time."""
    quick = request.module.__name__ not in OPTIMISED
    if jax.config.values["jax_disable_most_optimizations"] != quick:
        jax.config.update("jax_disable_most_optimizations", quick)
        jax.clear_caches()  # what is compiled already would be used as it is


@pytest.fixture(scope="session")
def assets() -> pathlib.Path:
    """The folder of trained networks, photographs and published outputs; tests that need it skip without it."""
    folder = os.environ.get("GROUPCAM_ASSETS")
    if not folder:
        pytest.skip("GROUPCAM_ASSETS is not set")
    return pathlib.Path(folder)
