"""The hardware and software behind the figures, and figures written beside it."""

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

from groupcam_jax.files import write_json


def write_measured(path: Path | None, figures: Mapping[str, Any]) -> None:
    """Writes figures as JSON, and what they were measured on; None writes nothing."""
    if path is not None:
        write_json(path, {**figures, "machine": machine()})


def machine() -> dict[str, Any]:
    """Describes what the figures were measured on."""
    names = ("groupcam-jax", "jax", "jaxlib", "flax", "numpy", "optax", "scikit-image", "torch", "captum")
    installed = {distribution.metadata["Name"]: distribution.version for distribution in metadata.distributions()}
    return {
        "device": jax.devices()[0].device_kind,
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "commit": commit(),
        "versions": {name: installed[name] for name in names if name in installed},
        **{name.lower(): os.environ[name] for name in ("XLA_FLAGS", "GLIBC_TUNABLES") if os.environ.get(name)},
    }


def commit() -> str | None:
    """The commit of this checkout, "-dirty" if files differ from it; None outside a checkout."""
    git = ["git", "-C", str(Path(__file__).parent)]
    tracked, described = [*git, "ls-files", "--error-unmatch", __file__], [*git, "describe", "--always", "--dirty"]
    try:  # the environment may lie inside another project's checkout
        subprocess.run(tracked, check=True, capture_output=True)
        return subprocess.run(described, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def processor() -> str:
    """The name of the processor, as far as the system reports it."""
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
