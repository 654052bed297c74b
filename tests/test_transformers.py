"""Attention rollout, and gradients that are balanced by LibraGrad, of vision transformers."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
import transformers

import groupcam_jax as g

IMAGE = jax.random.normal(jax.random.key(1), (64, 48, 3))
ADDED = {"bias", "class_token", "positions"}  # weights that are added, not multiplied


def noisy(params):
    """Weights away from their initial zeros."""
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(3), len(leaves))
    return tree.unflatten([leaf + 0.2 * jax.random.normal(k, leaf.shape) for leaf, k in zip(leaves, keys, strict=True)])


class Vit(nn.Module):
    """A vision transformer of its parts: attention, layer norms, gelu or a gate."""

    gated: bool = False

    @nn.compact
    def __call__(self, x):
        n = len(x)
        x = nn.Conv(32, (16, 16), strides=16)(x).reshape(n, -1, 32)
        first = jnp.broadcast_to(self.param("class_token", nn.initializers.normal(), (1, 1, 32)), (n, 1, 32))
        x = jnp.concatenate([first, x], 1)
        x = x + self.param("positions", nn.initializers.normal(), (1, x.shape[1], 32))
        for _ in range(2):
            x = x + nn.MultiHeadAttention(4)(nn.LayerNorm()(x))
            y = nn.LayerNorm()(x)
            y = nn.silu(nn.Dense(64)(y)) * nn.Dense(64)(y) if self.gated else nn.gelu(nn.Dense(64)(y))
            x = x + nn.Dense(32)(y)
        return nn.Dense(5)(nn.LayerNorm()(x)[:, 0])


@pytest.fixture(autouse=True)
def usual_promotion():
    """Other people's libraries rely on JAX's usual promotion."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.mark.filterwarnings("default")  # of transformers' own code
@pytest.mark.parametrize(("name", "start"), [("ViT", slice(0, 1)), ("Beit", slice(1, None))])
def test_rollout_is_that_of_the_attentions_that_transformers_returns(name, start):
    small = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
    config = getattr(transformers, f"{name}Config")(num_labels=10, image_size=64, patch_size=16, **small)
    model = getattr(transformers, f"Flax{name}ForImageClassification")(config, input_shape=(1, 64, 64, 3))
    params, image = noisy(model.params), jax.random.normal(jax.random.key(1), (64, 64, 3))

    def apply(params, images):
        return model(images.transpose(0, 3, 1, 2), params=params).logits

    rolled = np.eye(17)
    for attention in model(image[None].transpose(0, 3, 1, 2), params=params, output_attentions=True).attentions:
        rolled = (np.asarray(attention[0].mean(0)) + np.eye(17)) / 2 @ rolled
    expected = jax.image.resize(rolled[start].mean(0)[1:].reshape(4, 4), (64, 64), "bilinear")
    expected = (expected - expected.min()) / np.ptp(expected)
    np.testing.assert_allclose(g.attention_rollout(apply, params)(image), expected, atol=1e-5)


def attend(x, keys, values):
    return jax.nn.softmax(x @ keys.swapaxes(1, 2)) @ values


def test_rollout_of_a_probe_begins_with_its_own_attention():
    keys = jax.random.split(jax.random.key(0), 4)
    params = {"embed": jax.random.normal(keys[0], (768, 16)) / 9, "probe": jax.random.normal(keys[1], (1, 1, 16))}
    params["head"] = jax.random.normal(keys[2], (16, 5))

    def tokens(params, images):
        parts = images.reshape(len(images), 4, 16, 3, 16, 3).transpose(0, 1, 3, 2, 4, 5)
        return parts.reshape(len(images), 12, 768) @ params["embed"]

    def apply(params, images):
        x = tokens(params, images)
        x = x + attend(x, x, x)
        return attend(jnp.broadcast_to(params["probe"], (len(x), 1, 16)), x, x)[:, 0] @ params["head"]

    x = tokens(params, IMAGE[None])[0]
    first = jax.nn.softmax(x @ x.T)
    x = x + first @ x
    seen = jax.nn.softmax(params["probe"][0] @ x.T) @ (first + np.eye(12)) / 2
    expected = jax.image.resize(seen.reshape(4, 3), (64, 48), "bilinear")
    expected = (expected - expected.min()) / np.ptp(expected)
    np.testing.assert_allclose(g.attention_rollout(apply, params)(IMAGE), expected, atol=1e-5)


def of_tokens(mix, pool=lambda x: x.mean(1)):
    """A model of 12 tokens in two blocks, whose tokens are mixed by `mix(queries, keys, values)`."""

    def apply(params, images):
        parts = images.reshape(len(images), 4, 16, 3, 16, 3).transpose(0, 1, 3, 2, 4, 5)
        x = parts.reshape(len(images), 12, 768) @ params["embed"]
        for block in range(2):
            x = x + mix[block](x, x, x)
        return pool(x) @ params["head"]

    keys = jax.random.split(jax.random.key(0), 2)
    params = {"embed": jax.random.normal(keys[0], (768, 16)) / 9, "head": jax.random.normal(keys[1], (16, 5))}
    return apply, params


def by_the_library(x, keys, values):
    return jax.nn.dot_product_attention(*(one[:, :, None] for one in (x, keys, values)), scale=1.0)[:, :, 0]


def test_rollout_of_attention_in_other_words():
    expected = g.attention_rollout(*of_tokens([attend] * 2))(IMAGE)
    np.testing.assert_allclose(g.attention_rollout(*of_tokens([by_the_library] * 2))(IMAGE), expected, atol=1e-5)
    probe = jax.random.normal(jax.random.key(5), (16,))
    pools = (
        lambda x: attend(jnp.broadcast_to(probe, (len(x), 1, 16)), x, x)[:, 0],
        lambda x: jnp.einsum("nt,ntd->nd", jax.nn.softmax(x @ probe), x),
    )
    one, other = (g.attention_rollout(*of_tokens([attend] * 2, pool))(IMAGE) for pool in pools)
    np.testing.assert_allclose(one, other, atol=1e-5)
    assert jnp.abs(one - expected).max() > 0.05


def in_halves(x, keys, values):
    halves = [attend(*(one[:, :, i : i + 8] for one in (x, keys, values))) for i in (0, 8)]
    return jnp.concatenate(halves, 2)


def by_logsumexp(x, keys, values):
    scores = x @ keys.swapaxes(1, 2)
    return jnp.exp(scores - jax.scipy.special.logsumexp(scores, -1, keepdims=True)) @ values


def multiplied_and_summed(x, keys, values):
    return (jax.nn.softmax(x @ keys.swapaxes(1, 2))[..., None] * values[:, None]).sum(2)


def in_a_loop(x, keys, values):
    return jax.lax.fori_loop(0, 2, lambda _, x: attend(x, keys, values), x)


@pytest.mark.parametrize("mix", [in_halves, by_logsumexp, multiplied_and_summed, in_a_loop])
def test_rollout_refuses_what_it_would_leave_out(mix):
    with pytest.raises(ValueError, match=r"attention_rollout cannot follow .* \(test_transformers.py:\d+\)"):
        g.attention_rollout(*of_tokens([attend, mix]))(IMAGE)


def test_rollout_is_refused_where_it_is_not_defined():
    apply, params = models.plain()
    with pytest.raises(ValueError, match="is for transformers, and the model has no softmax over tokens"):
        g.attention_rollout(apply, params)(models.image())

    def in_windows(params, images):
        x = images.reshape(len(images), 4, 16, 2, 24, 3).transpose(0, 1, 3, 2, 4, 5).reshape(len(images) * 8, 384, 3)
        return attend(x, x, x).reshape(len(images), -1, 3).mean(1) @ params

    with pytest.raises(ValueError, match="needs attention between all tokens of one grid"):
        g.attention_rollout(in_windows, jnp.ones((3, 5)))(IMAGE)


@pytest.mark.parametrize("gated", [False, True])
def test_balanced_gradients_sum_to_the_logit(gated):
    model = Vit(gated)
    params = noisy(model.init(jax.random.key(0), IMAGE[None]))
    balanced = g.libragrad(model.apply)
    np.testing.assert_array_equal(balanced(params, IMAGE[None]), model.apply(params, IMAGE[None]))

    def share(apply):
        """The logit, and the sum of all that is added, times its gradient: image, biases, tokens."""
        logit, (of_params, of_image) = jax.value_and_grad(lambda p, x: apply(p, x[None])[0, 3], (0, 1))(params, IMAGE)
        leaves = zip(jax.tree.leaves_with_path(params), jax.tree.leaves(of_params), strict=True)
        added = sum((leaf * slope).sum() for (path, leaf), slope in leaves if path[-1].key in ADDED)
        return logit, added + (IMAGE * of_image).sum()

    logit, total = share(balanced)
    assert float(total) == pytest.approx(float(logit), rel=1e-4)
    logit, total = share(model.apply)
    assert abs(total - logit) > 0.05  # what it repairs


def test_balanced_models_are_explained_by_every_kind_of_method():
    model = Vit()
    params = noisy(model.init(jax.random.key(0), IMAGE[None]))
    balanced = g.libragrad(model.apply)
    for build in (g.grad_cam, g.gradient, g.layer_cam):
        saliency, plain = (jax.jit(build(apply, params))(IMAGE, 3) for apply in (balanced, model.apply))
        assert saliency.max() > 0.99
        assert jnp.abs(saliency - plain).max() > 0.01
    # A method without gradients gives what it gave.
    explain = [jax.jit(g.occlusion(apply, params, window=16, stride=16)) for apply in (balanced, model.apply)]
    np.testing.assert_allclose(explain[0](IMAGE, 3), explain[1](IMAGE, 3), atol=1e-5)


def test_gates_of_means_are_balanced():
    """A gate of the mean over many places moves little, and is a gate all the same."""

    def apply(params, images):
        x = images @ params["a"]
        return (x * jax.nn.sigmoid(x.mean((1, 2), keepdims=True))).mean((1, 2)) @ params["b"]

    keys = jax.random.split(jax.random.key(0), 2)
    params = {"a": jax.random.normal(keys[0], (3, 8)), "b": jax.random.normal(keys[1], (8, 5))}
    logit, slope = jax.value_and_grad(lambda image: g.libragrad(apply)(params, image[None])[0, 2])(IMAGE + 1)
    assert float(((IMAGE + 1) * slope).sum()) == pytest.approx(float(logit), rel=1e-4)


def test_balancing_says_where_no_gradient_is_left():
    apply = g.libragrad(lambda _, images: (jnp.tanh(images) * jax.nn.sigmoid(images @ jnp.eye(3))).mean((1, 2)))
    with pytest.raises(ValueError, match="no way from the image to the logits that has a gradient"):
        apply({}, IMAGE[None])


def test_networks_of_relus_are_balanced_as_they_are():
    apply, params = models.plain()
    image = models.image()
    for build in (g.grad_cam, g.gradient):
        ours, plain = (jax.jit(build(model, params))(image, 2) for model in (g.libragrad(apply), apply))
        np.testing.assert_allclose(ours, plain, atol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [jax.nn.softplus, lambda x: jax.lax.fori_loop(0, 2, lambda _, x: jnp.tanh(x), x), lambda x: jnp.cumprod(x, 1)],
)
def test_balancing_refuses_what_it_has_no_rule_for(layer):
    apply = g.libragrad(lambda params, images: layer(images @ params).mean((1, 2)))
    with pytest.raises(ValueError, match=r"libragrad has no rule for .*\(test_transformers.py:\d+\)"):
        apply(jnp.ones((3, 5)), IMAGE[None])
