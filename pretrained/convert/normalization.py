"""How a network's own pictures are normalised: as its weights hold it, or as files beside them say.

    normalize.mean, normalize.std [1, 3, 1, 1]    a module before the network, in one state dict with it
    backbone.pixel_mean, backbone.pixel_std [3]   buffers of the network's own module

Another normalisation than that of the training gives other logits, and maps that look right.
"""

import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from groupcam_jax.types import Classifier
from pretrained.networks.imagenet import Normalization


def normalization(mean: Any, std: Any, factor: Any = 1 / 255) -> Normalization:
    """The normalisation by these numbers, of each channel or of all alike, for uint8 times a factor.

    Raises:
      ValueError: they are no mean and no deviations of such pixels.
    """
    try:
        with np.errstate(all="ignore"):
            full = np.asarray(255 * factor, float)
            values = np.stack([np.broadcast_to(np.ravel(np.asarray(value, float)) / full, 3) for value in (mean, std)])
    except (TypeError, ValueError, OverflowError):
        values = np.full((2, 3), np.nan)
    if not ((values >= 0) & (values <= 1)).all() or not values[1].all():
        raise ValueError(
            f"pictures are normalised by mean {reprlib.repr(mean)} and std {reprlib.repr(std)}: expected three numbers "
            f"each, of pixels times {reprlib.repr(factor)}; give a network of your own, --model FILE.py:factory"
        )
    return Normalization(*(tuple(row.tolist()) for row in values))


def without_normalization(
    state_dict: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], dict[str, Normalization]]:
    """A state dict without means and deviations of three numbers, and the normalisations by them, by their names.

    Raises:
      ValueError: a mean without deviations, or the other way round, or they are none of pictures.
    """
    three = {name: array for name, array in state_dict.items() if array.size == 3 and name.endswith(("mean", "std"))}
    found = {}
    for stem in dict.fromkeys(name[: -4 if name.endswith("mean") else -3] for name in three):
        mean, std = three.get(f"{stem}mean"), three.get(f"{stem}std")
        if mean is None or std is None:
            there, missing = ("std", "mean") if mean is None else ("mean", "std")
            raise ValueError(
                f"{stem}{there} has three numbers, as if pictures were normalised by it, and there is no "
                f"{stem}{missing}: name the network alone by --state-dict, or give a network of your own, --model "
                "FILE.py:factory"
            )
        found[f"{stem}mean and std"] = normalization(np.ravel(mean).tolist(), np.ravel(std).tolist())
    return {name: array for name, array in state_dict.items() if name not in three}, found


def with_normalization(classifier: Classifier, found: Mapping[str, Normalization]) -> tuple[Classifier, list[str]]:
    """A classifier with the normalisation that was found, and what was done; as it is where that is its usual one.

    Raises:
      ValueError: several were found, which differ.
    """
    ends = np.array([[[0] * 3, [255] * 3]], np.uint8)
    (first, chosen), *others = found.items()
    for name, other in others:
        if not close(other, chosen, ends):
            raise ValueError(
                f"{first} and {name} normalise pictures in two ways, {chosen} and {other}: name the network alone by "
                "--state-dict, or leave one"
            )
    if close(chosen, classifier.preprocess, ends):
        return classifier, []
    mean, std = ([round(value, 4) for value in values] for values in (chosen.mean, chosen.std))
    told = f"pictures are normalised by mean {mean} and std {std}, by {first}, and not as usual for this network"
    return classifier._replace(preprocess=chosen), [told]


def close(one: Any, other: Any, pixels: np.ndarray) -> bool:
    """Whether two ways to prepare pixels are the same but for less than a step of 8 bits, as of short weights."""
    return np.allclose(one(pixels), other(pixels), rtol=0, atol=1e-2)
