"""Rows and columns are followed through what enlarges, borders, picks or mixes them, or the map is refused."""

import functools

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from jax import lax

from groupcam_jax import Layer, grad_cam, list_layers

WEIGHTS = models.weights()
IMAGE = models.image(12, 16)
LABEL = 2
MIX = jax.random.normal(jax.random.key(3), (12, 12))


def features(change, images):
    """A convolution, the change, and another convolution, whose activation is explained."""
    x = change(jax.nn.relu(models.conv(WEIGHTS["stem"], images)))
    with jax.named_scope("last"):
        return jax.nn.relu(models.conv(WEIGHTS["conv1"], x))


@functools.partial(jax.jit, static_argnums=0)
def by_hand(change):
    """Grad-CAM of that activation, stretched over the image."""
    activation = features(change, IMAGE[None])
    slopes = jax.grad(lambda a: models.above(WEIGHTS, a)[0, LABEL])(activation)[0]
    heat = jax.nn.relu((activation[0] * slopes.mean((0, 1), keepdims=True)).sum(-1))
    heat = jax.image.resize(heat, IMAGE.shape[:2], "linear", antialias=False)
    return (heat - heat.min()) / (heat.max() - heat.min())


def explained(change, layer=None):
    explain = grad_cam(lambda params, images: models.above(params, features(change, images)), WEIGHTS, layer=layer)
    return jax.jit(explain)(IMAGE, LABEL)


def resized(method):
    return lambda x: jax.image.resize(x, (len(x), 20, 24, 8), method)


def padded(mode):
    return lambda x: jnp.pad(x, ((0, 0), (1, 1), (2, 0), (0, 0)), mode=mode)


def by_row(step):
    return lambda x: lax.map(step, x.swapaxes(0, 1)).swapaxes(0, 1)


def recurrent(x):
    """A state that runs down the rows."""
    rows = x.swapaxes(0, 1)
    return lax.scan(lambda state, row: (0.5 * state + row,) * 2, jnp.zeros_like(rows[0]), rows)[1].swapaxes(0, 1)


IN_PLACE = {
    "repeated": lambda x: x.repeat(2, 1).repeat(2, 2),
    "shuffled pixels": lambda x: (
        x.reshape(len(x), 12, 16, 2, 2, 2).transpose(0, 1, 3, 2, 4, 5).reshape(len(x), 24, 32, 2).repeat(4, 3)
    ),
    "pyramid": lambda x: x + jax.image.resize(x[:, ::2, ::2], x.shape, "linear"),
    "rolled": lambda x: jnp.roll(x, 1, 1),
    "in thirds": lambda x: jnp.concatenate([jnp.tanh(x[:, :4]), x[:, 4:8], jnp.sin(x[:, 8:])], 1),
    "every other row": lambda x: x[:, ::2],
    "rows by number": lambda x: x[:, jnp.arange(0, 12, 2)],
    "rows twice": lambda x: jnp.take(x, jnp.array([0, 0, 1, 1, 2, 3, 5, 8, 11]), axis=1),
    "a part": lambda x: lax.dynamic_slice(x, (0, 1, 1, 0), (1, 10, 12, 8)),
    "row by row": by_row(jnp.tanh),
    "recurrent": recurrent,
    "summed up": lambda x: lax.associative_scan(jnp.add, x, axis=1) / 10,
    "channels sorted": lambda x: jnp.sort(x, -1),
    "largest channels": lambda x: lax.top_k(x, 8)[0],
    "channels transformed": lambda x: jnp.fft.fft(x).real,
    **{method: resized(method) for method in ("nearest", "linear", "cubic")},
    **{mode: padded(mode) for mode in ("reflect", "symmetric", "wrap", "edge", "constant")},
}


@pytest.mark.parametrize("change", IN_PLACE.values(), ids=IN_PLACE)
def test_the_last_activation_is_explained_in_its_place(change):
    np.testing.assert_allclose(explained(change), by_hand(change), atol=1e-5)


def test_rows_picked_from_the_last_are_shown_upright():
    def change(x):
        return x[:, jnp.arange(11, -1, -1)]

    np.testing.assert_allclose(explained(change), by_hand(change)[::-1], atol=1e-5)


LOSING = {
    "transformed": lambda x: jnp.fft.ifft2(jnp.fft.fft2(x, axes=(1, 2)) * 0.9, axes=(1, 2)).real,
    "sorted": lambda x: jnp.sort(x, 1),
    "twice": lambda x: jnp.concatenate([x, x], 1),
    "mirrored beside it": lambda x: jnp.concatenate([x, x[:, ::-1]], 1),
    "permuted": lambda x: x[:, jnp.array([3, 1, 4, 0, 5, 9, 2, 6, 8, 7, 11, 10])],
    "mixed": lambda x: jnp.einsum("nhwc,hr->nrwc", x, MIX),
    "torn": lambda x: x.reshape(len(x), 8, 24, 8),
    "half of the tokens": lambda x: jnp.pad(x.reshape(len(x), 192, 8), ((0, 0), (1, 0), (0, 0)))[:, 1:97].reshape(
        len(x), 6, 16, 8
    ),
    "turned": lambda x: x[:, :, :12] + x[:, :, :12].swapaxes(1, 2),
}


@pytest.mark.parametrize("change", LOSING.values(), ids=LOSING)
def test_places_that_are_lost_are_refused_unless_they_are_told(change):
    """One row of a grid, or a layer far below, would give a map that looks right."""
    for layer in (None, "last"):
        with pytest.raises(ValueError, match=r"'last' .*whose rows and columns the program loses.*Layer\('last', data"):
            explained(change, layer)
    for layer in (Layer("last", data_format="NHWC"), Layer(data_format="NHWC")):
        np.testing.assert_allclose(explained(change, layer), by_hand(change), atol=1e-5)
    layers = list_layers(lambda params, images: models.above(params, features(change, images)), WEIGHTS, (12, 16, 3))
    assert layers[-1].remark == "places lost"
    assert "default" not in {layer.remark for layer in layers}


def test_mixing_beside_a_skip_connection_keeps_the_places():
    """As in MLP-Mixer: what is added to the grid lies where the grid does."""

    def change(x):
        return x + jnp.einsum("nhwc,hr->nrwc", jax.nn.gelu(jnp.einsum("nhwc,hr->nrwc", x, MIX)), MIX)

    np.testing.assert_allclose(explained(change), by_hand(change), atol=1e-5)


def test_rows_as_tokens_whose_features_are_the_columns_are_a_grid():
    """A grey image without an axis of channels: the columns are the features that weights mix."""

    def apply(params, images):
        return jax.nn.relu(images[..., 0] @ params["embed"]).mean(1) @ params["fc"]

    params = {"embed": MIX[:, :8].repeat(2, 0)[:16], "fc": MIX[:8, :5]}
    saliency = grad_cam(apply, params)(IMAGE, LABEL)
    assert jnp.ptp(saliency, axis=1).max() == 0
    assert saliency.max() == 1


CROPS = {
    "right half": lambda x: x[:, :, 8:],
    "centre": lambda x: x[:, 3:9, 4:12],
    "by number": lambda x: x[:, jnp.arange(6)],
    "wherever": lambda x: lax.dynamic_slice(x, (0, 0, 8, 0), (len(x), 12, 8, 3)),
}


@pytest.mark.parametrize("crop", CROPS.values(), ids=CROPS)
def test_a_model_that_crops_the_image_is_refused(crop):
    """Its grid would be stretched over what it does not see."""
    bundle = models.plain()
    with pytest.raises(ValueError, match=r"the model reads image\[.*crop the image before"):
        grad_cam(lambda params, images: bundle.apply(params, crop(images)), WEIGHTS)(IMAGE, LABEL)


WHOLE = {
    "behind stop_gradient": lambda x: lax.stop_gradient(x[:, 1:]),
    "a mask": lambda x: jnp.where(jnp.arange(11)[None, :, None, None] < 6, x[:, 1:], 0),
    "differences": lambda x: x[:, 1:] - x[:, :-1],
    "halves, and all of it": lambda x: x + jnp.pad(x[:, :6], ((0, 0), (0, 6), (0, 0), (0, 0))),
    "a border of less than a cell": lambda x: jax.image.resize(x, (len(x), 96, 128, 3), "linear")[:, 4:92, 4:124][
        :, ::8, ::8
    ],
}


@pytest.mark.parametrize("change", WHOLE.values(), ids=WHOLE)
def test_what_is_no_crop_is_explained(change):
    bundle = models.plain()
    saliency = grad_cam(lambda params, images: bundle.apply(params, change(images)), WEIGHTS)(IMAGE, LABEL)
    assert saliency.max() == 1
