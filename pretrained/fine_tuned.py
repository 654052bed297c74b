"""A fine-tuned classifier in one file: its weights, and in the header its classes, its image size and normalisation.

The arrays are called by their paths in the tree of weights ("params/fc/kernel"), and stored as they are.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from safetensors import SafetensorError, safe_open

from groupcam_jax.program.params import by_name
from groupcam_jax.types import Classifier, Params
from pretrained.convert.normalization import normalization
from pretrained.networks.imagenet import Normalization
from pretrained.torch_files.errors import CheckpointError
from pretrained.torch_files.state_dict import read_state_dict, write_safetensors

KEY = "groupcam_jax"  # in the header, so that nobody else's state dict is taken for one of ours
LARGEST = 10_000  # pixels; what is explained first is a blank image of this size


class FineTuned(NamedTuple):
    """What is in a file: arrays by name, a name for each class, height and width of the images, and how they are made.

    The normalisation is None where it is the network's own.
    """

    source: Path
    arrays: Mapping[str, np.ndarray]
    class_names: list[str]
    image_size: int
    normalization: Normalization | None


def write_fine_tuned(path: Path, classifier: Classifier) -> None:
    """Writes the weights of a classifier, whole or not at all.

    Raises:
      OSError: the folder does not exist or cannot be written.
    """
    arrays = {name: np.asarray(leaf) for name, leaf in by_name(classifier.params)[0].items()}
    told: dict[str, Any] = {"class_names": [*classifier.class_names], "image_size": classifier.image_size}
    if isinstance(classifier.preprocess, Normalization):
        told |= {"mean": classifier.preprocess.mean, "std": classifier.preprocess.std}
    write_safetensors(path, arrays, {KEY: json.dumps(told)})


def read_fine_tuned(path: str | os.PathLike[str]) -> FineTuned | None:
    """Reads what `write_fine_tuned` has written; None for any other file.

    Raises:
      CheckpointError: the file is broken.
      OSError: there is no such file, or it may not be read.
    """
    if not Path(path).is_file() and Path(path).exists():
        return None  # a folder, or a pipe, which would wait for ever
    open(path, "rb").close()  # safetensors calls any file that may not be read missing
    try:
        with safe_open(path, "numpy") as file:
            header = file.metadata() or {}
    except SafetensorError:
        return None
    if KEY not in header:
        return None
    try:
        told = json.loads(header[KEY])
        names, size = told["class_names"], told["image_size"]
        if not (isinstance(names, list) and len(names) > 1 and all(isinstance(name, str) for name in names)):
            raise ValueError("class_names are not two names at least")
        if type(size) is not int or not 0 < size <= LARGEST:
            raise ValueError(f"image_size is not between 1 and {LARGEST}")
        prepared = normalization(told["mean"], told["std"]) if "mean" in told else None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(f"{Path(path)}: the header of its fine-tuning is broken ({error})") from error
    return FineTuned(Path(path), read_state_dict(path), names, size, prepared)


def with_weights(classifier: Classifier, tuned: FineTuned) -> Classifier:
    """Puts fine-tuned weights and what goes with them into a classifier; its `params` may be shapes alone.

    Raises:
      ValueError: the file is of another network; the message lists the arrays that differ.
    """
    expected, rebuild = by_name(classifier.params)
    shapes = {name: (*leaf.shape,) for name, leaf in expected.items()}
    found = {name: array.shape for name, array in tuned.arrays.items()}
    differing = sorted(name for name, _ in shapes.items() ^ found.items())
    if differing:
        name = differing[0]
        raise ValueError(
            f"{tuned.source} is not of this network: {len({*differing})} arrays differ, the first is {name}, "
            f"{[*found[name]] if name in found else 'missing'} in the file and "
            f"{[*shapes[name]] if name in shapes else 'unknown'} to the network"
        )
    params: Params = rebuild(
        {name: jax.device_put(tuned.arrays[name].astype(leaf.dtype)) for name, leaf in expected.items()}
    )
    broken = next((name for name, array in tuned.arrays.items() if not np.isfinite(array).all()), None)
    if broken is not None:
        raise ValueError(f"{tuned.source}: weights are NaN or infinite, of {broken} at least")
    prepare = tuned.normalization or classifier.preprocess
    names, size = tuned.class_names, tuned.image_size
    return classifier._replace(params=params, preprocess=prepare, class_names=names, image_size=size)
