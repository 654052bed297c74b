"""What files of Hugging Face's and timm's say beside weights, and the names and shapes of the weights do not.

config.json                 names of the classes: id2label, timm's label_names; how timm normalised its pictures;
                            and of Hugging Face's ResNets, which have one of several kinds
preprocessor_config.json    how Hugging Face normalised its pictures
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pretrained.convert.normalization import normalization
from pretrained.networks.imagenet import Normalization, class_index

# As torchvision's and the published ones: other values make another network of the same weights.
SAME = {"hidden_act": "relu", "downsample_in_bottleneck": False, "downsample_in_first_stage": False}
EXPECTED = ", ".join(f"{name} = {value!r}" for name, value in SAME.items())
CONFIG, PROCESSOR = "config.json", "preprocessor_config.json"


def read_config(weights: Path, theirs: bool) -> tuple[Mapping[str, Any], list[str]]:
    """Reads the configuration beside weights, in a folder that a model was saved to.

    Args:
      weights: the file or the folder.
      theirs: whether the names of the weights are Hugging Face's: then it is checked. Other people's may be of
        anything, and one that is no JSON object is left out.

    Returns:
      What it says, or nothing, and what is to be told of it.

    Raises:
      ValueError: it is of a network that differs from ours, or no JSON object.
    """
    try:
        config = read_beside(weights, CONFIG)
    except ValueError as error:
        if theirs:
            raise
        return {}, [f"left out: {error}"]
    if config is None:
        return {}, [f"there is no {CONFIG} beside it; took {EXPECTED}"] * theirs
    other = [f"{name} = {config[name]!r}" for name, value in SAME.items() if config.get(name, value) != value]
    if theirs and other:
        raise ValueError(
            f"{CONFIG} beside it says {', '.join(other)}: another network than ours ({EXPECTED}), of the same names "
            "and shapes; give a network of your own, --model FILE.py:factory"
        )
    return config, []


def read_beside(weights: Path, name: str) -> Mapping[str, Any] | None:
    """Reads a JSON object from the folder of weights; None if it is not there.

    Raises:
      ValueError: it is none.
    """
    file = (weights if weights.is_dir() else weights.parent) / name
    if not file.is_file():
        return None
    try:
        told = json.loads(file.read_bytes())
        if not isinstance(told, dict):
            raise ValueError("expected a JSON object")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} beside it is damaged: {error}") from error
    return told


def named_classes(config: Mapping[str, Any], count: int) -> list[str] | None:
    """The names that a configuration gives to so many classes; None if none, only LABEL_0, ..., or ImageNet's ids."""
    labels = [str(label) for label in range(count)]
    unread = [id for id, _ in class_index()], [f"LABEL_{label}" for label in labels]
    for told in (config.get("id2label"), config.get("label_names")):
        names = [told[it] for it in labels] if isinstance(told, dict) and told.keys() == {*labels} else told
        if isinstance(names, list) and len(names) == count and all(isinstance(name, str) for name in names):
            return None if names in unread else names
    return None


def told_normalization(config: Mapping[str, Any], weights: Path) -> dict[str, Normalization]:
    """How pictures are normalised by what lies beside weights, by the name of the file that says it.

    Raises:
      ValueError: it is said in a way that is not known, or the file is damaged.
    """
    processor = read_beside(weights, PROCESSOR) or {}
    mean, std = processor.get("image_mean"), processor.get("image_std")
    if processor.get("do_normalize") is False:
        mean, std = 0, 1
    if mean is not None and std is not None:
        factor = processor.get("rescale_factor", 1 / 255) if processor.get("do_rescale", True) else 1
        return {PROCESSOR: normalization(mean, std, factor)}
    timm = config.get("pretrained_cfg", config if "architecture" in config else {})  # older ones have it outside
    if isinstance(timm, dict) and timm.get("mean") is not None and timm.get("std") is not None:
        return {CONFIG: normalization(timm["mean"], timm["std"])}
    return {}
