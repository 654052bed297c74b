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
from groupcam_jax.program.inline import shape_of
from groupcam_jax.program.reads import pixels_read

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


def summed(images, window, strides, padding):
    return lax.reduce_window(images, 0.0, lax.add, (1, *window, 1), (1, *strides, 1), padding)


MOVED = {
    "a slice": lambda x: x[:, 6:18, 6:18],
    "negative padding": lambda x: lax.pad(x, 0.0, ((0, 0, 0), (0, 0, 0), (-8, 0, 0), (0, 0, 0))),
    "zoomed": lambda x: jax.image.scale_and_translate(
        x, x.shape, (1, 2), jnp.full(2, 2.0), jnp.full(2, -12.0), "linear"
    ),
    "a letterbox": lambda x: jnp.pad(x, ((0, 0), (0, 12), (0, 0), (0, 0))),
    "a window of most of the image": lambda x: summed(x, (17, 17), (1, 1), "SAME"),
    "rolled": lambda x: jnp.roll(x, 6, 1),
    "normalised by its own values": lambda x: x / x.max((1, 2, 3), keepdims=True),
}


@pytest.mark.parametrize("change", MOVED.values(), ids=MOVED)
def test_places_that_read_other_pixels_than_those_around_them(change):
    apply, params = network(1, 2, 1, 2)
    assert early_layer(apply, params, (12, 12))
    assert early_layer(lambda params, images: apply(params, change(images)), params, (12, 12)) is None


KEPT = {
    "other channels": lambda x: x[..., [2, 1, 0]],
    "mirrored": lambda x: x[:, :, ::-1],
    "its own mean colour of each place": lambda x: x - x.mean(3, keepdims=True),
    "pooled": lambda x: nn.max_pool(summed(x, (3, 3), (1, 1), "SAME"), (2, 2), (1, 1), "SAME"),
    "a narrow border": lambda x: jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="constant")[:, :24, :24],
    "enlarged": lambda x: jax.image.resize(x, (1, 48, 48, 3), "bilinear"),
}


@pytest.mark.parametrize("change", KEPT.values(), ids=KEPT)
def test_places_that_read_the_pixels_around_them(change):
    apply, params = network(1, 2, 1, 2)
    assert early_layer(lambda params, images: apply(params, change(images)), params)


def test_a_block_at_the_start_of_which_all_places_are_mixed():
    apply, params = network(1, 2, 1, 2)

    def gated(params, images):  # squeeze and excitation
        return apply(params, images * jax.nn.sigmoid(images.mean((1, 2), keepdims=True)))

    assert early_layer(gated, params) is None


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
        refined, pointwise, params, method=grad_cam, cells=SIDE, substrates=[constant(0.0), gaussian_blur(5, 2.0)]
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
        refined, rounded, pointwise_params(), method=grad_cam, cells=SIDE, substrates=[noise(1.0)], smoothness=0.0
    )
    with_features, without = (jax.jit(explain(feature_steps=few, steps=1))(IMAGE, 2) for few in (8, 0))
    still = jax.jit(explain(feature_steps=0, steps=1, step_size=1e-6))(IMAGE, 2)
    np.testing.assert_array_equal(without, still)
    assert np.abs(with_features - still).max() > 0.2


@pytest.mark.parametrize(
    ("padding", "stride", "spread", "between"),
    [
        ("SAME", 1, 1, 1),
        ("SAME", 2, 1, 1),
        ("VALID", 3, 2, 1),
        ([(3, 0), (1, 2)], 2, 1, 2),
        ([(0, 4), (1, 2)], 1, 2, 3),
    ],
)
def test_a_convolution_reads_what_has_a_gradient(padding, stride, spread, between):
    def convolve(images):
        return lax.conv_general_dilated(
            images,
            jnp.ones((3, 2, 2, 4)),
            (stride, stride),
            padding,
            (between, between),
            (spread, spread),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    check_reads(convolve, models.image(10, 9, 2))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_a_pooling_reads_what_has_a_gradient(padding):
    check_reads(lambda images: summed(images, (3, 2), (2, 1), padding), models.image(10, 9, 2))


def check_reads(function, image):
    images = image[None]
    out = jax.eval_shape(function, images)
    program = trace(lambda params, images: function(images).sum((1, 2)), {}, images)
    layer = [eqn for _, eqn, _ in program.equations if shape_of(eqn.outvars[0]) == out.shape][-1].outvars[0]
    for down, across in [(0, 0), (out.shape[1] // 2, out.shape[2] // 2), (out.shape[1] - 1, out.shape[2] - 1)]:
        wanted = np.zeros(out.shape, bool)
        wanted[0, down, across] = True
        (slope,) = jax.vjp(function, images)[1](jnp.asarray(wanted, jnp.float32))
        np.testing.assert_array_equal(pixels_read(program, layer, wanted), slope != 0)
