"""One small classifier in every form that a user may bring, all of them the same function of seeded weights.

conv 3x3 (3 -> 8), relu; a residual block: conv 3x3, relu, conv 3x3, add, relu; mean over space; linear (8 -> 5)
"""

from typing import Any, NamedTuple

import equinox as eqx
import flax.linen as nn
import jax
from flax import nnx
from jax import lax


class Bundle(NamedTuple):
    """A model as a user hands it over; its residual block has the scope 'block'."""

    apply: Any
    params: Any


def weights() -> dict[str, Any]:
    """The seeded weights: kernels HWIO and biases."""
    keys = iter(jax.random.split(jax.random.key(7), 8))
    shapes = {"stem": (3, 3, 3, 8), "conv1": (3, 3, 8, 8), "conv2": (3, 3, 8, 8), "fc": (8, 5)}
    return {
        name: {
            "kernel": 0.3 * jax.random.normal(next(keys), shape),
            "bias": 0.1 * jax.random.normal(next(keys), shape[-1:]),
        }
        for name, shape in shapes.items()
    }


class LinenBlock(nn.Module):
    @nn.compact
    def __call__(self, x):
        y = nn.relu(nn.Conv(8, (3, 3), name="conv1")(x))
        return nn.relu(x + nn.Conv(8, (3, 3), name="conv2")(y))


class LinenNet(nn.Module):
    remat: bool = False

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(8, (3, 3), name="stem")(x))
        x = (nn.remat(LinenBlock) if self.remat else LinenBlock)(name="block")(x)
        return nn.Dense(5, name="fc")(x.mean((1, 2)))


def linen(*, remat: bool = False, jit: bool = False) -> Bundle:
    w = weights()
    params = {"params": {"stem": w["stem"], "block": {"conv1": w["conv1"], "conv2": w["conv2"]}, "fc": w["fc"]}}
    apply = LinenNet(remat).apply
    return Bundle(jax.jit(apply) if jit else apply, params)


class NnxNet(nnx.Module):
    def __init__(self, rngs):
        self.stem, self.conv1, self.conv2 = (nnx.Conv(i, 8, (3, 3), rngs=rngs) for i in (3, 8, 8))
        self.fc = nnx.Linear(8, 5, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.stem(x))
        with jax.named_scope("block"):
            x = nnx.relu(x + self.conv2(nnx.relu(self.conv1(x))))
        return self.fc(x.mean((1, 2)))


def nnx_net() -> Bundle:
    model = NnxNet(nnx.Rngs(0))
    for name, w in weights().items():
        layer = getattr(model, name)
        layer.kernel[...], layer.bias[...] = w["kernel"], w["bias"]
    graph, state = nnx.split(model)
    return Bundle(lambda state, images: nnx.merge(graph, state)(images), state)


class EqxNet(eqx.Module):
    stem: eqx.nn.Conv2d
    conv1: eqx.nn.Conv2d
    conv2: eqx.nn.Conv2d
    fc: eqx.nn.Linear
    activation: Any
    blocks: int
    dropout: eqx.nn.Dropout

    def __init__(self, weights):
        def conv(w):
            layer = eqx.nn.Conv2d(w["kernel"].shape[2], 8, 3, padding=1, key=jax.random.key(0))
            new = (w["kernel"].transpose(3, 2, 0, 1), w["bias"][:, None, None])
            return eqx.tree_at(lambda layer: (layer.weight, layer.bias), layer, new)

        self.stem, self.conv1, self.conv2 = (conv(weights[name]) for name in ("stem", "conv1", "conv2"))
        fc, new = eqx.nn.Linear(8, 5, key=jax.random.key(0)), (weights["fc"]["kernel"].T, weights["fc"]["bias"])
        self.fc = eqx.tree_at(lambda layer: (layer.weight, layer.bias), fc, new)
        self.activation, self.blocks = jax.nn.relu, 1  # leaves that are no arrays
        self.dropout = eqx.nn.Dropout(inference=True)  # a flag that it branches on is a leaf too

    def __call__(self, x):
        x = self.activation(self.stem(x))
        for _ in range(self.blocks):
            with jax.named_scope("block"):
                x = self.activation(x + self.conv2(self.activation(self.conv1(x))))
        return self.fc(self.dropout(x.mean((1, 2))))


def equinox() -> Bundle:
    def apply(model, images):
        return jax.vmap(model)(images.transpose(0, 3, 1, 2))

    return Bundle(apply, EqxNet(weights()))


def conv(p: Any, x: Any) -> Any:
    y = lax.conv_general_dilated(x, p["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return y + p["bias"][None, None, None]


def below(params: Any, images: Any) -> tuple[Any, Any]:
    """The plain model up to its block, as `(activation, skips)`."""
    x = jax.nn.relu(conv(params["stem"], images))
    with jax.named_scope("block"):
        return jax.nn.relu(x + conv(params["conv2"], jax.nn.relu(conv(params["conv1"], x)))), ()


def above(params: Any, activation: Any, _: Any = ()) -> Any:
    """The plain model from its block on."""
    return activation.mean((1, 2)) @ params["fc"]["kernel"] + params["fc"]["bias"][None]


def plain() -> Bundle:
    return Bundle(lambda params, images: above(params, *below(params, images)), weights())


ALL = {
    "linen": linen,
    "linen-jit": lambda: linen(jit=True),
    "linen-remat": lambda: linen(remat=True),
    "linen-remat-jit": lambda: linen(remat=True, jit=True),
    "nnx": nnx_net,
    "equinox": equinox,
    "plain": plain,
}


def image(height: int = 12, width: int = 12, channels: int = 3, seed: int = 0) -> Any:
    """A seeded image of normalised pixels."""
    return jax.random.normal(jax.random.key(seed), (height, width, channels))
