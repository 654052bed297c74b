"""Networks as people write them: in Flax, Keras and transformers, with random weights."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from experiments.benchmarks.compiled import SIZE
from groupcam_jax.types import Model, Params


class Network(NamedTuple):
    """A network in both libraries.

    Attributes:
      ours: makes `(model_apply, params)`.
      torch_class: the model type of transformers, or the name in `torch_networks`.
      torch_layer: the module whose output is explained.
      tokens: whether that output is `[n, 1 + tokens, k]`.
    """

    ours: Callable[[], tuple[Model, Params]]
    torch_class: str
    torch_layer: str
    tokens: bool = False


def flax_module(name: str) -> tuple[Model, Params]:
    """A network of `pretrained`, which is plain Flax."""
    from pretrained.catalogue import IMAGENET

    module = IMAGENET[name].build()
    return module.apply, jax.jit(module.init)(jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)))


def keras_application(name: str) -> tuple[Model, Params]:
    """A network of Keras 3 with random weights."""
    from pretrained.networks.keras_applications import import_keras

    model = getattr(import_keras().applications, name)(weights=None, classifier_activation=None)
    params = [
        [variable.value for variable in ones] for ones in (model.trainable_variables, model.non_trainable_variables)
    ]
    return lambda params, images: model.stateless_call(*params, images, training=False)[0], params


def transformers_vit() -> tuple[Model, Params]:
    """ViT-B/16 of transformers with random weights; the checkpoint's images are channels-first, its input is not."""
    from transformers import FlaxViTForImageClassification, ViTConfig

    model: Any = FlaxViTForImageClassification(ViTConfig(num_labels=1000), seed=0)
    return lambda params, images: model(images.transpose(0, 3, 1, 2), params=params).logits, model.params


KERAS = functools.partial(functools.partial, keras_application)
NETWORKS = {
    "ResNet-50 (Flax)": Network(functools.partial(flax_module, "resnet50"), "resnet50", "layer4.2"),
    "VGG19 (Flax)": Network(functools.partial(flax_module, "vgg19"), "vgg19", "features.35"),
    "MobileNetV2 (Keras)": Network(KERAS("MobileNetV2"), "mobilenet_v2", "network.mobilenet_v2.conv_1x1"),
    "EfficientNet-B0 (Keras)": Network(
        KERAS("EfficientNetB0"), "efficientnet", "network.efficientnet.encoder.top_activation"
    ),
    "ConvNeXt-T (Keras)": Network(KERAS("ConvNeXtTiny"), "convnext", "network.convnext.encoder.stages.3"),
    "ViT-B/16 (transformers)": Network(
        transformers_vit, "vit", "network.vit.encoder.layer.11.layernorm_before", tokens=True
    ),
}
