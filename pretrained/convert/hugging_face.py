"""What Hugging Face's `config.json` says of a ResNet, and the names and shapes of its weights do not."""

import json
from pathlib import Path

# As torchvision's and the published ones: other values make another network of the same weights.
SAME = {"hidden_act": "relu", "downsample_in_bottleneck": False, "downsample_in_first_stage": False}


def require_same_network(weights: Path) -> None:
    """Checks the configuration beside weights, in a folder that a model of Hugging Face was saved to, if it is there.

    Raises:
      ValueError: it is of a network that differs from ours, or no JSON object.
    """
    file = (weights if weights.is_dir() else weights.parent) / "config.json"
    if not file.exists():
        return
    try:
        told = json.loads(file.read_bytes())
        other = [f"{name} = {told[name]!r}" for name, value in SAME.items() if told.get(name, value) != value]
    except (ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"{file} beside it is damaged: {error}") from error
    if other:
        expected = ", ".join(f"{name} = {value!r}" for name, value in SAME.items())
        raise ValueError(
            f"{file} says {', '.join(other)}: another network than ours ({expected}), of the same names and shapes; "
            "give a network of your own, --model FILE.py:factory"
        )
