"""State dicts, name -> array, from and to files: `.pth` and `.safetensors` in, `.safetensors` out."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from groupcam_jax.files import whole_file
from pretrained.torch_files.container import read_torch_file
from pretrained.torch_files.unpickler import CheckpointError


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads the state dict of a `.pth` file (zip or legacy) or a `.safetensors` file, recognised by content.

    Args:
      path: the file.

    Returns:
      Name -> array, as saved: PyTorch's names, shapes and layout.

    Raises:
      CheckpointError: the file is broken, of another kind, or holds anything but tensors; the message starts with the
        path.
      OSError: there is no such file, or it may not be read.
    """
    with open(path, "rb") as file:
        # A safetensors file starts with the length of a JSON header, and the header.
        if file.read(9)[8:] != b"{":
            return read_torch_file(path)
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CheckpointError(f"{Path(path)}: broken or cut short safetensors file ({error})") from error


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
