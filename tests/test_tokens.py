"""Models of tokens, with no options: the grid, and the last activation of which the logits read it."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

from groupcam_jax import Layer, grad_cam, group_cam, list_layers, recipro_cam, split

IMAGE = models.image(12, 16)


class Encoder(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = x + nn.MultiHeadDotProductAttention(2)(nn.LayerNorm()(x))
        return x + nn.Dense(16)(nn.gelu(nn.Dense(32)(nn.LayerNorm()(x))))


def class_token(x):
    return x[:, 0]


def mean_of_grid(x):
    return x[:, 1:].mean(1)


def attention_pooling(x):
    weights = jax.nn.softmax(x @ jnp.ones(16) / 10)
    return jnp.einsum("nt,ntc->nc", weights, x)


class ViT(nn.Module):
    """A vision transformer: `before` tokens ahead of the grid, `after` behind it."""

    pool: object = class_token
    before: int = 1
    after: int = 0
    patches: str = "conv"

    @nn.compact
    def __call__(self, images):
        if self.patches == "conv":
            x = nn.Conv(16, (4, 4), strides=(4, 4), name="patches")(images)
        else:
            n, h, w, c = images.shape
            blocks = images.reshape(n, h // 4, 4, w // 4, 4, c).transpose(0, 1, 3, 2, 4, 5)
            x = nn.Dense(16, name="patches")(blocks.reshape(n, h // 4, w // 4, -1))
        n, h, w, c = x.shape
        token = self.param("class_token", nn.initializers.normal(), (1, self.before + self.after, c))
        token = jnp.broadcast_to(token, (n, self.before + self.after, c))
        x = jnp.concatenate([token[:, : self.before], x.reshape(n, h * w, c), token[:, self.before :]], axis=1)
        x = x + self.param("position", nn.initializers.normal(), x.shape[1:])[None]
        for i in range(2):
            x = Encoder(name=f"encoder_{i}")(x)
        return nn.Dense(5)(self.pool(nn.LayerNorm(name="norm")(x)))


MODEL = ViT()
PARAMS = MODEL.init(jax.random.key(0), IMAGE[None])
# Name -> the model, the scope of its default layer, and where its grid begins.
FORMS = {
    "class token": (ViT(), "ViT/encoder_0", 1),
    "class token, blocks of pixels": (ViT(patches="blocks"), "ViT/encoder_0", 1),
    "class and distillation token": (ViT(before=2, pool=lambda x: x[:, :2].mean(1)), "ViT/encoder_0", 2),
    "registers behind": (ViT(after=4), "ViT/encoder_0", 1),
    "class token last": (ViT(before=0, after=1, pool=lambda x: x[:, -1]), "ViT/encoder_0", 0),
    "taken": (ViT(pool=lambda x: jnp.take(x, 0, axis=1)), "ViT/encoder_0", 1),
    "indexed by an array": (ViT(pool=lambda x: x[:, jnp.array([0])].squeeze(1)), "ViT/encoder_0", 1),
    "sliced on the run": (ViT(pool=lambda x: jax.lax.dynamic_slice_in_dim(x, 0, 1, 1)[:, 0]), "ViT/encoder_0", 1),
    "masked": (
        ViT(pool=lambda x: (x * (jnp.arange(13) < 1).astype(x.dtype)[None, :, None]).sum(1)),
        "ViT/encoder_0",
        1,
    ),
    "chosen": (ViT(pool=lambda x: jnp.where((jnp.arange(13) < 1)[None, :, None], x, 0.0).sum(1)), "ViT/encoder_0", 1),
    "split off": (ViT(pool=lambda x: jnp.split(x, [1], axis=1)[0][:, 0]), "ViT/encoder_0", 1),
    "unstacked": (ViT(pool=lambda x: jnp.unstack(x, axis=1)[0]), "ViT/encoder_0", 1),
    "picked by a product": (ViT(pool=lambda x: (jnp.eye(1, 13) @ x)[:, 0]), "ViT/encoder_0", 1),
    "mean": (ViT(pool=lambda x: x.mean(1)), "ViT/norm", 1),
    "mean of the grid": (ViT(pool=mean_of_grid), "ViT/norm", 1),
    "attention pooling": (ViT(pool=attention_pooling), "ViT/norm", 1),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_default_layer_is_the_last_whose_grid_is_read(form):
    model, scope, before = FORMS[form]
    params = model.init(jax.random.key(0), IMAGE[None])
    (default,) = (one for one in list_layers(model.apply, params, (12, 16, 3)) if one.remark == "default")
    assert default.scope == scope
    features, head = split(model.apply, params, IMAGE[None])
    activation, skips = features(params, IMAGE[None])
    _, state = model.apply(params, IMAGE[None], capture_intermediates=True)
    tokens = state["intermediates"][scope.removeprefix("ViT/")]["__call__"][0]
    np.testing.assert_allclose(activation, tokens[:, before : before + 12].reshape(1, 3, 4, 16), atol=1e-6)
    np.testing.assert_allclose(head(params, activation, skips), model.apply(params, IMAGE[None]), atol=1e-6)
    assert jnp.abs(jax.grad(lambda x: head(params, x, skips)[0, 2])(activation)).max() > 0


@pytest.mark.parametrize("at", [None, "encoder_0"])
def test_group_cam_of_a_transformer(at):
    explain = group_cam(MODEL.apply, PARAMS, layer=at, groups=4, has_aux=True)
    saliency, aux = jax.jit(jax.vmap(explain, in_axes=(None, 0)))(IMAGE, jnp.arange(5))
    assert aux.masks.shape == (5, 4, 3, 4)
    assert saliency.shape == (5, 12, 16)
    assert (saliency.max((1, 2)) == 1).any()  # what one class loses behind a mask another one gains
    told = group_cam(MODEL.apply, PARAMS, layer=Layer(at, tokens_to_grid=(3, 4)), groups=4)
    np.testing.assert_array_equal(saliency[2], jax.jit(told)(IMAGE, 2))


def test_recipro_cam_keeps_one_token_and_what_stands_beside_the_grid():
    def keep(module_output, place):  # of the first encoder: class token, then 3 x 4
        return jnp.where(jnp.isin(jnp.arange(13), jnp.array([0, 1 + place]))[None, :, None], module_output, 0)

    def kept(place):
        def intercept(call, arguments, keywords, context):
            output = call(*arguments, **keywords)
            return keep(output, place) if context.module.name == "encoder_0" else output

        with nn.intercept_methods(intercept):
            return MODEL.apply(PARAMS, IMAGE[None])[0]

    expected = jax.nn.softmax(jnp.stack([kept(place) for place in range(12)]))[:, 2].reshape(3, 4)
    _, aux = recipro_cam(MODEL.apply, PARAMS, has_aux=True)(IMAGE, 2)
    np.testing.assert_allclose(aux.scores, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("encoder_1", r"layer \d+ 'ViT/encoder_1' .*read none of its places.*The model's activations.*ViT/encoder_0'"),
        (-1, r"read none of its places"),
        (Layer("encoder_0", tokens_to_grid=(14, 14)), r"tokens_to_grid=\(14, 14\) says: the program shows 3 x 4"),
        (Layer("encoder_0", tokens_to_grid=(4, 3)), r"tokens_to_grid=\(4, 3\) says: the program shows 3 x 4"),
        (Layer("encoder_0", data_format="NHWC"), "data_format='NHWC' says"),
        (Layer("patches", tokens_to_grid=(3, 4)), r"the program shows 3 x 4"),
    ],
)
def test_a_layer_that_is_not_read_or_not_laid_out_so(layer, message):
    with pytest.raises(ValueError, match=message):
        split(MODEL.apply, PARAMS, IMAGE[None], layer)


def windows(x, size):
    n, h, w, c = x.shape
    x = x.reshape(n, h // size, size, w // size, size, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(-1, size * size, c)


def unwindows(x, size, height, width):
    x = x.reshape(-1, height // size, width // size, size, size, x.shape[-1]).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(-1, height, width, x.shape[-1])


class Swin(nn.Module):
    """Attention in windows, the second time shifted, then patches are merged."""

    @nn.compact
    def __call__(self, images):
        x = nn.Conv(8, (2, 2), strides=(2, 2))(images)
        for shift in (0, 1):
            _, h, w, _ = x.shape
            moved = jnp.roll(nn.LayerNorm()(x), (-shift, -shift), (1, 2))
            mixed = unwindows(nn.MultiHeadDotProductAttention(2)(windows(moved, 2)), 2, h, w)
            x = x + jnp.roll(mixed, (shift, shift), (1, 2))
            x = x + nn.Dense(x.shape[-1])(nn.gelu(nn.Dense(16)(x)))
        x = jnp.concatenate([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)], -1)
        x = nn.Dense(16, name="merge")(x)
        return nn.Dense(5)(nn.LayerNorm(name="norm")(x).reshape(x.shape[0], -1, 16).mean(1))


class Hybrid(nn.Module):
    """Convolutions, then tokens."""

    @nn.compact
    def __call__(self, images):
        x = nn.relu(nn.Conv(16, (3, 3), strides=(2, 2))(images))
        x = nn.relu(nn.Conv(16, (3, 3), strides=(2, 2))(x))
        x = x.reshape(x.shape[0], -1, 16)
        x = jnp.concatenate([jnp.zeros_like(x[:, :1]), x], 1)
        for i in range(2):
            x = Encoder(name=f"encoder_{i}")(x)
        return nn.Dense(5)(x[:, 0])


class Mixer(nn.Module):
    """Tokens mixed by weights."""

    @nn.compact
    def __call__(self, images):
        x = nn.Conv(16, (4, 4), strides=(4, 4))(images).reshape(images.shape[0], -1, 16)
        x = x + nn.Dense(x.shape[1])(nn.gelu(nn.Dense(9)(x.swapaxes(1, 2)))).swapaxes(1, 2)
        x = x + nn.Dense(16)(nn.gelu(nn.Dense(32)(x)))
        return nn.Dense(5)(x.mean(1))


@pytest.mark.parametrize(("model", "grid"), [(Swin(), (3, 4)), (Hybrid(), (3, 4)), (Mixer(), (3, 4))])
def test_other_models_of_tokens(model, grid):
    params = model.init(jax.random.key(0), IMAGE[None])
    (default,) = (one for one in list_layers(model.apply, params, (12, 16, 3)) if one.remark == "default")
    assert default.grid.shape == grid
    assert default.is_cut
    saliency, _ = jax.jit(group_cam(model.apply, params, groups=4, has_aux=True))(IMAGE)
    assert saliency.shape == (12, 16)
    assert jnp.abs(jax.jit(grad_cam(model.apply, params, target=lambda logits: logits.sum()))(IMAGE)).max() <= 1


def test_a_place_of_the_grid_is_a_place_of_the_image():
    """Without attention each token sees its own patch: the map of a model of one patch lies on that patch."""

    def columns_first(params, images):
        n = images.shape[0]
        blocks = images.reshape(n, 3, 4, 4, 4, 3).transpose(0, 3, 1, 2, 4, 5)  # column, row, pixels
        x = jax.nn.relu(blocks.reshape(n, 12, 48)[:, ::-1] @ params)  # from the last to the first
        x = jnp.concatenate([jnp.zeros_like(x[:, :2]), x, jnp.zeros_like(x[:, :3])], 1)
        return x.mean(1) @ jnp.eye(5)

    patch = jnp.zeros((12, 16, 3)).at[4:8, 12:16].set(1.0)
    params = jnp.abs(jax.random.normal(jax.random.key(0), (48, 5)))
    found = grad_cam(columns_first, params)(patch, 1)
    row, column = jnp.unravel_index(found.argmax(), found.shape)
    assert (row // 4, column // 4) == (1, 3)
    np.testing.assert_allclose(found[:, :8], 0, atol=1e-6)


@pytest.mark.parametrize("options", [{"tokens_to_grid": (3, 4)}, {"data_format": "NCHW"}])
def test_a_pair_of_functions_says_its_layout_itself(options):
    with pytest.raises(ValueError, match="leave tokens_to_grid and data_format out"):
        Layer((print, print), **options)


def test_there_are_two_layouts():
    with pytest.raises(ValueError, match="data_format='CHWN': expected 'NHWC' or 'NCHW'"):
        Layer(data_format="CHWN")
