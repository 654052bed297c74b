"""Classifiers by name."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import ArrayLike

from groupcam_jax.types import Classifier
from pretrained.convert.hugging_face import CONFIG, named_classes, read_config, told_normalization
from pretrained.convert.names import HUGGING_FACE, fit_names, prefixes, require_last
from pretrained.convert.normalization import with_normalization, without_normalization
from pretrained.convert.variables import to_flax, torch_shapes
from pretrained.fetching.download import download
from pretrained.fetching.installed import installed
from pretrained.fine_tuned import read_fine_tuned, with_weights
from pretrained.networks import efficientnet_lite, imagenet, keras_applications, resnet, shapes, vgg
from pretrained.torch_files.errors import CheckpointError
from pretrained.torch_files.state_dict import read_state_dict

LOG = logging.getLogger(__name__)


class Network(NamedTuple):
    """A network trained on ImageNet.

    Attributes:
      build: makes the module; takes `num_classes`.
      layer: the layer to explain: the last ReLU, which in VGG comes before the last pooling.
      image_size: height and width of its images.
      preprocess: uint8 `[h, w, 3]` to an image.
      published: finds the published weights by the network's name.
    """

    build: Callable[..., nn.Module]
    layer: str
    image_size: int = 224
    preprocess: Callable[[ArrayLike], jax.Array] = imagenet.normalize
    published: Callable[[str], Path] = download


def lite(build: Callable[..., nn.Module], image_size: int) -> Network:
    """An EfficientNet-Lite."""
    return Network(build, "_swish", image_size, efficientnet_lite.normalize, installed)


IMAGENET = {
    "efficientnet-lite0": lite(efficientnet_lite.efficientnet_lite0, 224),
    "efficientnet-lite1": lite(efficientnet_lite.efficientnet_lite1, 240),
    "efficientnet-lite2": lite(efficientnet_lite.efficientnet_lite2, 260),
    "efficientnet-lite3": lite(efficientnet_lite.efficientnet_lite3, 280),
    "efficientnet-lite4": lite(efficientnet_lite.efficientnet_lite4, 300),
    "resnet18": Network(resnet.resnet18, "layer4_1"),
    "resnet34": Network(resnet.resnet34, "layer4_2"),
    "resnet50": Network(resnet.resnet50, "layer4_2"),
    "resnet101": Network(resnet.resnet101, "layer4_2"),
    "resnet152": Network(resnet.resnet152, "layer4_2"),
    "vgg11": Network(vgg.vgg11, "features_19"),
    "vgg13": Network(vgg.vgg13, "features_23"),
    "vgg16": Network(vgg.vgg16, "features_29"),
    "vgg19": Network(vgg.vgg19, "features_35"),
}
NAMES = ("shapes", *IMAGENET)


def load(name: str, weights: str | os.PathLike[str] | None = None, *, state_dict: str | None = None) -> Classifier:
    """Loads a trained classifier.

    Args:
      name: one of `NAMES`, or "keras:NAME" for a network of `keras.applications`. "shapes" is part of the package and
        names drawn shapes. The others name ImageNet's 1,000 classes: the weights of "efficientnet-lite0", 1 and 2 are
        packages of their own, torchvision's are downloaded once; both are checked by their hash. Keras downloads and
        checks most of its own.
      weights: a state dict of the network, `.pth` or `.safetensors` (Keras: `.weights.h5`), or what
        `groupcam fine-tune` has written, with its own classes, instead of the published one. The network is built
        for as many classes as the state dict has. What Hugging Face's and timm's files beside it say of classes and of
        the mean and deviation of pictures counts, and mean and deviation in the state dict do.
      state_dict: the name of the state dict in a file that has several, such as "state_dict_ema"; or of one module of
        several in it, such as "teacher".

    Returns:
      The classifier with its weights, preprocessing and class names.

    Raises:
      ValueError: no such name, a network without published weights, or a state dict of another network, or of a larger
        one, or that is not finite, or pictures that are normalised in a way that is not known.
      ImportError: the package with the weights, or Keras on JAX, is not installed; the message says which.
      OSError: the weights cannot be downloaded or read.
    """
    if state_dict is not None and (weights is None or name.startswith("keras:") or name == "shapes"):
        raise ValueError(f"--state-dict {state_dict}: it goes with --weights, and a network of {', '.join(IMAGENET)}")
    if name.startswith("keras:"):
        return keras_applications.load(name.removeprefix("keras:"), weights)
    if name not in NAMES:
        raise ValueError(
            f"there is no network {name!r}; there are {', '.join(NAMES)}, keras:NAME, and FILE.py:FUNCTION for your own"
        )
    tuned = None if weights is None else read_fine_tuned(weights)
    if tuned is not None:
        one_logit = any(array.shape == (1,) for array in tuned.arrays.values())  # the bias of the last layer
        return with_weights(untrained(name, 1 if one_logit else len(tuned.class_names)), tuned)
    if name == "shapes":
        if weights is not None:
            raise ValueError(
                "the network 'shapes' has its own weights; other weights, but those of a fine-tuning of it, go with a "
                "network of ImageNet's"
            )
        return shapes.load()
    source = IMAGENET[name].published(name) if weights is None else weights
    network = untrained(name)
    expected = torch_shapes(network.params)
    try:
        saved, normalizations = without_normalization(read_state_dict(source, state_dict))
        arrays, told = fit_names(saved, expected)
        last = next(name for name, shape in expected.items() if shape == [1000])
        bias, weight = arrays.get(last), arrays.get(last.replace("bias", "weight"))
        if weight is not None and weight.ndim == 2 and expected.keys() <= arrays.keys():
            taken = {id(array) for array in arrays.values()}
            left_out = {name: array for name, array in saved.items() if id(array) not in taken}
            require_last(left_out, weight, [prefix for prefix in prefixes(saved, expected) if prefix])
        if bias is not None and bias.ndim == 1 and 0 < len(bias) != 1000:
            network = untrained(name, len(bias))
            told.append(f"classes: {len(bias)}")
        if weights is not None:
            config, more = read_config(Path(weights), any(HUGGING_FACE in done for done in told))
            normalizations |= told_normalization(config, Path(weights))
            names = named_classes(config, len(network.class_names))
            network = network._replace(class_names=names or network.class_names)
            told += [*more, *[f"took the names of its classes from {CONFIG}"] * bool(names)]
        if normalizations:
            network, more = with_normalization(network, normalizations)
            told += more
        if told:
            LOG.warning("%s: %s", source, "; ".join(told))
        return network._replace(params=to_flax(arrays, network.params))
    except CheckpointError:
        raise  # with the path
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def module_of(name: str) -> str:
    """The module with the code of a network that `load` knows."""
    if name.startswith("keras:"):
        return keras_applications.__name__
    if name == "shapes":
        return shapes.__name__
    build: Any = IMAGENET[name].build
    return getattr(build, "func", build).__module__  # of a partial, or of a function


def untrained(name: str, num_classes: int = 1000) -> Classifier:
    """A network of `NAMES` with the shapes of its weights alone; ImageNet's classes have names, others numbers."""
    if name == "shapes":
        return shapes.untrained(num_classes)
    network = IMAGENET[name]
    module = network.build(num_classes=num_classes)
    template: Any = jax.eval_shape(lambda: module.init(jax.random.key(0), jnp.zeros((1, 224, 224, 3))))
    # One logit tells two classes apart.
    names = imagenet.class_names() if num_classes == 1000 else [f"class {i}" for i in range(max(2, num_classes))]
    return Classifier(module.apply, template, network.preprocess, names, network.layer, network.image_size)
