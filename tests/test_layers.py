"""Which layer is explained if none is named, and what a name means."""

import re
from pathlib import Path

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from flax import nnx

from groupcam_jax import grad_cam, gradient, group_cam, list_layers

IMAGE = models.image(16, 16)
KEY = jax.random.key(1)


class Backbone(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(8, (3, 3), name="conv1")(x))
        return nn.relu(nn.Conv(16, (3, 3), name="conv2")(x))


class Net(nn.Module):
    """A backbone and a head."""

    head: object

    @nn.compact
    def __call__(self, x):
        return self.head(Backbone(name="backbone")(x))


def pooled(x):
    """VGG's end: a max pooling, then layers on all of it."""
    x = nn.max_pool(x, (2, 2), (2, 2))
    return nn.Dense(5)(nn.relu(nn.Dense(32)(x.reshape(x.shape[0], -1))))


def twice_pooled(x):
    x = nn.max_pool(nn.max_pool(x, (2, 2), (2, 2)), (2, 2), (2, 2))
    return nn.Dense(5)(x.reshape(x.shape[0], -1))


def kept_dimensions(x):
    return nn.Dense(5)(x.mean((1, 2), keepdims=True)).reshape(x.shape[0], 5)


def class_maps(x):
    """SqueezeNet's end: a convolution makes a map of each class, and their means are the logits."""
    return nn.relu(nn.Conv(5, (1, 1), name="classes")(x)).mean((1, 2))


def segmentation(x):
    """The maps of the classes are enlarged before their mean."""
    maps = nn.Conv(5, (1, 1), name="classes")(nn.max_pool(x, (2, 2), (2, 2)))
    return jax.image.resize(maps, (*x.shape[:3], 5), "bilinear").mean((1, 2))


def frozen(x):
    return nn.Dense(5)(jax.lax.stop_gradient(x).mean((1, 2)))


def frozen_and_pooled(x):
    return nn.Dense(5)(jax.lax.stop_gradient(x.mean((1, 2))))


def mean(x):
    return nn.Dense(5)(x.mean((1, 2)))


# Head -> the default layer, and the remark on the last activation.
HEADS = {
    "mean": (mean, "Net/backbone", (16, 16), "default"),
    "pooled": (pooled, "Net/backbone", (16, 16), "pooled"),
    "twice pooled": (twice_pooled, "Net/backbone", (16, 16), "pooled"),
    "kept dimensions": (kept_dimensions, "Net/backbone", (16, 16), "default"),
    "class maps": (class_maps, "Net/backbone", (16, 16), "class maps"),
    "segmentation": (segmentation, "Net/backbone", (16, 16), "class maps"),
    "frozen": (frozen, "Net/backbone", (16, 16), "default"),
    "frozen and pooled": (frozen_and_pooled, "Net/backbone", (16, 16), "default"),
}


@pytest.mark.parametrize("head", HEADS)
def test_the_default_layer(head):
    function, scope, grid, last = HEADS[head]
    net = Net(function)
    params = net.init(KEY, IMAGE[None])
    layers = list_layers(net.apply, params, IMAGE.shape)
    (default,) = (layer for layer in layers if layer.remark == "default")
    assert (default.scope, default.operation, default.grid.shape) == (scope, "relu", grid)
    assert layers[-1].remark == last
    saliency = jax.jit(group_cam(net.apply, params, groups=8))
    assert max(saliency(IMAGE, label).max() for label in range(5)) == 1
    np.testing.assert_array_equal(
        grad_cam(net.apply, params)(IMAGE, 2), grad_cam(net.apply, params, layer=default.index)(IMAGE, 2)
    )


@pytest.mark.parametrize("build", [grad_cam, gradient, group_cam])
@pytest.mark.parametrize("head", [frozen, frozen_and_pooled])
def test_a_frozen_backbone_changes_no_map(build, head):
    params = Net(mean).init(KEY, IMAGE[None])
    options = {"groups": 4} if build is group_cam else {}
    free, stopped = (jax.jit(build(Net(end).apply, params, **options)) for end in (mean, head))
    assert max(free(IMAGE, label).max() for label in range(5)) > 0.99
    for label in range(5):
        np.testing.assert_allclose(stopped(IMAGE, label), free(IMAGE, label), atol=1e-6)


def test_a_straight_through_estimator_stays():
    """Its `stop_gradient` lets the gradient pass beside a step: what the user wants."""

    def rounded(x):
        return nn.Dense(5)((x + jax.lax.stop_gradient(jnp.round(x) - x)).mean((1, 2)))

    params = Net(rounded).init(KEY, IMAGE[None])
    assert grad_cam(Net(rounded).apply, params, layer="backbone")(IMAGE, 2).max() == 1


class Twice(nn.Module):
    """Test-time augmentation inside the model."""

    def setup(self):
        self.net = Net(mean)

    def __call__(self, x):
        return self.net(x) + self.net(x[:, :, ::-1])


def test_a_module_that_is_called_twice_is_no_layer():
    params = Twice().init(KEY, IMAGE[None])
    message = r"computed 2 times side by side.*layer=\d+ or layer=\d+.*layer=\[(\d+), (\d+)\]"
    for layer in ("conv2", None, "backbone"):
        with pytest.raises(ValueError, match=message) as error:
            grad_cam(Twice().apply, params, layer=layer)(IMAGE, 2)
    found = re.search(message, str(error.value))
    assert found
    first, second = map(int, found.groups())
    net, inner = Net(mean), {"params": params["params"]["net"]}
    one = grad_cam(net.apply, inner)(IMAGE, 2)
    other = grad_cam(net.apply, inner)(IMAGE[:, ::-1], 2)
    np.testing.assert_allclose(grad_cam(Twice().apply, params, layer=first)(IMAGE, 2), one, atol=1e-5)
    # The second call sees a mirrored image: its map is turned back.
    np.testing.assert_allclose(grad_cam(Twice().apply, params, layer=second)(IMAGE, 2), other[:, ::-1], atol=1e-5)
    _, aux = group_cam(Twice().apply, params, layer=[first, second], groups=4, has_aux=True)(IMAGE, 2)
    assert [masks.shape for masks in aux.masks] == [(4, 16, 16)] * 2


def test_branches_of_one_block_are_named_together():
    def apply(params, images):
        with jax.named_scope("mixed"):
            parts = [jax.nn.relu(images @ p) for p in params["kernels"]]
        return jnp.concatenate(parts, 3).mean((1, 2)) @ params["fc"]

    params = {"kernels": [jax.random.normal(KEY, (3, 4)) * s for s in (1, -1)], "fc": jax.random.normal(KEY, (8, 5))}
    with pytest.raises(ValueError, match="'mixed' is computed 2 times side by side"):
        grad_cam(apply, params, layer="mixed")(IMAGE, 2)
    assert grad_cam(apply, params)(IMAGE, 2).shape == (16, 16)


class NnxNet(nnx.Module):
    def __init__(self, rngs):
        self.stem = nnx.Conv(3, 8, (3, 3), rngs=rngs)
        self.blocks = nnx.List([nnx.Conv(8, 8, (3, 3), rngs=rngs) for _ in range(2)])
        self.norm = nnx.BatchNorm(8, use_running_average=True, rngs=rngs)
        self.fc = nnx.Linear(8, 5, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.stem(x))
        for block in self.blocks:
            x = nnx.relu(block(x))
        return self.fc(nnx.relu(self.norm(x)).mean((1, 2)))


class EqxNet(eqx.Module):
    stem: eqx.nn.Conv2d
    blocks: list
    fc: eqx.nn.Linear

    def __call__(self, x):
        x = jax.nn.relu(self.stem(x))
        for block in self.blocks:
            x = jax.nn.relu(block(x))
        return self.fc(x.mean((1, 2)))


def nnx_model():
    graph, state = nnx.split(NnxNet(nnx.Rngs(0)))
    return lambda state, images: nnx.merge(graph, state)(images), state


def equinox_model():
    def conv(channels):
        return eqx.nn.Conv2d(channels, 8, 3, padding=1, key=KEY)

    model = EqxNet(conv(3), [conv(8), conv(8)], eqx.nn.Linear(8, 5, key=KEY))
    return lambda model, images: jax.vmap(model)(images.transpose(0, 3, 1, 2)), model


def plain_model():
    params = {"stem": jnp.ones((3, 8)), "blocks": [jnp.eye(8), jnp.eye(8)], "fc": jax.random.normal(KEY, (8, 5))}

    def apply(params, images):
        x = jax.nn.relu(images @ params["stem"])
        for block in params["blocks"]:
            x = jax.nn.relu(x @ block)
        return x.mean((1, 2)) @ params["fc"]

    return apply, params


@pytest.mark.parametrize("build", [nnx_model, equinox_model, plain_model])
def test_modules_have_the_names_of_their_parameters(build):
    apply, params = build()
    layers = list_layers(apply, params, IMAGE.shape)
    scopes = list(dict.fromkeys(layer.scope for layer in layers))
    assert scopes[:3] == ["stem", "blocks/0", "blocks/1"]
    assert {layer.source.partition(":")[0] for layer in layers} == {"test_layers.py"}
    by_name = grad_cam(apply, params, layer="blocks/0")(IMAGE, 2)
    named = [layer for layer in layers if layer.scope == "blocks/0"][-1]
    assert named.operation in ("relu", "add")
    np.testing.assert_array_equal(by_name, grad_cam(apply, params, layer=named.index)(IMAGE, 2))


def test_line_of_an_operation():
    apply, params = plain_model()
    *_, last = list_layers(apply, params, IMAGE.shape)
    lines = Path(__file__).read_text().splitlines()
    assert "jax.nn.relu(x @ block)" in lines[int(last.source.partition(":")[2]) - 1]


def test_random_keys_in_a_model_are_no_constants():
    closed_over = jax.random.key(0)

    def apply(params, images):
        kept = jax.random.bernoulli(closed_over, 0.9, images.shape) & jax.random.bernoulli(jax.random.key(1), 0.9)
        return models.plain().apply(params, jnp.where(kept, images, 0))

    layers = list_layers(apply, models.plain().params, (12, 12, 3))
    assert [layer.scope for layer in layers if layer.remark == "default"] == ["block"]


def test_layers_below_a_fourier_transform_are_read():
    def apply(params, images):
        x = jax.nn.relu(models.conv(params["stem"], images))
        x = jnp.fft.irfft2(jnp.fft.rfft2(x, axes=(1, 2)), s=(12, 12), axes=(1, 2))
        return models.above(params, x)

    image, params = models.image(), models.plain().params
    expected = grad_cam(lambda p, x: models.above(p, jax.nn.relu(models.conv(p["stem"], x))), params, layer=1)(image, 2)
    np.testing.assert_allclose(grad_cam(apply, params, layer=1)(image, 2), expected, atol=1e-4)
