"""The pretrained networks are torchvision's: parameters, logits and scopes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from seeded import variable_shapes

from pretrained.networks import resnet, vgg

# As torchvision publishes them.
PARAMETERS = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "vgg11": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
}


def count_parameters(model):
    return sum(leaf.size for leaf in jax.tree.leaves(variable_shapes(model)["params"]))


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_count(name):
    network = getattr(resnet if name.startswith("resnet") else vgg, name)
    assert count_parameters(network()) == PARAMETERS[name]


def test_num_classes():
    assert count_parameters(resnet.resnet18(num_classes=10)) == PARAMETERS["resnet18"] - 990 * 513


@pytest.mark.parametrize("size", [(7, 7), (14, 14), (10, 9), (1, 3)])
def test_adaptive_average_pool_covers_bins_like_pytorch(size):
    h, w = size
    x = np.arange(h * w, dtype=np.float32).reshape(1, h, w, 1)

    def bin_mean(i, j):
        rows = slice(i * h // 7, -(-(i + 1) * h // 7))
        return x[0, rows, j * w // 7 : -(-(j + 1) * w // 7), 0].mean()

    expected = [[bin_mean(i, j) for j in range(7)] for i in range(7)]
    np.testing.assert_allclose(vgg.adaptive_average_pool(jnp.asarray(x), 7)[0, :, :, 0], expected, rtol=1e-6)


def test_scopes_are_torchvision_names():
    images = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)

    def scopes(model):
        program = jax.make_jaxpr(model.apply)(variable_shapes(model, 64), images)
        return {str(equation.source_info.name_stack) for equation in program.eqns}

    assert {"VGG/features_35", "VGG/features_36", "VGG/classifier_6"} <= scopes(vgg.vgg19())
    assert {"ResNet/layer4_1", "ResNet/layer4_0/downsample_0", "ResNet/fc"} <= scopes(resnet.resnet18())
