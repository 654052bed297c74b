"""Models of tokens: a small vision transformer with a class token, explained on its grid."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

from groupcam_jax import Layer, group_cam, split


class Encoder(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = x + nn.MultiHeadDotProductAttention(2)(nn.LayerNorm()(x))
        return x + nn.Dense(16)(nn.gelu(nn.Dense(32)(nn.LayerNorm()(x))))


class ViT(nn.Module):
    @nn.compact
    def __call__(self, images):
        x = nn.Conv(16, (4, 4), strides=(4, 4), name="patches")(images)
        n, h, w, c = x.shape
        token = self.param("class_token", nn.initializers.normal(), (1, 1, c))
        x = jnp.concatenate([jnp.broadcast_to(token, (n, 1, c)), x.reshape(n, h * w, c)], axis=1)
        x = x + self.param("position", nn.initializers.normal(), x.shape[1:])[None]
        for i in range(2):
            x = Encoder(name=f"encoder_{i}")(x)
        return nn.Dense(5)(nn.LayerNorm()(x)[:, 0])


IMAGE = models.image(12, 16)
MODEL = ViT()
PARAMS = MODEL.init(jax.random.key(0), IMAGE[None])


def test_grid_without_the_class_token():
    features, head = split(MODEL.apply, PARAMS, IMAGE[None], Layer("encoder_0", tokens_to_grid=(3, 4)))
    activation, skips = features(PARAMS, IMAGE[None])
    _, state = MODEL.apply(PARAMS, IMAGE[None], capture_intermediates=True)
    tokens = state["intermediates"]["encoder_0"]["__call__"][0]
    np.testing.assert_allclose(activation, tokens[:, 1:].reshape(1, 3, 4, 16), atol=1e-6)
    np.testing.assert_array_equal(head(PARAMS, activation, skips), MODEL.apply(PARAMS, IMAGE[None]))


def test_group_cam_of_a_transformer():
    explain = group_cam(MODEL.apply, PARAMS, layer=Layer("encoder_0", tokens_to_grid=(3, 4)), groups=4, has_aux=True)
    saliency, aux = jax.jit(jax.vmap(explain, in_axes=(None, 0)))(IMAGE, jnp.arange(5))
    assert aux.masks.shape == (5, 4, 3, 4)
    assert saliency.shape == (5, 12, 16)
    assert (saliency.max((1, 2)) == 1).any()  # what one class loses behind a mask another one gains


def test_default_layer_of_tokens_is_the_last_cut():
    features, _ = split(MODEL.apply, PARAMS, IMAGE[None], Layer(tokens_to_grid=(3, 4)))
    assert features(PARAMS, IMAGE[None])[0].shape == (1, 3, 4, 16)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (None, r"looks like a model of tokens: after its last spatial activation comes .* \[13, 16\]"),
        ("encoder_1", r"holds tokens: tell their grid, layer=Layer\(..., tokens_to_grid=\(height, width\)\)"),
        (Layer("encoder_1", tokens_to_grid=(14, 14)), r"at least 196 tokens; layer .* \[13, 16\] is none"),
        (Layer("patches", tokens_to_grid=(3, 4)), r"needs an activation \[tokens, channels\]"),
    ],
)
def test_errors(layer, message):
    with pytest.raises(ValueError, match=message):
        split(MODEL.apply, PARAMS, IMAGE[None], layer)


@pytest.mark.parametrize("options", [{"tokens_to_grid": (3, 4)}, {"data_format": "NCHW"}])
def test_a_pair_of_functions_says_its_layout_itself(options):
    with pytest.raises(ValueError, match="leave tokens_to_grid and data_format out"):
        Layer((print, print), **options)


def test_there_are_two_layouts():
    with pytest.raises(ValueError, match="data_format='CHWN': expected 'NHWC' or 'NCHW'"):
        Layer(data_format="CHWN")
