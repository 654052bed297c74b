"""The convolutions and poolings of the pretrained networks compute what the library's do."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax import lax

from pretrained.networks.conv import conv_general_dilated
from pretrained.networks.pool import max_pool

# (h, w, c, k), kernel size, stride, border: every form of pretrained.networks.conv and the edges between them.
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
    ((14, 17, 3, 4), 5, 3, 0),
    ((9, 8, 1, 4), 3, 4, 1),
    ((8, 9, 3, 4), 2, 3, 0),
]


# The same of depthwise convolutions.
DEPTHWISE = [
    ((9, 8, 6, 6), 3, 1, 1),
    ((11, 7, 5, 5), 5, 2, 2),
    ((2, 3, 4, 4), 5, 3, 2),
    ((4, 9, 1, 1), 3, 2, 0),
    ((6, 6, 3, 3), 1, 2, 0),
]


def random(seed, shape, dtype=jnp.float32):
    return jax.random.normal(jax.random.key(seed), shape, dtype)


def pair(shape, size, stride, border, groups=1, dtype=jnp.float32):
    h, w, c, k = shape
    options = dict(window_strides=(stride, stride), padding=[(border, border)] * 2, feature_group_count=groups)
    options["dimension_numbers"] = lax.ConvDimensionNumbers((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))
    arrays = random(0, (2, h, w, c), dtype), random(1, (size, size, c // groups, k), dtype)
    return partial(conv_general_dilated, **options), partial(lax.conv_general_dilated, **options), arrays


def assert_close(actual, expected, tolerance=1e-5):
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    actual, expected = np.asarray(actual, np.float32), np.asarray(expected, np.float32)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.ptp(expected) + 1e-6)


@pytest.mark.parametrize("case", [*CONVOLUTIONS, *((*case, case[0][2]) for case in DEPTHWISE)], ids=str)
def test_convolution_agrees_with_the_library(case):
    fast, library, arrays = pair(*case)
    assert_close(*jax.jit(lambda *arrays: (fast(*arrays), library(*arrays)))(*arrays))


@pytest.mark.parametrize(
    "case",
    [
        *(CONVOLUTIONS[number] for number in (1, 4, 6, 8)),
        *CONVOLUTIONS[-5:],
        *((*case, case[0][2]) for case in DEPTHWISE),
    ],
    ids=str,
)
def test_convolution_gradients_agree_with_the_library(case):
    fast, library, arrays = pair(*case)
    pull = random(2, jax.eval_shape(library, *arrays).shape)

    @jax.jit
    def compute(*arrays):
        outputs, pull_back = jax.vjp(fast, *arrays)
        expected, library_pull_back = jax.vjp(library, *arrays)
        forward = jax.jvp(fast, arrays, arrays)[1]  # a convolution is bilinear
        return (*pull_back(pull), outputs, forward), (*library_pull_back(pull), expected, 2 * expected)

    for one, other in zip(*compute(*arrays), strict=True):
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


@pytest.mark.parametrize("case", [CONVOLUTIONS[1], CONVOLUTIONS[6], (*DEPTHWISE[0], 6)], ids=str)
@pytest.mark.parametrize(("platform", "library_convolutions"), [("cpu", 0), ("cuda", 1)])
def test_one_form_per_platform_is_compiled(platform, library_convolutions, case):
    fast, _, (x, kernel) = pair(*case)
    program = jax.jit(jax.vmap(lambda image: fast(image[None], kernel)))
    lowered = program.trace(x).lower(lowering_platforms=(platform,))
    assert lowered.as_text().count("stablehlo.convolution") == library_convolutions
    if platform == jax.default_backend():  # the choice itself is gone too
        assert "conditional" not in lowered.compile().as_text()


@pytest.mark.parametrize(("window", "stride", "border"), [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 3, 0)])
def test_max_pool_and_its_gradient_agree_with_flax(window, stride, border):
    x = random(0, (2, 9, 12, 3))
    options = (window, window), (stride, stride), ((border, border), (border, border))

    @jax.jit
    def compute(x):
        actual, pull = jax.vjp(lambda x: max_pool(x, *options), x)
        expected, library_pull = jax.vjp(lambda x: nn.max_pool(x, *options), x)
        return (actual, expected), (pull(actual)[0], library_pull(actual)[0])

    outputs, gradients = compute(x)
    assert_close(*outputs, 0)
    assert_close(*gradients)


def test_max_pool_of_equal_values_and_of_nan():
    pull = jax.vjp(lambda x: max_pool(x, (2, 2), (2, 2)), jnp.ones((1, 2, 4, 1)))[1]
    np.testing.assert_array_equal(pull(jnp.ones((1, 1, 2, 1)))[0][0, :, :, 0], [[1, 0, 1, 0], [0, 0, 0, 0]])
    pull = jax.vjp(lambda x: max_pool(x, (2, 2), (2, 2)), jnp.array([[0.0, 1.0], [1.0, 0.0]])[None, :, :, None])[1]
    np.testing.assert_array_equal(pull(jnp.ones((1, 1, 1, 1)))[0][0, :, :, 0], [[0, 1], [0, 0]])
    for place in range(4):
        x = jnp.ones(4).at[place].set(jnp.nan).reshape(1, 2, 2, 1)
        assert jnp.isnan(max_pool(x, (2, 2), (2, 2))).all()
