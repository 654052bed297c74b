"""EfficientNet-Lite 0 to 4 (Tan and Le, arXiv:1905.11946; the Lite form is TensorFlow's) as Flax Linen modules.

Equal to the PyTorch package `efficientnet_lite_pytorch`: ReLU6 for swish, no squeeze and excitation, stem and head of
fixed width. The scopes are its names with underscores for the dots before digits (`_blocks_3/_depthwise_conv`), so a
state dict converts by name alone; its activations are called `_swish` although they are ReLU6.

Images are `[n, h, w, 3]` after `normalize`; logits are `[n, num_classes]`. Padding is TensorFlow's "SAME" for images of
any size. The PyTorch package pads as the network's own image size needs, which is the same at that size alone. Dropout
and drop-connect are left out: they are the identity when a trained network is applied.
"""

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, ArrayLike

# Of each stage: blocks, size of the depthwise kernel, stride of the first block, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def normalize(pixels: ArrayLike) -> Array:
    """Scales uint8 `[h, w, 3]` to [-127/128, 1], as the networks were trained."""
    return (jnp.asarray(pixels, jnp.float32) - 127) / 128


class Block(nn.Module):
    """An inverted bottleneck: 1x1 expansion, depthwise convolution, 1x1 projection; plus the input if the shape stays.

    Attributes:
      channels: of the output.
      size: of the depthwise kernel.
      stride: of the depthwise convolution.
      expansion: channels of the depthwise convolution for each channel of the input; 1 has no expansion layer.
      conv: makes a convolution without bias.
      norm: makes a batch norm.
    """

    channels: int
    size: int
    stride: int
    expansion: int
    conv: Callable[..., nn.Module]
    norm: Callable[..., nn.Module]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[n, h, w, c]` to `[n, h / stride, w / stride, channels]`, rounded up."""
        y, inner = x, x.shape[-1] * self.expansion
        if self.expansion != 1:
            y = relu6(self.norm(name="_bn0")(self.conv(inner, (1, 1), name="_expand_conv")(y)))
        kernel, strides = (self.size, self.size), (self.stride, self.stride)
        y = self.conv(inner, kernel, strides, feature_group_count=inner, name="_depthwise_conv")(y)
        y = relu6(self.norm(name="_bn1")(y))
        y = self.norm(name="_bn2")(self.conv(self.channels, (1, 1), name="_project_conv")(y))
        return x + y if x.shape == y.shape else y


class EfficientNetLite(nn.Module):
    """An EfficientNet-Lite: `logits = efficientnet_lite0().apply(variables, normalize(pixels)[None])`.

    Attributes:
      width: factor of the channels of all stages.
      depth: factor of the blocks of all stages but the first and the last.
      num_classes: length of the logits.
      use_running_average: batch norm uses the stored statistics; False uses the batch's and updates `batch_stats`.
    """

    width: float
    depth: float
    num_classes: int = 1000
    use_running_average: bool = True

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        """Maps images `[n, h, w, 3]` to logits `[n, num_classes]`."""
        conv = partial(nn.Conv, use_bias=False)
        norm = partial(nn.BatchNorm, use_running_average=self.use_running_average, momentum=0.99, epsilon=1e-3)
        x = relu6(norm(name="_bn0")(conv(32, (3, 3), (2, 2), name="_conv_stem")(images)))
        index = 0
        for stage, (blocks, size, stride, expansion, channels) in enumerate(STAGES):
            for block in range(blocks if stage in (0, len(STAGES) - 1) else math.ceil(self.depth * blocks)):
                strided = stride if block == 0 else 1
                name = f"_blocks_{index}"
                x = Block(scaled(channels, self.width), size, strided, expansion, conv, norm, name=name)(x)
                index += 1
        x = relu6(norm(name="_bn1")(conv(1280, (1, 1), name="_conv_head")(x)))
        with jax.named_scope("_avg_pooling"):
            x = x.mean((1, 2))
        return nn.Dense(self.num_classes, name="_fc")(x)


def relu6(x: jax.Array) -> jax.Array:
    """ReLU6, in the scope that the PyTorch package has it in."""
    with jax.named_scope("_swish"):
        return nn.relu6(x)


def scaled(channels: int, width: float) -> int:
    """A number of channels times the width, rounded to a multiple of 8 that is at least 0.9 of it."""
    rounded = max(8, int(channels * width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels * width else rounded


efficientnet_lite0 = partial(EfficientNetLite, 1.0, 1.0)
efficientnet_lite1 = partial(EfficientNetLite, 1.0, 1.1)
efficientnet_lite2 = partial(EfficientNetLite, 1.1, 1.2)
efficientnet_lite3 = partial(EfficientNetLite, 1.2, 1.4)
efficientnet_lite4 = partial(EfficientNetLite, 1.4, 1.8)
