"""VGG-11, 13, 16 and 19 without batch norm (Simonyan, Zisserman, arXiv:1409.1556) in Flax Linen, as in torchvision.

The scopes have torchvision's indices, which count ReLUs and poolings: `features_35` is VGG19's last ReLU. The dense
layers take the last map in torch's channel-first order, so a state dict converts by name alone. Dropout is left out:
it is the identity when a trained network is applied. Images are `[n, h, w, 3]` after ImageNet normalisation, h and w
at least 32; logits are `[n, num_classes]`.
"""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn


def _bins(size: int, bins: int) -> np.ndarray:
    """The matrix `[bins, size]` of PyTorch's adaptive pool: bin i averages floor(i s / b) to ceil((i + 1) s / b)."""
    start = np.arange(bins) * size // bins
    stop = -(-np.arange(1, bins + 1) * size // bins)
    inside = (np.arange(size) >= start[:, None]) & (np.arange(size) < stop[:, None])
    return inside / (stop - start)[:, None]


def adaptive_average_pool(x: jax.Array, bins: int) -> jax.Array:
    """Averages `[n, h, w, c]` over overlapping bins to `[n, bins, bins, c]`; the identity where h = w = bins."""
    _, h, w, _ = x.shape
    if h == w == bins:
        return x
    rows, columns = (jnp.asarray(_bins(size, bins), x.dtype) for size in (h, w))
    return jnp.einsum("ih,jw,nhwc->nijc", rows, columns, x)


class VGG(nn.Module):
    """A plain stack of 3x3 convolutions: `logits = vgg19().apply(variables, images)`.

    Attributes:
      depths: convolutions in each of the five stages, a max pool after each stage.
      num_classes: length of the logits.
      activation: the nonlinearity, wherever torchvision has its ReLU.
    """

    depths: Sequence[int]
    num_classes: int = 1000
    activation: Callable[[jax.Array], jax.Array] = nn.relu

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        """Maps images `[n, h, w, 3]`, ImageNet-normalised, to logits `[n, num_classes]`."""
        x, index = images, 0
        for depth, width in zip(self.depths, (64, 128, 256, 512, 512), strict=True):
            for _ in range(depth):
                conv = nn.Conv(width, (3, 3), 1, 1, name=f"features_{index}")
                x = conv(x)
                with jax.named_scope(f"features_{index + 1}"):
                    x = self.activation(x)
                index += 2
            with jax.named_scope(f"features_{index}"):
                x = nn.max_pool(x, (2, 2), (2, 2))
            index += 1
        with jax.named_scope("avgpool"):
            x = adaptive_average_pool(x, 7)
        x = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
        x = self.activation(nn.Dense(4096, name="classifier_0")(x))
        x = self.activation(nn.Dense(4096, name="classifier_3")(x))
        return nn.Dense(self.num_classes, name="classifier_6")(x)


vgg11 = partial(VGG, (1, 1, 2, 2, 2))
vgg13 = partial(VGG, (2, 2, 2, 2, 2))
vgg16 = partial(VGG, (2, 2, 3, 3, 3))
vgg19 = partial(VGG, (2, 2, 4, 4, 4))
