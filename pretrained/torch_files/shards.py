"""A state dict in several files, as Hugging Face splits large ones: an index in JSON says which name is in which file.

{"metadata": {...}, "weight_map": {"conv1.weight": "model-00001-of-00002.safetensors", ...}}
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from pretrained.torch_files.errors import CheckpointError

# In a folder, the first of these; `.bin` is a file of PyTorch's.
FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")


def weights_in(folder: Path) -> Path:
    """The file of weights in a folder that a model of Hugging Face was saved to.

    Raises:
      CheckpointError: there is none.
    """
    for name in FILES:
        if (folder / name).is_file():
            return folder / name
    raise CheckpointError(f"{folder} is a folder, and has none of {', '.join(FILES)}; name a file")


def read_shards(index: Path, read: Callable[[Path], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Reads all the files that an index names, which lie beside it.

    Raises:
      CheckpointError: the index is broken, or names a file or an array that is not there.
    """
    try:
        named = json.loads(index.read_text("utf-8"))["weight_map"]
        if not all(isinstance(text, str) for item in named.items() for text in item):
            raise ValueError("its weight_map is not from names to names")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{index}: expected a JSON index with a weight_map, name -> file ({error})") from error
    arrays = {}
    for file in dict.fromkeys(named.values()):
        if Path(file).name != file or file.endswith(".json") or not os.path.isfile(index.parent / file):
            raise CheckpointError(f"{index}: there is no file of weights {file!r} beside it")
        shard = read(index.parent / file)
        wanted = [name for name, its in named.items() if its == file]
        missing = [name for name in wanted if name not in shard]
        if missing:
            raise CheckpointError(
                f"{index.parent / file}: {index.name} says that it holds {missing[0]}, which it does not"
            )
        arrays |= {name: shard[name] for name in wanted}
    return arrays
