"""Models of other libraries, as their users write them for this one: `apply, params = build(name)`.

All take images of 96 x 96 and know 10 classes; their weights are random.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

SIZE = 96
Model = tuple[Callable[[Any, Any], Any], Any]


class Library(NamedTuple):
    """A library.

    Attributes:
      name: as its own page spells it.
      package: the distribution whose version is told.
      build: from a model's name to `(apply, params)`.
      models: the names of its models.
    """

    name: str
    package: str
    build: Callable[[str], Model]
    models: tuple[str, ...]


def ours(name: str) -> Model:
    """`pretrained`."""
    from pretrained.catalogue import IMAGENET

    model = IMAGENET[name].build()
    return model.apply, model.init(jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)))


def big_vision(name: str) -> Model:
    """A vision transformer whose module returns `(logits, out)`, as those of big_vision; written in Linen."""
    import flax.linen as nn

    class VisionTransformer(nn.Module):
        @nn.compact
        def __call__(self, images):
            x = nn.Conv(32, (8, 8), strides=8)(images).reshape(len(images), -1, 32)
            out = {"stem": x}
            for _ in range(2):
                x = x + nn.MultiHeadAttention(4)(nn.LayerNorm()(x))
                x = x + nn.Dense(32)(nn.gelu(nn.Dense(64)(nn.LayerNorm()(x))))
            if name == "map":
                probe = jnp.broadcast_to(self.param("probe", nn.initializers.normal(), (1, 1, 32)), (len(x), 1, 32))
                x = nn.MultiHeadAttention(4)(probe, x)
            out["pre_logits"] = nn.LayerNorm()(x).mean(1)
            return nn.Dense(10)(out["pre_logits"]), out

    model = VisionTransformer()
    params = model.init(jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)))
    return lambda params, images: model.apply(params, images)[0], params


def nnx(name: str) -> Model:
    """Flax NNX."""
    from flax import nnx

    class Residual(nnx.Module):
        def __init__(self, rngs):
            self.conv, self.norm = nnx.Conv(16, 16, (3, 3), rngs=rngs), nnx.BatchNorm(16, rngs=rngs)

        def __call__(self, x):
            return nnx.relu(x + self.norm(self.conv(x)))

    class Network(nnx.Module):
        def __init__(self, rngs):
            self.stem, self.drop = nnx.Conv(3, 16, (8, 8), strides=8, rngs=rngs), nnx.Dropout(0.5, rngs=rngs)
            self.blocks, self.head = nnx.List([Residual(rngs) for _ in range(3)]), nnx.Linear(16, 10, rngs=rngs)

        def __call__(self, x):
            x = self.stem(x)
            for block in self.blocks:
                x = block(x)
            return self.head(self.drop(x.mean((1, 2))))

    model = Network(nnx.Rngs(0))
    model.eval()
    graph, state = nnx.split(model)
    return lambda state, images: nnx.merge(graph, state)(images), state


def equinox(name: str) -> Model:
    """Equinox."""
    import equinox as eqx

    class Network(eqx.Module):
        convs: list
        norm: eqx.nn.BatchNorm
        drop: eqx.nn.Dropout
        fc: eqx.nn.Linear

        def __init__(self, key):
            keys = jax.random.split(key, 3)
            self.convs = [eqx.nn.Conv2d(3, 16, 8, 8, key=keys[0]), eqx.nn.Conv2d(16, 16, 3, padding=1, key=keys[1])]
            self.norm, self.drop = eqx.nn.BatchNorm(16, "batch", mode="batch"), eqx.nn.Dropout()
            self.fc = eqx.nn.Linear(16, 10, key=keys[2])

        def __call__(self, x, state):
            for conv in self.convs:
                x = jax.nn.relu(conv(x))
            x, state = self.norm(x, state)
            return self.fc(self.drop(x.mean((1, 2)))), state

    model, state = eqx.nn.make_with_state(Network)(jax.random.key(0))
    model = eqx.nn.inference_mode(model)

    def apply(params, images):
        model, state = params
        return jax.vmap(lambda image: model(image, state)[0], axis_name="batch")(images.transpose(0, 3, 1, 2))

    return apply, (model, state)


def equimo(name: str) -> Model:
    """Equimo."""
    import equinox as eqx
    from equimo.models import convnext, mobilenet, shvit, vit

    builders = {**vars(convnext), **vars(mobilenet), **vars(shvit), **vars(vit)}
    sized = {"img_size": SIZE} if "vit_" in name else {}
    model = builders[name](in_channels=3, num_classes=10, key=jax.random.key(0), **sized)
    model, key = eqx.nn.inference_mode(model), jax.random.key(0)

    def apply(model, images):
        return jax.vmap(lambda image: model(image, key, inference=True))(images.transpose(0, 3, 1, 2))

    return apply, model


def haiku(name: str) -> Model:
    """Haiku."""
    import haiku as hk

    model = hk.without_apply_rng(
        hk.transform_with_state(lambda images, train: getattr(hk.nets, name)(num_classes=10)(images, is_training=train))
    )
    # Its averages begin with the statistics of these images.
    variables = model.init(jax.random.key(0), jax.random.normal(jax.random.key(0), (1, SIZE, SIZE, 3)), True)
    return lambda variables, images: model.apply(*variables, images, False)[0], variables


def keras(name: str) -> Model:
    """Keras 3."""
    from pretrained.networks.keras_applications import import_keras

    model = getattr(import_keras().applications, name)(weights=None, input_shape=(SIZE, SIZE, 3), classes=10)
    variables = model.trainable_variables, model.non_trainable_variables
    params = tuple([variable.value for variable in group] for group in variables)
    return lambda params, images: model.stateless_call(*params, images, training=False)[0], params


def transformers(name: str) -> Model:
    """Transformers 4."""
    import transformers

    small = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
    tokens = {**small, "image_size": SIZE, "patch_size": 16} if name in ("ViT", "Beit", "Dinov2") else {}
    config = getattr(transformers, f"{name}Config")(num_labels=10, **tokens)
    model = getattr(transformers, f"Flax{name}ForImageClassification")(config, input_shape=(1, SIZE, SIZE, 3))
    return lambda params, images: model(images.transpose(0, 3, 1, 2), params=params).logits, model.params


def flaxmodels(name: str) -> Model:
    """flaxmodels; its networks end in a softmax by default."""
    import flaxmodels

    model = getattr(flaxmodels, name)(output="softmax", pretrained=None, num_classes=10)
    variables = model.init(jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)), train=False)
    return lambda variables, images: model.apply(variables, images, train=False), variables


def jax_resnet(name: str) -> Model:
    """jax-resnet."""
    import jax_resnet

    model = getattr(jax_resnet, name)(n_classes=10)
    variables = model.init(jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)))
    return model.apply, variables


def stax(name: str) -> Model:
    """stax, JAX's own example library."""
    from jax.example_libraries import stax

    branch = stax.serial(stax.Conv(16, (3, 3), padding="SAME"), stax.BatchNorm(), stax.Relu)
    residual = stax.serial(stax.FanOut(2), stax.parallel(branch, stax.Identity), stax.FanInSum, stax.Relu)
    init, apply = stax.serial(
        stax.Conv(16, (8, 8), strides=(8, 8)), residual, stax.AvgPool((12, 12)), stax.Flatten, stax.Dense(10),
        stax.LogSoftmax,
    )  # fmt: skip
    return apply, init(jax.random.key(0), (1, SIZE, SIZE, 3))[1]


def nanodl(name: str) -> Model:
    """NanoDL."""
    import nanodl as library

    model = library.ViT(
        dropout=0.0, num_heads=2, feedforward_dim=32, patch_size=(16, 16), hidden_dim=32, num_layers=2, n_outputs=10
    )
    params = model.init(jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)))
    return lambda params, images: model.apply(params, images)[0], params


LIBRARIES = (
    Library("Flax Linen, as big_vision", "flax", big_vision, ("mean", "map")),
    Library("Flax NNX", "flax", nnx, ("residual network",)),
    Library("Equinox", "equinox", equinox, ("batch norm with state",)),
    Library("Equimo", "equimo", equimo, ("convnext_t", "mobilenetv3_small", "vit_tiny_patch16_224")),
    Library("Haiku", "dm-haiku", haiku, ("ResNet18", "MobileNetV1")),
    Library(
        "Keras 3",
        "keras",
        keras,
        ("VGG16", "ResNet50V2", "MobileNetV2", "MobileNetV3Small", "EfficientNetV2B0", "ConvNeXtTiny"),
    ),
    Library("Transformers 4", "transformers", transformers, ("ViT", "Beit", "Dinov2", "ResNet", "RegNet")),
    Library("flaxmodels", "flaxmodels", flaxmodels, ("ResNet18",)),
    Library("jax-resnet", "jax-resnet", jax_resnet, ("ResNet18",)),
    Library("stax", "jax", stax, ("residual network",)),
    Library("NanoDL", "nanodl", nanodl, ("ViT",)),
    Library("pretrained", "groupcam-jax", ours, ("resnet18", "vgg11", "efficientnet-lite0")),
)
