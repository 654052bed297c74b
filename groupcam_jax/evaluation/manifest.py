"""The inputs of a run, written into its folder so that runs do not mix, neither one after the other nor at once."""

import contextlib
import hashlib
import json
import os
import platform
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import jax
import numpy as np
from filelock import FileLock, Timeout

from groupcam_jax.files import write_json
from groupcam_jax.program.params import is_key
from groupcam_jax.types import Params

DIGITS = 16


def fingerprint(params: Params) -> str:
    """Identifies weights: the shortened SHA-256 of all arrays of a tree with their paths."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if hasattr(leaf, "dtype"):
            leaf = jax.random.key_data(leaf) if is_key(leaf) else leaf
            digest.update(f"{jax.tree_util.keystr(path)} {leaf.dtype}{[*leaf.shape]}".encode())
            digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()[:DIGITS]


def code_of(model: str) -> str | None:
    """Identifies a user's model code: the shortened SHA-256 of the file in FILE.py:factory; None for a name."""
    file, colon, _ = model.rpartition(":")
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:DIGITS] if colon else None


def place_of(data: str) -> str:
    """A folder by its resolved path, and any other data by name."""
    return str(Path(data).resolve()) if Path(data).is_dir() else data


@contextlib.contextmanager
def claim(folder: Path, manifest: Mapping[str, object], process: int = 0) -> Iterator[None]:
    """Holds a folder for a process of a run, after checking that it is empty or holds the same run.

    Raises:
      ValueError: it holds another run, or records of which nobody knows the run, or another process is at work in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock, holder = (folder / f".process-{process}.{suffix}" for suffix in ("lock", "txt"))
    try:
        held = FileLock(lock, blocking=False).acquire()
    except Timeout:
        at_work = holder.read_text().strip() if holder.exists() else "another process"
        raise ValueError(f"{folder} is in use by {at_work}; wait for it, or choose another --output") from None
    with held:
        began = datetime.now().astimezone().isoformat(timespec="seconds")
        holder.write_text(f"process {os.getpid()} on {platform.node()}, since {began}\n")
        try:
            check(folder, manifest)
            yield
        finally:
            holder.unlink()


def check(folder: Path, manifest: Mapping[str, object]) -> None:
    """Writes the manifest of a run into its folder, or checks the one that is there."""
    recorded = [path.name for pattern in ("*.jsonl", "checkpoints") for path in folder.glob(pattern)]
    file, remedy = folder / "run.json", "choose another --output, or put it back"
    if not file.exists():
        if recorded:
            raise ValueError(f"{folder} has {recorded[0]}, but no run.json that tells what it is of; {remedy}")
        write_json(file, manifest)
        return
    try:
        found = json.loads(file.read_bytes())
        differing = [name for name in manifest if found.get(name) != manifest[name]]
    except (ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"{file} is damaged: {error}; {remedy}, as it was written") from error
    if differing:
        listed = "; ".join(f"{name} is {found.get(name)!r}, not {manifest[name]!r}" for name in differing)
        raise ValueError(f"{folder} holds another run ({listed}); choose another --output")
