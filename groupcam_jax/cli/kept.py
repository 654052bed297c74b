"""Compiled programs are kept between runs: the second run of a command compiles nothing.

JAX's persistent cache does it. It knows a program, the versions and the devices by their hash, and drops what has not
been used for longest. Homes are shared between machines, and a program for one processor may not run on another: each
kind of processor has a folder of its own.
"""

import contextlib
import hashlib
import platform
import warnings
from pathlib import Path
from typing import Annotated

import jax
import typer

from groupcam_jax.cache import cache_folder
from groupcam_jax.cli.sealed import drop_unsealed, seal

LARGEST = 2**28  # bytes of all programs for one kind of processor


def keep_programs(context: typer.Context, off: bool) -> None:
    """Keeps compiled programs in the user's cache folder; a folder of JAX's configuration comes before it."""
    if off:
        jax.config.update("jax_enable_compilation_cache", False)
    elif jax.config.values["jax_compilation_cache_dir"] is None:
        try:
            folder = cache_folder() / "programs" / processor_kind()
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # who writes there runs code here
            drop_unsealed(folder)
        except (OSError, RuntimeError) as error:
            warnings.warn(
                f"compiled programs are not kept ({error}): let GROUPCAM_CACHE name a folder that can be written, "
                "or pass --no-cache",
                stacklevel=1,
            )
            return
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_compilation_cache_max_size", LARGEST)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
        jax.config.update("jax_persistent_cache_enable_xla_caches", "none")  # they have no bound

        @context.call_on_close
        def close() -> None:
            with contextlib.suppress(OSError):  # a full disk: the next run compiles again
                seal(folder)


NoCache = Annotated[
    bool,
    typer.Option("--no-cache", callback=keep_programs, help="Neither use nor keep compiled programs of other runs."),
]


def processor_kind() -> str:
    """A name for processors that run the same instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = [f"flags: {platform.processor()}"]
    told = sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    return f"{platform.machine()}-{hashlib.sha256(''.join(told).encode()).hexdigest()[:8]}"
