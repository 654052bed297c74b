"""What Hugging Face's `config.json` says of a ResNet, and the names and shapes of its weights do not."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# As torchvision's and the published ones: other values make another network of the same weights.
SAME = {"hidden_act": "relu", "downsample_in_bottleneck": False, "downsample_in_first_stage": False}
EXPECTED = ", ".join(f"{name} = {value!r}" for name, value in SAME.items())


def read_config(weights: Path) -> Mapping[str, Any] | None:
    """Reads and checks the configuration beside weights, in a folder that a model of Hugging Face was saved to.

    Returns:
      What it says, or None if it is not there.

    Raises:
      ValueError: it is of a network that differs from ours, or no JSON object.
    """
    file = (weights if weights.is_dir() else weights.parent) / "config.json"
    if not file.exists():
        return None
    try:
        told = json.loads(file.read_bytes())
        other = [f"{name} = {told[name]!r}" for name, value in SAME.items() if told.get(name, value) != value]
    except (ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"{file} beside it is damaged: {error}") from error
    if other:
        raise ValueError(
            f"{file} says {', '.join(other)}: another network than ours ({EXPECTED}), of the same names and shapes; "
            "give a network of your own, --model FILE.py:factory"
        )
    return told


def named_classes(config: Mapping[str, Any], count: int) -> list[str] | None:
    """The names that a configuration gives to so many classes; None if it does not, or only LABEL_0, LABEL_1, ..."""
    labels, told = [str(label) for label in range(count)], config.get("id2label")
    if not isinstance(told, dict) or told.keys() != {*labels} or not all(isinstance(told[it], str) for it in labels):
        return None
    names = [told[label] for label in labels]
    return None if names == [f"LABEL_{label}" for label in labels] else names
