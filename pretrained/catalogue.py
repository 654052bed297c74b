"""Classifiers by name."""

import os
from typing import Any

import jax
import jax.numpy as jnp

from groupcam_jax.types import Classifier
from pretrained.convert import to_flax
from pretrained.fetching.download import download
from pretrained.networks import resnet, shapes, vgg
from pretrained.networks.imagenet import class_names, normalize
from pretrained.torch_files.state_dict import read_state_dict

# Name -> module and the layer to explain: the last ReLU, which in VGG comes before the last pooling.
IMAGENET = {
    "resnet18": (resnet.resnet18, "layer4_1"),
    "resnet34": (resnet.resnet34, "layer4_2"),
    "resnet50": (resnet.resnet50, "layer4_2"),
    "resnet101": (resnet.resnet101, "layer4_2"),
    "resnet152": (resnet.resnet152, "layer4_2"),
    "vgg11": (vgg.vgg11, "features_19"),
    "vgg13": (vgg.vgg13, "features_23"),
    "vgg16": (vgg.vgg16, "features_29"),
    "vgg19": (vgg.vgg19, "features_35"),
}
NAMES = ("shapes", *IMAGENET)


def load(name: str, weights: str | os.PathLike[str] | None = None) -> Classifier:
    """Loads a trained classifier.

    Args:
      name: one of `NAMES`: "shapes" is part of the package, the others are torchvision's, trained on ImageNet.
      weights: a state dict of a torchvision network, `.pth` or `.safetensors`, instead of the published one, which is
        downloaded once and checked.

    Returns:
      The classifier with its weights, preprocessing and class names.

    Raises:
      ValueError: no such name, or a state dict of another network.
      OSError: the weights cannot be downloaded or read.
    """
    if name not in NAMES:
        raise ValueError(f"there is no network {name!r}; there are {', '.join(NAMES)}")
    if name == "shapes":
        if weights is not None:
            raise ValueError("the network 'shapes' has its own weights; other weights go with a torchvision network")
        return shapes.load()
    builder, layer = IMAGENET[name]
    module = builder()
    template: Any = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 224, 224, 3)))
    params = to_flax(read_state_dict(download(name) if weights is None else weights), template)
    return Classifier(module.apply, params, normalize, class_names(), layer, 224)
