"""The entries of a compilation cache that are as a run has left them; all others are removed before JAX reads any.

A damaged program can kill the process that loads it: there is no checksum where zstandard compresses. So a run writes
the digests of the entries as it ends. An entry of another digest, or of none, as a killed run leaves it, is dropped.
"""

import hashlib
import json
from pathlib import Path

from filelock import FileLock

from groupcam_jax.files import write_json

SEALS = "seals.json"


def drop_unsealed(folder: Path) -> None:
    """Removes the entries that are not as the last run left them.

    Raises:
      OSError: the folder cannot be read or written, or has no locks.
    """
    with jax_lock(folder):
        seals, whole = read_seals(folder), {}
        for path in folder.glob("*-cache"):
            used = path.with_name(path.name.removesuffix("cache") + "atime")  # without it JAX could drop no entry
            if used.exists() and seals.get(path.name) == digest(path):
                whole[path.name] = seals[path.name]
            else:
                path.unlink()
        write_json(folder / SEALS, whole)


def seal(folder: Path) -> None:
    """Writes the digests of the entries that are new.

    Raises:
      OSError: the folder cannot be written.
    """
    with jax_lock(folder):
        seals = read_seals(folder)
        write_json(folder / SEALS, {path.name: seals.get(path.name) or digest(path) for path in folder.glob("*-cache")})


def read_seals(folder: Path) -> dict[str, str]:
    """The digests by the entries' names; none if they are damaged themselves."""
    try:
        seals = json.loads((folder / SEALS).read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return seals if isinstance(seals, dict) else {}


def digest(path: Path) -> str:
    """The hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def jax_lock(folder: Path) -> FileLock:
    """The lock that JAX holds while it reads or writes an entry."""
    return FileLock(folder / ".lockfile", timeout=10)
