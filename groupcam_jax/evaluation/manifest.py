"""The inputs of a run, written into its folder so that rows of different runs do not mix."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np

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


def claim(folder: Path, manifest: Mapping[str, object]) -> None:
    """Claims a folder for a run, or checks that the run already owns it.

    Raises:
      ValueError: the folder holds another run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "run.json"
    if file.exists():
        found = json.loads(file.read_text())
        differing = [name for name in manifest if found.get(name) != manifest[name]]
        if differing:
            listed = "; ".join(f"{name} is {found.get(name)!r}, not {manifest[name]!r}" for name in differing)
            raise ValueError(f"{folder} holds another run ({listed}); choose another --output, or remove that folder")
        return
    write_json(file, manifest)
