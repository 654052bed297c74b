"""Strict JAX for every test, and the library's shape annotations checked by beartype."""

import os
import pathlib

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"

import jax
import pytest
from jaxtyping import install_import_hook

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

with install_import_hook("groupcam_jax", "beartype.beartype"):
    import groupcam_jax  # noqa: F401


@pytest.fixture(scope="session")
def assets() -> pathlib.Path:
    """The folder of trained networks, photographs and published outputs; tests that need it skip without it."""
    folder = os.environ.get("GROUPCAM_ASSETS")
    if not folder:
        pytest.skip("GROUPCAM_ASSETS is not set")
    return pathlib.Path(folder)
