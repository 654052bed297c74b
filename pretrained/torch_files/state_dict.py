"""State dicts, name -> array, from files, `.pth` and `.safetensors`, one or several, and to `.safetensors`."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from groupcam_jax.files import whole_file
from pretrained.torch_files.container import read_torch_file
from pretrained.torch_files.contents import part_of
from pretrained.torch_files.errors import CheckpointError
from pretrained.torch_files.safetensors_file import read_safetensors
from pretrained.torch_files.shards import read_shards, weights_in

LOG = logging.getLogger(__name__)  # what was chosen, for a human; by default on the standard error


def read_state_dict(path: str | os.PathLike[str], wanted: str | None = None) -> dict[str, np.ndarray]:
    """Reads a state dict of a `.pth` file (zip or legacy) or `.safetensors` files, recognised by content.

    Args:
      path: the file, an index of several (`model.safetensors.index.json`), or a folder of Hugging Face's.
      wanted: the name of the state dict in a `.pth` file that has several, such as "state_dict_ema"; or of one module
        of several in a state dict, such as "teacher".

    Returns:
      Name -> array, as saved: PyTorch's names, shapes and layout.

    Raises:
      CheckpointError: the file is broken, of another kind, or holds anything but tensors in its state dict; the message
        starts with the path.
      OSError: there is no such file, or it may not be read.
    """
    path = Path(path)
    if path.is_dir():
        path = weights_in(path)
    if path.exists() and not path.is_file():
        raise CheckpointError(f"{path}: expected a file, and this is a pipe or a device")
    with path.open("rb") as file:
        start = file.read(9)
    is_json, is_safetensors = start[:1] == b"{" and path.suffix == ".json", start[8:] == b"{"
    if not is_json and not is_safetensors:
        arrays, name = read_torch_file(path, wanted)
        if name:
            LOG.warning("%s: took the state dict %r", path, name)
        return arrays
    arrays = read_shards(path, read_state_dict) if is_json else read_safetensors(path)
    part = arrays if wanted is None else part_of(arrays, wanted)
    if not part and wanted is not None:
        raise CheckpointError(f"{path}: no name in it begins with {wanted!r}; leave out --state-dict {wanted}")
    return part


def write_safetensors(
    path: str | os.PathLike[str], state_dict: Mapping[str, np.ndarray], header: dict[str, str] | None = None
) -> None:
    """Writes a state dict as a `.safetensors` file, whole or not at all.

    Args:
      path: the file, replaced if there is one.
      state_dict: name -> array of any shape and layout in memory.
      header: text to store beside it, by name.

    Raises:
      OSError: the folder does not exist or cannot be written.
    """
    # safetensors copies raw memory: a transposed view would silently be written in the wrong order. Its own
    # `save_file` makes files that only their owner can read.
    with whole_file(Path(path)) as file:
        arrays = {name: np.asarray(array, order="C") for name, array in state_dict.items()}
        file.write(save(arrays, header))
