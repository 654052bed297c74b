"""The pretrained networks are torchvision's: parameters, logits, and the fast convolutions inside them."""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from seeded import seeded_variables, variable_shapes

from pretrained import resnet, vgg
from pretrained.conv import conv_general_dilated
from pretrained.imagenet import normalize

GOLDEN = Path(__file__).parent / "golden"

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


@pytest.mark.parametrize(
    ("name", "network"), [("resnet50", resnet.resnet50), ("vgg19", vgg.vgg19)], ids=["resnet50", "vgg19"]
)
def test_logits_match_pytorch(name, network):
    with np.load(GOLDEN / f"{name}_seeded.npz") as golden:
        pictures = [normalize(golden[f"{picture}/image_u8"]) for picture in ("chelsea", "coffee")]
        expected = np.stack([golden[f"{picture}/logits"] for picture in ("chelsea", "coffee")])
    model = network()
    logits = jax.jit(model.apply)(seeded_variables(model), jnp.stack(pictures))
    np.testing.assert_allclose(logits, expected, rtol=0, atol=2e-5 * np.ptp(expected))


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


# (h, w, c, k), kernel size, stride, border: every form of pretrained.conv and the edges between them.
CONVOLUTIONS = [
    ((5, 4, 3, 2), 1, 1, 0),
    ((5, 4, 3, 2), 1, 2, 0),
    ((1, 1, 3, 2), 1, 3, 0),
    ((5, 4, 3, 2), 1, 1, 1),
    ((24, 29, 128, 128), 3, 1, 1),
    ((27, 33, 128, 130), 3, 1, 1),
    ((8, 9, 129, 128), 3, 1, 1),
    ((13, 8, 128, 128), 3, 1, 1),
    ((7, 7, 128, 128), 3, 1, 1),
    ((1, 2, 128, 128), 3, 1, 1),
    ((9, 10, 128, 128), 3, 2, 1),
    ((9, 9, 128, 128), 3, 1, 0),
    ((12, 11, 3, 8), 7, 2, 3),
]


def random(seed, shape, dtype=jnp.float32):
    return jax.random.normal(jax.random.key(seed), shape, dtype)


def pair(shape, size, stride, border, dtype=jnp.float32):
    h, w, c, k = shape
    options = dict(window_strides=(stride, stride), padding=[(border, border)] * 2)
    options["dimension_numbers"] = lax.ConvDimensionNumbers((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))
    arrays = random(0, (2, h, w, c), dtype), random(1, (size, size, c, k), dtype)
    return partial(conv_general_dilated, **options), partial(lax.conv_general_dilated, **options), arrays


def assert_close(actual, expected, tolerance=1e-5):
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    actual, expected = np.asarray(actual, np.float32), np.asarray(expected, np.float32)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.ptp(expected) + 1e-6)


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolution_agrees_with_the_library(case):
    fast, library, arrays = pair(*case)
    assert_close(jax.jit(fast)(*arrays), library(*arrays))


@pytest.mark.parametrize("case", [CONVOLUTIONS[1], CONVOLUTIONS[6]], ids=str)
def test_convolution_gradients_agree_with_the_library(case):
    fast, library, arrays = pair(*case)
    pull = random(2, library(*arrays).shape)
    actual = jax.jit(lambda *arrays: jax.vjp(fast, *arrays)[1](pull))(*arrays)
    expected = jax.vjp(library, *arrays)[1](pull)
    for one, other in zip(actual, expected, strict=True):
        assert_close(one, other)


def test_convolution_in_bfloat16_and_under_vmap():
    fast, library, (x, kernel) = pair(*CONVOLUTIONS[6])
    assert_close(jax.vmap(lambda image: fast(image[None], kernel)[0])(x), library(x, kernel))
    fast, library, arrays = pair(*CONVOLUTIONS[6], dtype=jnp.bfloat16)
    assert_close(fast(*arrays), library(*arrays), 1e-2)


def test_other_convolutions_are_the_library_s():
    x, kernel = random(0, (2, 8, 8, 4)), random(1, (3, 3, 1, 8))
    options = dict(padding="SAME", feature_group_count=4, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    expected = lax.conv_general_dilated(x, kernel, (1, 1), **options)
    assert_close(conv_general_dilated(x, kernel, (1, 1), **options), expected, 0)
    expected = lax.conv_general_dilated(random(0, (2, 128, 9, 9)), random(1, (128, 128, 3, 3)), (1, 1), "SAME")
    assert_close(conv_general_dilated(random(0, (2, 128, 9, 9)), random(1, (128, 128, 3, 3)), (1, 1), "SAME"), expected)


@pytest.mark.parametrize(("platform", "library_convolutions"), [("cpu", 0), ("cuda", 1)])
def test_one_form_per_platform_is_compiled(platform, library_convolutions):
    fast, _, (x, kernel) = pair(*CONVOLUTIONS[6])
    program = jax.jit(jax.vmap(lambda image: fast(image[None], kernel)))
    lowered = program.trace(x).lower(lowering_platforms=(platform,))
    assert lowered.as_text().count("stablehlo.convolution") == library_convolutions
    if platform == jax.default_backend():  # the choice itself is gone too
        assert "conditional" not in lowered.compile().as_text()
