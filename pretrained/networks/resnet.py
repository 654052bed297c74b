"""ResNet-18, 34, 50, 101 and 152 (He et al., arXiv:1512.03385) as Flax Linen modules, equal to torchvision's.

The scopes are torchvision's names with underscores for the dots before digits (`layer4_2/conv3`,
`layer1_0/downsample_0`), so a state dict converts by name alone and an explainer can be asked for `layer4_2`.
Images are `[n, h, w, 3]` after ImageNet normalisation; logits are `[n, num_classes]`. Stride sits on the 3x3
convolution of a bottleneck ("ResNet v1.5"), as in torchvision and unlike the paper.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import jax
from flax import linen as nn


def _conv(features: int, size: int, stride: int = 1, name: str | None = None) -> nn.Conv:
    # Symmetric padding, as in PyTorch: Flax's "SAME" pads only the far side at stride 2.
    border = [(size // 2, size // 2)] * 2
    return nn.Conv(features, (size, size), stride, border, use_bias=False, name=name)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a skip connection: the block of ResNet-18 and 34."""

    expansion: ClassVar[int] = 1
    width: int
    stride: int
    norm: Callable[..., nn.Module]
    activation: Callable[[jax.Array], jax.Array]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[n, h, w, c]` to `[n, h / stride, w / stride, width]`."""
        y = self.activation(self.norm(name="bn1")(_conv(self.width, 3, self.stride, name="conv1")(x)))
        y = self.norm(name="bn2")(_conv(self.width, 3, name="conv2")(y))
        if x.shape != y.shape:
            x = self.norm(name="downsample_1")(_conv(self.width, 1, self.stride, name="downsample_0")(x))
        return self.activation(x + y)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions with a skip connection: the block of ResNet-50 and deeper."""

    expansion: ClassVar[int] = 4
    width: int
    stride: int
    norm: Callable[..., nn.Module]
    activation: Callable[[jax.Array], jax.Array]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[n, h, w, c]` to `[n, h / stride, w / stride, 4 * width]`."""
        y = self.activation(self.norm(name="bn1")(_conv(self.width, 1, name="conv1")(x)))
        y = self.activation(self.norm(name="bn2")(_conv(self.width, 3, self.stride, name="conv2")(y)))
        y = self.norm(name="bn3")(_conv(4 * self.width, 1, name="conv3")(y))
        if x.shape != y.shape:
            x = self.norm(name="downsample_1")(_conv(4 * self.width, 1, self.stride, name="downsample_0")(x))
        return self.activation(x + y)


class ResNet(nn.Module):
    """A residual network: `logits = resnet50().apply(variables, images)`.

    Attributes:
      block: `BasicBlock` or `Bottleneck`.
      depths: blocks in each of the four layers.
      num_classes: length of the logits.
      activation: the nonlinearity, wherever torchvision has its ReLU.
      use_running_average: batch norm uses the stored statistics; False uses the batch's and updates `batch_stats`.
    """

    block: type[BasicBlock] | type[Bottleneck]
    depths: Sequence[int]
    num_classes: int = 1000
    activation: Callable[[jax.Array], jax.Array] = nn.relu
    use_running_average: bool = True

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        """Maps images `[n, h, w, 3]`, ImageNet-normalised, to logits `[n, num_classes]`."""
        norm = partial(nn.BatchNorm, use_running_average=self.use_running_average, momentum=0.9, epsilon=1e-5)
        x = self.activation(norm(name="bn1")(_conv(64, 7, 2, name="conv1")(images)))
        with jax.named_scope("maxpool"):
            border: Any = ((1, 1), (1, 1))  # Flax says that it takes text alone
            x = nn.max_pool(x, (3, 3), (2, 2), border)
        for layer, depth in enumerate(self.depths, start=1):
            for index in range(depth):
                stride = 2 if index == 0 and layer > 1 else 1
                name = f"layer{layer}_{index}"
                x = self.block(32 * 2**layer, stride, norm, self.activation, name=name)(x)
        with jax.named_scope("avgpool"):
            x = x.mean((1, 2))
        return nn.Dense(self.num_classes, name="fc")(x)


resnet18 = partial(ResNet, BasicBlock, (2, 2, 2, 2))
resnet34 = partial(ResNet, BasicBlock, (3, 4, 6, 3))
resnet50 = partial(ResNet, Bottleneck, (3, 4, 6, 3))
resnet101 = partial(ResNet, Bottleneck, (3, 4, 23, 3))
resnet152 = partial(ResNet, Bottleneck, (3, 8, 36, 3))
