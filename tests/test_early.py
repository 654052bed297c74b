"""The first steps of `refined`, in which features of an early layer are blended in place of pixels."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from jax import lax

from groupcam_jax import constant, gaussian_blur, grad_cam, noise, refined
from groupcam_jax.program.early import split_early
from groupcam_jax.program.flat import trace

SIDE = 24
IMAGE = models.image(SIDE, SIDE)


class Net(nn.Module):
    """Convolutions of these strides, then a mean and a linear layer; activations are named by their place."""

    strides: tuple[int, ...]

    @nn.compact
    def __call__(self, x):
        for place, stride in enumerate(self.strides):
            with jax.named_scope(f"block{place}"):
                x = nn.relu(nn.Conv(8, (3, 3), (stride, stride), name=f"conv{place}")(x))
        return nn.Dense(5, name="fc")(x.mean((1, 2)))


def network(*strides):
    net = Net(strides)
    return net.apply, net.init(jax.random.key(0), IMAGE[None])


def early_layer(apply, params, sides=(6, 6), image=IMAGE):
    parts = split_early(trace(apply, params, image[None]), sides)
    return parts and parts.name


@pytest.mark.parametrize(
    ("strides", "sides", "name"),
    [
        ((2, 1, 2, 2, 1, 1), (12, 12), "block1"),  # the next has half the sides
        ((2, 1, 2, 2, 1, 1), (6, 6), "block2"),
        ((1, 1, 1, 1, 1, 1), (12, 12), "block2"),  # of 7 products the later half lies above
        ((2, 1, 2, 2, 1, 1), (24, 24), None),
    ],
)
def test_the_last_layer_that_is_fine_enough_and_early(strides, sides, name):
    found = early_layer(*network(*strides), sides=sides)
    assert found is None if name is None else name in found


def test_a_layer_of_a_part_of_the_image_is_none():
    apply, params = network(2, 1, 2, 2)
    assert early_layer(apply, params)
    assert early_layer(lambda params, images: apply(params, images[:, 4:20, 4:20]), params, (4, 4)) is None


def test_what_goes_around_a_layer_rules_it_out():
    apply, params = network(2, 2, 1, 1)

    def around(params, images):
        return apply(params, images) + images.mean((1, 2)) @ jnp.ones((3, 5))

    assert early_layer(apply, params)
    assert early_layer(around, params) is None


def pointwise(params, images):
    """Its early layer is linear and pointwise: blends of its features are the features of blends."""
    x = images @ params["mix"]
    for kernel in params["kernels"]:
        x = jax.nn.relu(lax.conv_general_dilated(x, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")))
    return x.mean((1, 2)) @ params["fc"]


def pointwise_params():
    keys = jax.random.split(jax.random.key(3), 5)
    kernels = [jax.random.normal(key, (3, 3, 8, 8)) / 4 for key in keys[:3]]
    mix, fc = jax.random.normal(keys[3], (3, 8)), jax.random.normal(keys[4], (8, 5))
    return {"mix": mix, "kernels": kernels, "fc": fc}


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_where_features_are_linear_in_the_pixels_both_steps_are_one(dtype):
    params = jax.tree.map(lambda leaf: leaf.astype(dtype), pointwise_params())
    image = IMAGE.astype(dtype)
    build = functools.partial(
        refined, pointwise, params, method=grad_cam, cells=12, substrates=[constant(0.0), gaussian_blur(5, 2.0)]
    )
    assert early_layer(pointwise, params, (SIDE, SIDE), image)
    by_features, by_pixels = (jax.jit(build(feature_steps=few, steps=9 - few))(image, 2) for few in (6, 0))
    start = jax.jit(grad_cam(pointwise, params))(image, 2)
    assert np.abs(by_pixels - start).max() > 0.2
    if dtype == jnp.float32:
        np.testing.assert_allclose(by_features, by_pixels, atol=2e-3)
    assert np.corrcoef(by_features.ravel(), by_pixels.ravel())[0, 1] > 0.95


def test_what_lies_below_is_not_differentiated():
    def rounded(params, images):  # pixels have no gradient
        return pointwise(params, jnp.round(4 * images) / 4)

    explain = functools.partial(
        refined, rounded, pointwise_params(), method=grad_cam, cells=12, substrates=[noise(1.0)], smoothness=0.0
    )
    with_features, without = (jax.jit(explain(feature_steps=few, steps=1))(IMAGE, 2) for few in (8, 0))
    still = jax.jit(explain(feature_steps=0, steps=1, step_size=1e-6))(IMAGE, 2)
    np.testing.assert_array_equal(without, still)
    assert np.abs(with_features - still).max() > 0.2
