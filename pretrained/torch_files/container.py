"""PyTorch's `.pth` files as NumPy arrays, without PyTorch and without trusting the file.

Format: https://github.com/pytorch/pytorch/blob/main/torch/serialization.py.
"""

import os
from pathlib import Path

import numpy as np

from pretrained.torch_files.contents import find_state_dict
from pretrained.torch_files.errors import CheckpointError
from pretrained.torch_files.legacy import read_legacy
from pretrained.torch_files.stand_ins import Storage
from pretrained.torch_files.tensor import to_array
from pretrained.torch_files.zipped import read_zip


def read_torch_file(path: str | os.PathLike[str], wanted: str | None = None) -> tuple[dict[str, np.ndarray], str]:
    """Reads a state dict of a `.pth` file, zip or legacy.

    Args:
      path: the file; `torch.save(model.state_dict(), path)` wrote it, or a training script that saves more beside it.
      wanted: the name of the state dict in the file, such as "state_dict_ema"; needed if there are several.

    Returns:
      Name -> read-only array, of the shape and dtype it was saved with, and the name of the state dict in the file
      ("" if there is nothing else). Tensors that shared memory still do.

    Raises:
      CheckpointError: the file has no state dict, holds anything else in it, is broken, or is of another kind. The
        message starts with the path.
    """
    with open(path, "rb") as file:
        try:
            is_zip = file.read(4) == b"PK\x03\x04"
            file.seek(0)
            contents, read = (read_zip if is_zip else read_legacy)(file)
            tensors, name = find_state_dict(contents, wanted)
            used = [tensor.storage for tensor in tensors.values()]
            storages = read({storage.key for storage in used if isinstance(storage, Storage)})
            return {name: to_array(name, tensor, storages) for name, tensor in tensors.items()}, name
        except CheckpointError as error:
            raise CheckpointError(f"{Path(path)}: {error}") from error.__cause__
        except Exception as error:  # what a damaged zip makes zipfile raise has no end
            raise CheckpointError(f"{Path(path)}: broken or cut short ({type(error).__name__}: {error})") from error
