"""A small network and a few coloured squares, for tests of fine-tuning; as a user's own file it has factories."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from groupcam_jax.types import Classifier

COLOURS = {"blue": (0, 0, 220), "green": (0, 200, 0), "red": (220, 0, 0)}
SIZE = 16


class Net(nn.Module):
    """Two convolutions with a batch norm."""

    num_classes: int = 3
    use_running_average: bool = True

    @nn.compact
    def __call__(self, x):
        x = nn.Conv(8, (3, 3), name="conv1")(x)
        x = nn.relu(nn.BatchNorm(self.use_running_average, momentum=0.9, name="bn1")(x))
        x = nn.relu(nn.Conv(8, (3, 3), strides=2, name="conv2")(x))
        return nn.Dense(self.num_classes, name="fc")(x.mean((1, 2)))


def preprocess(pixels):
    return (jnp.asarray(pixels, jnp.float32) - 127.5) / 127.5


def factory(num_classes=3, names=("red", "green", "blue")):
    module = Net(num_classes)
    params = module.init(jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)))
    return Classifier(module.apply, params, preprocess, names, None, SIZE)


def other_classes():
    return factory(5, tuple("abcde"))


def in_numpy():
    return factory()._replace(preprocess=lambda pixels: (np.asarray(pixels, np.float32) - 127.5) / 127.5)


def softmax():
    classifier = factory()
    return classifier._replace(apply=lambda params, x: jax.nn.softmax(classifier.apply(params, x)))


def plain():
    """Not of Flax, and with averages among its weights."""
    classifier = factory()
    params = {"weights": classifier.params["params"], "bn": classifier.params["batch_stats"]}

    def apply(params, x):
        return classifier.apply({"params": params["weights"], "batch_stats": params["bn"]}, x)

    return classifier._replace(apply=apply, params=params)


def write_squares(folder, count, names=tuple(COLOURS), seed=0):
    """Pictures of a square of each colour on grey, in folders of that name."""
    random = np.random.default_rng(seed)
    for name in names:
        (folder / name).mkdir(parents=True)
        colour = COLOURS.get(name, (0, 0, 0))
        for number in range(count):
            pixels = random.integers(90, 160, (24, 20, 3), dtype=np.uint8)
            row, column = random.integers(4, 12), random.integers(2, 10)
            pixels[row : row + 8, column : column + 8] = colour
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder
