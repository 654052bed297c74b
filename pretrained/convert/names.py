"""Names of tensors as a network has them, from the names that training leaves in a state dict.

    model.conv1.weight, module.conv1.weight            one prefix: of Lightning, of your own module, of DataParallel
    layer1._orig_mod.0.conv1.weight                    wrappers of PyTorch's at any place
    resnet.encoder.stages.0.layers.2.layer.1.normalization.weight   layer1.2.bn2.weight, by Hugging Face's transformers

Hugging Face's names do not say where a bottleneck has its stride: see `pretrained.convert.hugging_face`.
"""

import re
from collections.abc import Callable, Collection, Mapping

import numpy as np

WRAPPERS = re.compile(r"\b(module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
BLOCK = re.compile(
    r"(?:resnet\.)?encoder\.stages\.(\d+)\.layers\.(\d+)\.(?:shortcut|layer\.(\d+))\.(convolution|normalization)\."
)
STEM = re.compile(r"(?:resnet\.)?embedder\.embedder\.(convolution|normalization)\.")


def fit_names(
    state_dict: Mapping[str, np.ndarray], expected: Collection[str]
) -> tuple[Mapping[str, np.ndarray], list[str]]:
    """Names the tensors as the network does.

    Where a prefix is there, what the network needs may also be outside of it: `self.backbone` and a new `self.fc`. All
    other tensors outside of it are left out: a loss may have weights too.

    Args:
      state_dict: name -> array, as saved.
      expected: all names that the network needs.

    Returns:
      Name -> array, and what was done, for a human. Where the names do not fit, as they were saved, but without the
      prefix with which most of them would.

    Raises:
      ValueError: the network is in the state dict several times.
    """
    closest, most = state_dict, 0
    for way, rename in WAYS.items():
        renamed = {rename(name): array for name, array in state_dict.items()}
        if len(renamed) < len(state_dict):
            continue  # two names would be one
        found = {prefix: sum(prefix + name in renamed for name in expected) for prefix in prefixes(renamed, expected)}
        whole = [prefix for prefix, count in found.items() if count == len(expected)]
        choices = " or ".join(f"--state-dict {prefix.removesuffix('.')}" for prefix in whole if prefix)
        whole = whole or [
            prefix for prefix in found if all((prefix + name in renamed) != (name in renamed) for name in expected)
        ]
        if len(whole) > 1:
            raise ValueError(
                f"it holds the network {len(whole)} times, under {', '.join(map(repr, whole))}: "
                f"{f'choose with {choices}, or ' if choices else ''}save one of them alone"
            )
        prefix = whole[0] if whole else max(found, key=lambda prefix: found[prefix], default="")
        under = {name.removeprefix(prefix): array for name, array in renamed.items() if name.startswith(prefix)}
        others = {name: array for name, array in renamed.items() if not name.startswith(prefix)}
        if whole:
            beside = {name: others.pop(name) for name in expected if name not in under}
            told = [f"took the names {way}"] * bool(way) + [f"took those under {prefix!r}"] * bool(prefix)
            told += [f"took {', '.join(beside)} beside them"] * bool(beside)
            told += [f"left out {len(others)} others: {', '.join([*others][:5])}"] * bool(others)
            return under | beside, told
        if found.get(prefix, 0) > most:
            strange = {name: array for name, array in others.items() if name not in expected}
            closest, most = strange | under, found[prefix]
    return closest, []


def prefixes(names: Collection[str], expected: Collection[str]) -> list[str]:
    """The prefixes, "" among them, with which the first of the expected names is there."""
    first = next(iter(expected))
    return [name.removesuffix(first) for name in names if name == first or name.endswith(f".{first}")]


def require_last(left_out: Mapping[str, np.ndarray], weight: np.ndarray, others: Collection[str]) -> None:
    """Refuses a network that is a part of a larger one, whose classes come from a layer after it.

    Such a layer reads the logits; or it reads the features in place of a last layer that still has ImageNet's classes.
    A square matrix without a bias is of a loss.

    Args:
      left_out: what is in the state dict and not of the network.
      weight: of the network's last layer, `[classes, features]`.
      others: prefixes of other networks in the state dict, whose layers read what is their own.

    Raises:
      ValueError: there is such a layer.
    """
    classes, features = weight.shape
    for name, array in left_out.items():
        if array.ndim != 2 or not name.endswith(".weight") or name.startswith((*others,)):
            continue
        of_loss = array.shape[0] == classes and f"{name.removesuffix('weight')}bias" not in left_out
        read = "logits" if array.shape[1] == classes and not of_loss else "features"
        if read == "logits" or (classes == 1000 and array.shape[1] == features):
            raise ValueError(
                f"{name} {[*array.shape]} reads the {read} of this network, which is a part of a larger one: give "
                "that, --model FILE.py:factory; or, if the part is what you want, name it by --state-dict"
            )


def unwrapped(name: str) -> str:
    """The name without PyTorch's wrappers: of DataParallel, of a compiled module, of sharded and of recomputed ones."""
    return WRAPPERS.sub("", name)


def from_hugging_face(name: str) -> str:
    """The name in torchvision's ResNet of a tensor of `transformers.ResNetForImageClassification`."""

    def block(match: re.Match[str]) -> str:
        stage, index, number, kind = match.groups()
        norm = kind == "normalization"
        module = f"downsample.{int(norm)}" if number is None else f"{'bn' if norm else 'conv'}{int(number) + 1}"
        return f"layer{int(stage) + 1}.{index}.{module}."

    name = STEM.sub(lambda match: "bn1." if match[1] == "normalization" else "conv1.", BLOCK.sub(block, name))
    return re.sub(r"\bclassifier\.1\.", "fc.", name)


HUGGING_FACE = "from Hugging Face's"
WAYS: dict[str, Callable[[str], str]] = {
    "": str,
    "without PyTorch's wrappers": unwrapped,
    HUGGING_FACE: lambda name: from_hugging_face(unwrapped(name)),
}
