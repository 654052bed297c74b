"""Trains a small vision transformer on drawn scenes, for `experiments.transformers`.

    python -m experiments.training.train_vit --output vit.safetensors

Its first layers are those of the embedded network, frozen: their map of 12 x 12 becomes the tokens. Three blocks
follow; the head reads the class token. As for the embedded network, in the first half of the training the tokens under
the target are asked for its class too, ever less.
"""

import functools
from pathlib import Path
from typing import Annotated, Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import typer
from flax.traverse_util import flatten_dict

from groupcam_jax import split
from groupcam_jax.types import Params
from pretrained.networks import shapes
from pretrained.scenes.draw import CLASS_NAMES, SIZE, scene
from pretrained.torch_files.state_dict import write_safetensors

GRID = 12  # tokens on a side


class Block(nn.Module):
    """Attention and a perceptron, each after a layer norm (arXiv:2010.11929)."""

    width: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps tokens `[n, tokens, width]` to the same shape."""
        x = x + nn.MultiHeadAttention(num_heads=4)(nn.LayerNorm()(x))
        return x + nn.Dense(self.width)(nn.gelu(nn.Dense(3 * self.width)(nn.LayerNorm()(x))))


class Hybrid(nn.Module):
    """A transformer of the map of a convolutional network (arXiv:2010.11929, "hybrid")."""

    width: int = 96
    depth: int = 3

    @nn.compact
    def __call__(self, x: jax.Array, tokens: bool = False) -> jax.Array:
        """Maps `[n, 12, 12, 64]` to logits `[n, classes]`, or to those of each of the tokens `[n, 145, classes]`."""
        x = nn.Dense(self.width)(x)
        x = x.reshape(len(x), GRID * GRID, self.width)
        first = self.param("class_token", nn.initializers.normal(0.02), (1, 1, self.width))
        x = jnp.concatenate([jnp.broadcast_to(first, (len(x), 1, self.width)), x], 1)
        x = x + self.param("positions", nn.initializers.normal(0.02), (1, GRID * GRID + 1, self.width))
        for _ in range(self.depth):
            x = Block(self.width)(x)
        x = nn.LayerNorm()(x)
        return nn.Dense(len(CLASS_NAMES), name="head")(x if tokens else x[:, 0])


def trunk(images: jax.Array) -> jax.Array:
    """The first layers of the embedded network: images `[n, 96, 96, 3]` to `[n, 12, 12, 64]`."""
    network = shapes.load()
    features, _ = split(network.apply, network.params, images, "layer2_0")
    return features(network.params, images)[0]


def apply(variables: Params, images: jax.Array) -> jax.Array:
    """The logits of normalised images `[n, 96, 96, 3]`."""
    module: Any = Hybrid()
    return module.apply(variables, trunk(images))


def train(steps: int, batch: int, rate: float) -> Params:
    """Trains the transformer; returns its variables."""
    module: Any = Hybrid()
    variables = module.init(jax.random.key(0), jnp.zeros((1, GRID, GRID, 64)))
    optimizer = optax.adamw(optax.warmup_cosine_decay_schedule(0.0, rate, steps // 20, steps), weight_decay=0.02)
    cross_entropy = optax.softmax_cross_entropy_with_integer_labels

    def loss(variables, scenes, guidance):
        logits = module.apply(variables, trunk(shapes.normalize(scenes.image)), tokens=True)
        cells = SIZE // GRID
        cover = scenes.mask.reshape(batch, GRID, cells, GRID, cells).mean((2, 4)).reshape(batch, GRID * GRID)
        labels = jnp.broadcast_to(scenes.label[:, None], logits.shape[:2])
        losses = cross_entropy(logits, labels)
        guided = (losses[:, 1:] * cover).sum() / cover.sum()
        return losses[:, 0].mean() + guidance * guided, (logits[:, 0].argmax(1) == scenes.label).mean()

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(variables, moments, key, guidance):
        scenes = jax.vmap(scene)(jax.random.split(key, batch))
        (_, right), gradient = jax.value_and_grad(loss, has_aux=True)(variables, scenes, guidance)
        updates, moments = optimizer.update(gradient, moments, variables)
        return optax.apply_updates(variables, updates), moments, right

    moments, accuracy = optimizer.init(variables), 0.0
    for index, key in enumerate(jax.random.split(jax.random.key(1), steps)):
        variables, moments, right = step(variables, moments, key, jnp.float32(max(0, 1 - 2 * index / steps)))
        accuracy += 0.02 * (float(right) - accuracy)
        if index % 100 == 99:
            print(f"step {index + 1}: accuracy of the last batches {accuracy:.3f}", flush=True)
    return variables


def main(
    output: Annotated[Path, typer.Option(help="Where the weights go.")],
    steps: Annotated[int, typer.Option(help="Batches to train on.")] = 1000,
    batch: Annotated[int, typer.Option(help="Scenes in a batch.")] = 64,
    rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 1e-3,
) -> None:
    """Train a small vision transformer on drawn scenes."""
    variables = train(steps, batch, rate)
    write_safetensors(output, {name: np.asarray(leaf) for name, leaf in flatten_dict(variables, sep="/").items()})


if __name__ == "__main__":
    typer.run(main)
