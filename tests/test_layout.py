"""The program tells how a model lays out its activations: nobody has to say it."""

import inspect

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from jax import lax
from table import IMAGES, KEYS, LABEL, METHODS, every_method, saliency

from groupcam_jax import Layer, grad_cam, list_layers, split

WEIGHTS = models.weights()
IMAGE = models.image(12, 16)


@every_method
def test_a_channel_first_model_gets_the_same_map(name):
    bundle = models.equinox()
    options = {}
    if layer := inspect.signature(METHODS[name].build).parameters.get("layer"):
        options["layer"] = layer.default
    explain = jax.jit(METHODS[name].build(bundle.apply, bundle.params, **options))
    np.testing.assert_allclose(explain(IMAGES[0], LABEL, key=KEYS[0]), saliency(name), atol=2e-4)


def conv_in(layout):
    """A 3x3 convolution of activations in this layout."""
    numbers = (layout, "HWIO", layout)

    def conv(p, x):
        bias = p["bias"].reshape([-1 if axis == "C" else 1 for axis in layout])
        return lax.conv_general_dilated(x, p["kernel"], (1, 1), "SAME", dimension_numbers=numbers) + bias

    return conv


def model_in(layout):
    order = ["NHWC".index(axis) for axis in layout]
    space = tuple(layout.index(axis) for axis in "HW")
    conv = conv_in(layout)

    def apply(params, images):
        x = jax.nn.relu(conv(params["stem"], images.transpose(order)))
        x = jax.nn.relu(x + conv(params["conv2"], jax.nn.relu(conv(params["conv1"], x))))
        x = x.mean(space)
        return (x if layout.index("N") < layout.index("C") else x.T) @ params["fc"]["kernel"] + params["fc"]["bias"][
            None
        ]

    return apply


def by_image(layout):
    """The same, written for one image and vmapped."""
    apply = model_in("NHWC") if layout == "NHWC" else model_in(layout)
    return lambda params, images: jax.vmap(lambda image: apply(params, image[None])[0])(images)


def squeeze_and_excite(params, images):
    """A gate from the mean over space, which is no activation."""
    x = jax.nn.relu(models.conv(params["stem"], images))
    gate = jax.nn.sigmoid(x.mean((1, 2), keepdims=True) @ params["conv1"]["kernel"][0, 0])
    return models.above(params, x * gate)


def normalised_by_image(params, images):
    """A layer of normalisation for one image, channel-first: its statistics [8, 1, 1] are no activations."""

    def one(image):
        x = jax.nn.relu(conv_in("NCHW")(params["stem"], image.transpose(2, 0, 1)[None])[0])
        x = (x - x.mean((1, 2), keepdims=True)) / jnp.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
        return jax.nn.relu(x).mean((1, 2)) @ params["fc"]["kernel"]

    return jax.vmap(one)(images)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW", "HWNC", "CHWN"])
@pytest.mark.parametrize("wrap", [model_in, by_image])
def test_every_layout_gives_the_same_map(layout, wrap):
    apply, plain = wrap(layout), models.plain().apply
    expected = grad_cam(plain, WEIGHTS)(IMAGE, LABEL)
    assert expected.max() == pytest.approx(1)
    np.testing.assert_allclose(grad_cam(apply, WEIGHTS)(IMAGE, LABEL), expected, atol=1e-5)
    images = jnp.stack([IMAGE, IMAGE[::-1]])
    features, head = split(apply, WEIGHTS, images)
    activation, skips = features(WEIGHTS, images)
    np.testing.assert_allclose(activation, models.below(WEIGHTS, images)[0], atol=1e-5)
    np.testing.assert_allclose(head(WEIGHTS, activation, skips), plain(WEIGHTS, images), atol=1e-5)


@pytest.mark.parametrize("apply", [squeeze_and_excite, normalised_by_image])
def test_statistics_of_channels_are_no_activations(apply):
    layers = list_layers(apply, WEIGHTS, (12, 16, 3))
    assert {layer.grid.shape for layer in layers} == {(12, 16)}
    assert jax.jit(grad_cam(apply, WEIGHTS))(IMAGE).shape == (12, 16)


@pytest.mark.parametrize("wrap", [model_in, by_image])
def test_a_channel_first_image_is_told_what_is_expected(wrap):
    def channel_first(params, images):
        return wrap("NCHW")(params, images.transpose(0, 2, 3, 1))

    with pytest.raises(ValueError, match=r"takes images channel-first.*images\.transpose\(0, 3, 1, 2\)"):
        grad_cam(channel_first, WEIGHTS)(IMAGE.transpose(2, 0, 1))


def test_what_the_program_does_not_tell_is_asked_for():
    """A sort puts places in an order that no program tells."""

    def apply(params, images):
        x = lax.reshape(jnp.sort(images, axis=1), (images.shape[0], 8, 24, 3)) @ params["embed"]
        return jax.nn.relu(x).mean((1, 2)) @ params["fc"]

    params = {"embed": jax.random.normal(KEYS[0], (3, 8)), "fc": jax.random.normal(KEYS[1], (8, 5))}
    with pytest.raises(ValueError, match=r"layer=None: everything flows through no spatial activation"):
        grad_cam(apply, params)(IMAGE, LABEL)
    assert grad_cam(apply, params, layer=Layer(data_format="NHWC"))(IMAGE, LABEL).shape == (12, 16)
    with pytest.raises(ValueError, match=r"layer 0 '' \[12, 16, 3\], whose rows and columns the program loses"):
        grad_cam(apply, params, layer=0)(IMAGE, LABEL)


def test_a_loop_keeps_the_layout_of_what_it_carries():
    """Blocks in a scan, their weights stacked, and a value that each of them returns."""

    def apply(params, images):
        x = jax.nn.relu(models.conv(params["stem"], images)).transpose(0, 3, 1, 2)
        x, means = lax.scan(lambda x, scale: (jax.nn.relu(x * scale), x.mean((2, 3))), x, params["scales"])
        with jax.named_scope("last"):
            x = jax.nn.relu(x + means.sum(0)[:, :, None, None])
        return x.mean((2, 3)) @ params["fc"]["kernel"]

    params = {**WEIGHTS, "scales": jnp.array([1.0, 2.0, 0.5])}
    *_, last = list_layers(apply, params, (12, 16, 3))
    assert (last.scope, last.grid.shape, last.remark) == ("last", (12, 16), "default")
    assert grad_cam(apply, params)(IMAGE, 2).shape == (12, 16)


@pytest.mark.parametrize(
    "join", [lambda a, b: jnp.concatenate([a, b]), lambda a, b: jnp.stack([a, b]).reshape(-1, 12, 12, 3)]
)
def test_views_in_the_batch_of_a_model_have_no_place_in_one_map(join):
    """A mirrored image beside the image: the evidence in it would show at the wrong side."""
    apply, params = models.plain()

    def both(params, images):
        return apply(params, join(images, images[:, :, ::-1])).reshape(2, len(images), 5).mean(0)

    with pytest.raises(ValueError, match="in a batch of several views of it"):
        grad_cam(both, params)(models.image(), 2)
