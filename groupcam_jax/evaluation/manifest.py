"""The inputs of a run, written into its folder so that runs do not mix, neither one after the other nor at once."""

import contextlib
import functools
import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import jax
import numpy as np
from filelock import AcquireReturnProxy, FileLock, Timeout

from groupcam_jax.evaluation.data.values import require_object
from groupcam_jax.files import write_json
from groupcam_jax.program.params import is_key
from groupcam_jax.types import Params

DIGITS = 16
YOUNGER = ("network", "class_names")  # not in what earlier versions wrote: their folders are taken as they are


def fingerprint(params: Params) -> str:
    """Identifies weights: the shortened SHA-256 of all arrays of a tree with their paths."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if hasattr(leaf, "dtype"):
            leaf = jax.random.key_data(leaf) if is_key(leaf) else leaf
            digest.update(f"{jax.tree_util.keystr(path)} {leaf.dtype}{[*leaf.shape]}".encode())
            digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()[:DIGITS]


def place_of(data: str) -> str:
    """A folder by its resolved path, and any other data by name."""
    return str(Path(data).resolve()) if Path(data).is_dir() else data


@contextlib.contextmanager
def claim(folder: Path, manifest: Mapping[str, object], process: int = 0) -> Iterator[None]:
    """Holds a folder for a process of a run, after checking that it is empty or holds the same run.

    Raises:
      ValueError: see `hold` and `check`.
    """
    with hold(folder, process):
        check(folder, manifest)
        yield


def hold(folder: Path, process: int) -> AcquireReturnProxy:
    """Holds a folder, which it makes if there is none, for a process of a run; leave its context to free it.

    Raises:
      ValueError: another run is at work in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        held = lock(folder, process).acquire(blocking=False)
    except Timeout:
        raise ValueError(
            f"{folder} is in use by {holder(folder, process)}; wait for it, or choose another --output"
        ) from None
    began = datetime.now().astimezone().isoformat(timespec="seconds")
    name_of_holder(folder, process).write_text(f"process {os.getpid()} on {platform.node()}, since {began}\n")
    return held


def wait_for_others(folder: Path, processes: int, tell: Callable[[str], object]) -> None:
    """Waits, for as long as it takes, until no process but the first holds a folder; says for whom it waits."""
    for process in range(1, processes):
        other = lock(folder, process)
        try:
            other.acquire(blocking=False)
        except Timeout:
            tell(f"process 0 waits for process {process} to end its share of {folder}: {holder(folder, process)}")
            other.acquire(poll_interval=0.5)
        other.release()


def lock(folder: Path, process: int) -> FileLock:
    """What a process holds while it is at work in a folder, and loses when it dies.

    The file stays. Were it removed at the end, a process that had opened it before would then hold a file that nobody
    sees, beside one that holds a new file of this name.
    """
    return FileLock(folder / f".process-{process}.lock")


def name_of_holder(folder: Path, process: int) -> Path:
    """The file that names the last process that held a folder."""
    return folder / f".process-{process}.txt"


def holder(folder: Path, process: int) -> str:
    """The process that holds a folder, for a message."""
    file = name_of_holder(folder, process)
    return file.read_text().strip() if file.exists() else "another process"


def check(folder: Path, manifest: Mapping[str, object]) -> Mapping[str, object]:
    """Writes the manifest of a run into its folder, or checks the one that is there.

    Returns:
      the manifest, without what an earlier version has not written there.

    Raises:
      ValueError: it holds another run, or records of which nobody knows the run.
    """
    recorded = [path.name for pattern in ("*.jsonl", "checkpoints") for path in folder.glob(pattern)]
    file, remedy = folder / "run.json", "choose another --output, or put it back"
    if not file.exists():
        if recorded:
            raise ValueError(f"{folder} has {recorded[0]}, but no run.json that tells what it is of; {remedy}")
        write_json(file, manifest)
        return manifest
    try:
        found = require_object(json.loads(file.read_bytes()))
        text = functools.partial(json.dumps, sort_keys=True)  # in Python False equals 0
        told = {name: value for name, value in manifest.items() if name in found or name not in YOUNGER}
        differing = [name for name in told if text(found.get(name)) != text(told[name])]
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is damaged: {error}; {remedy}, as it was written") from error
    if differing:
        listed = "; ".join(f"{name} is {found.get(name)!r}, not {manifest[name]!r}" for name in differing)
        raise ValueError(f"{folder} holds another run ({listed}); choose another --output")
    return told
