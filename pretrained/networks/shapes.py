"""The embedded network: a small ResNet that names the target of a drawn scene (see `pretrained.scenes`).

It needs no download, explains in a second, and its scenes come with exact masks: the library's own benchmark. Trained
by `experiments/training/train_shapes.py`, which also writes `shapes.json`: its accuracy on held-out scenes, and more.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.traverse_util import flatten_dict, unflatten_dict
from jaxtyping import Array, ArrayLike
from safetensors.numpy import load_file

from groupcam_jax.types import Classifier
from pretrained.networks.resnet import BasicBlock
from pretrained.scenes.draw import CLASS_NAMES, SIZE

WEIGHTS = Path(__file__).with_name("shapes.safetensors")
LAYER = "layer3_0"  # the last activation, 12 x 12


class ShapesNet(nn.Module):
    """`logits = ShapesNet().apply(variables, images)`; the scopes are named as in `ResNet`.

    Attributes:
      widths: channels of the stem and of three layers with one block each; all but the last halve the map.
      num_classes: length of the logits.
      activation: the nonlinearity.
      use_running_average: batch norm uses the stored statistics; False uses the batch's and updates `batch_stats`.
    """

    widths: Sequence[int] = (16, 32, 64, 96)
    num_classes: int = len(CLASS_NAMES)
    activation: Callable[[jax.Array], jax.Array] = nn.relu
    use_running_average: bool = True

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        """Maps preprocessed scenes `[n, h, w, 3]` to logits `[n, num_classes]`."""
        norm = partial(nn.BatchNorm, use_running_average=self.use_running_average, momentum=0.9)
        stem, *layers = self.widths
        x = nn.Conv(stem, (5, 5), 2, use_bias=False, name="conv1")(images)
        x = self.activation(norm(name="bn1")(x))
        for index, (width, stride) in enumerate(zip(layers, (2, 2, 1), strict=True), start=1):
            x = BasicBlock(width, stride, norm, self.activation, name=f"layer{index}_0")(x)
        return nn.Dense(self.num_classes, name="fc")(x.mean((1, 2)))


def preprocess(pixels: ArrayLike) -> Array:
    """Scales uint8 `[h, w, 3]` to about zero mean and unit variance."""
    return normalize(jnp.asarray(pixels, jnp.float32) / 255)


def normalize(image: Array) -> Array:
    """Scales a scene's image in [0, 1] to about zero mean and unit variance."""
    return (image - 0.5) / 0.25


def load() -> Classifier:
    """Loads the classifier of drawn scenes.

    Raises:
      ValueError: the weights file does not fit this network.
    """
    template = untrained(len(CLASS_NAMES))
    expected: dict[str, Any] = flatten_dict(template.params, sep="/")
    arrays = load_file(WEIGHTS)
    found = {name: (*array.shape,) for name, array in arrays.items()}
    wrong = found.items() ^ {name: (*leaf.shape,) for name, leaf in expected.items()}.items()
    if wrong:
        raise ValueError(f"{WEIGHTS} is not of this network, install the package again; what differs: {sorted(wrong)}")
    return template._replace(
        params=unflatten_dict({name: jnp.asarray(array) for name, array in arrays.items()}, sep="/")
    )


def untrained(num_classes: int) -> Classifier:
    """The network with the shapes of its weights alone."""
    module = ShapesNet(num_classes=num_classes)
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3))))
    return Classifier(module.apply, shapes, preprocess, CLASS_NAMES, LAYER, SIZE)
