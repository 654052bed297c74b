"""Methods that replace backward rules: against rules written out, and what they refuse."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

import groupcam_jax as g
from groupcam_jax.stages.masks import unit_range

APPLY, PARAMS = models.plain()
IMAGE = models.image()
ACTIVATION = models.below(PARAMS, IMAGE[None])[0][0]


@jax.custom_vjp
def guided(x):
    return jax.nn.relu(x)


@jax.custom_vjp
def deconvolved(x):
    return jax.nn.relu(x)


guided.defvjp(lambda x: (jax.nn.relu(x), x), lambda x, c: (jnp.where((x > 0) & (c > 0), c, 0),))
deconvolved.defvjp(lambda x: (jax.nn.relu(x), x), lambda _, c: (jnp.maximum(c, 0),))


def with_relu(relu):
    """The plain model with another function in the place of its ReLUs."""

    def apply(params, images):
        x = relu(models.conv(params["stem"], images))
        x = relu(x + models.conv(params["conv2"], relu(models.conv(params["conv1"], x))))
        return models.above(params, x)

    return apply


RELUS = {
    "jax.nn.relu": jax.nn.relu,
    "maximum": lambda x: jnp.maximum(x, 0),
    "maximum the other way round": lambda x: jnp.maximum(0, x),
    "maximum of zeros": lambda x: jnp.maximum(x, jnp.zeros_like(x)),
    "clip": lambda x: jnp.clip(x, 0),
    "where": lambda z: jnp.where(z > 0, z, 0.0),
    "where, the other way round": lambda z: jnp.where(z <= 0, jnp.zeros_like(z), z),
    "where of a mask": lambda z: z * (z > 0).astype(z.dtype),
    "half of the sum": lambda z: (z + jnp.abs(z)) / 2,
    "negated": lambda z: -jnp.minimum(-z, 0),
    "jitted": jax.jit(lambda z: jnp.where(z > 0, z, 0.0)),
    "by image": jax.vmap(lambda z: jnp.where(z > 0, z, 0.0)),
    "scaled": lambda z: 0.5 * jax.nn.relu(2 * z),
    "bounded far above": lambda z: jnp.clip(z, 0, 1e6),
    "called swish": lambda z: swish(z),
}


def swish(z):
    """A ReLU by another name."""
    return jnp.maximum(z, 0)


@pytest.mark.parametrize("relu", RELUS)
@pytest.mark.parametrize(("build", "rule"), [(g.guided_backprop, guided), (g.deconvolution, deconvolved)])
def test_rules_of_every_way_to_write_a_relu(build, rule, relu):
    expected = jax.grad(lambda image: with_relu(rule)(PARAMS, image[None])[0, 2])(IMAGE)
    _, aux = build(with_relu(RELUS[relu]), PARAMS, has_aux=True)(IMAGE, 2)
    np.testing.assert_allclose(aux.attribution, expected, atol=1e-6)
    assert not np.allclose(expected, jax.grad(lambda image: APPLY(PARAMS, image[None])[0, 2])(IMAGE), atol=1e-3)


def test_relu6_opens_between_its_bounds():
    big = jax.tree.map(lambda leaf: 4 * leaf, PARAMS)  # so that some units are above 6

    @jax.custom_vjp
    def rule(x):
        return jax.nn.relu6(x)

    rule.defvjp(lambda x: (rule(x), x), lambda x, c: (jnp.where((x > 0) & (x < 6) & (c > 0), c, 0),))
    expected = jax.grad(lambda image: with_relu(rule)(big, image[None])[0, 2])(IMAGE)
    _, aux = g.guided_backprop(with_relu(jax.nn.relu6), big, has_aux=True)(IMAGE, 2)
    np.testing.assert_allclose(aux.attribution, expected, rtol=1e-4, atol=1e-4)


def test_guided_grad_cam_is_the_product():
    _, fused = g.guided_grad_cam(APPLY, PARAMS, has_aux=True)(IMAGE, 2)
    _, alone = g.guided_backprop(APPLY, PARAMS, has_aux=True)(IMAGE, 2)
    heat = jax.nn.relu(ACTIVATION @ PARAMS["fc"]["kernel"][:, 2]) / 144
    np.testing.assert_allclose(fused.attribution, alone.attribution * heat[:, :, None], atol=1e-6)


@pytest.mark.parametrize("activation", ["gelu", "silu", "elu", "softplus", "leaky_relu"])
@pytest.mark.parametrize("build", [g.guided_backprop, g.deconvolution, g.guided_grad_cam])
def test_smooth_activations_are_refused_by_their_place(build, activation):
    def apply(params, images):
        with jax.named_scope("body"):
            x = getattr(nn, activation)(models.conv(params["stem"], images))
        return models.above(params, jax.nn.relu(models.conv(params["conv1"], x)))

    with pytest.raises(ValueError, match=r"has no rule for .* at 'body' \(test_backward.py:\d+\)"):
        build(apply, PARAMS)(IMAGE, 2)


def test_what_nobody_reads_of_a_batch_norm_is_no_activation():
    """The new averages of a batch norm in training, which a model returns beside its logits."""

    def apply(params, images, averages=None):
        x = models.conv(params["stem"], images)
        mean, square = x.mean((0, 1, 2)), (x * x).mean((0, 1, 2))
        variance = square - mean * mean
        new = None if averages is None else (0.9 * averages + 0.1 * variance)
        x = jax.nn.relu((x - mean[None, None, None]) / jnp.sqrt(variance + 1e-3)[None, None, None])
        return models.above(params, x), new

    plain, updating = (
        g.guided_backprop(lambda params, images, a=averages: apply(params, images, a)[0], PARAMS)(IMAGE, 2)
        for averages in (None, jnp.zeros(8))
    )
    np.testing.assert_allclose(plain, updating, atol=1e-6)


OTHERS = {
    "leaky": lambda z: jnp.where(z > 0, z, 0.1 * z),
    "abs": jnp.abs,
    "threshold": lambda z: jnp.where(z > 1, z, 0.0),
    "swish": lambda z: z / (1 + jnp.exp(-z)),
    "hard swish": lambda z: z * jax.nn.relu6(z + 3) / 6,
    "gelu": lambda z: 0.5 * z * (1 + jax.lax.erf(z / 1.4)),
    "softplus": lambda z: jnp.log1p(jnp.exp(z)),
    "tanh": jnp.tanh,
    "square": lambda z: z * z,
    "in a loop": lambda z: jax.lax.fori_loop(0, 2, lambda _, z: jnp.tanh(z), z),
    "squared relu": lambda z: jax.nn.relu(z) ** 2,
    "mish": lambda z: z * jnp.tanh(jnp.log(1 + jnp.exp(z))),
    "softplus by log": lambda z: jnp.log(1 + jnp.exp(z)),
    "a root in the denominator": lambda z: z / jnp.sqrt(1 + z * z),
    "smooth magnitude": lambda z: jnp.sqrt(z * z + 0.001),
    "pooling by a norm": lambda z: jnp.sqrt((jax.nn.relu(z) ** 2).mean((1, 2), keepdims=True) + 1e-6) + 0 * z,
    "root of a mean": lambda z: jnp.sqrt(jax.nn.relu(z).mean((1, 2), keepdims=True) + 1e-6) + 0 * z,
    "logarithm of the magnitude": lambda z: jnp.sign(z) * jnp.log(1 + jnp.abs(z)),
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("build", [g.guided_backprop, g.excitation_backprop])
def test_every_other_nonlinearity_is_refused(build, other):
    def apply(params, images):
        x = jax.nn.relu(models.conv(params["stem"], images))
        with jax.named_scope("body"):
            x = OTHERS[other](models.conv(params["conv1"], x))
        return models.above(params, jax.nn.relu(models.conv(params["conv2"], x)))

    with pytest.raises(ValueError, match="'body'"):
        build(apply, PARAMS, **({"layer": 1} if build is g.excitation_backprop else {}))(IMAGE, 2)


def test_a_parametric_relu_is_refused():
    def apply(params, images):
        z = models.conv(params["stem"], images)
        z = jnp.where(z > 0, z, z * params["conv1"]["bias"][None, None, None])
        return models.above(params, jax.nn.relu(models.conv(params["conv1"], z)))

    with pytest.raises(ValueError, match="has no rule for"):
        g.guided_backprop(apply, PARAMS)(IMAGE, 2)


@pytest.mark.parametrize("gate", [jax.nn.sigmoid, jax.nn.hard_sigmoid])
def test_a_gate_keeps_its_derivative(gate):
    """Squeeze and excitation: only the ReLUs beside the gate have the rule."""

    def apply(relu, params, images):
        x = relu(models.conv(params["stem"], images))
        opened = gate(relu(x.mean((1, 2)) @ params["conv1"]["kernel"][0, 0]) @ params["conv1"]["kernel"][1, 1])
        return models.above(params, x * opened[:, None, None])

    expected = jax.grad(lambda image: apply(guided, PARAMS, image[None])[0, 2])(IMAGE)
    _, aux = g.guided_backprop(lambda *args: apply(jax.nn.relu, *args), PARAMS, has_aux=True)(IMAGE, 2)
    np.testing.assert_allclose(aux.attribution, expected, atol=1e-6)


def test_a_network_without_relu_is_refused():
    def apply(params, images):
        return models.above(params, models.conv(params["stem"], images))

    with pytest.raises(ValueError, match="the model has none: nothing would change"):
        g.guided_backprop(apply, PARAMS)(IMAGE, 2)


@pytest.mark.parametrize("wrap", ["scan", "cond", "custom_vjp"])
def test_a_relu_out_of_reach_is_refused(wrap):
    own = jax.custom_vjp(lambda x: jnp.maximum(x, 0))
    own.defvjp(lambda x: (jnp.maximum(x, 0), x), lambda x, c: (c * (x > 0),))
    wrapped = {
        "scan": lambda x: jax.lax.scan(lambda x, _: (jax.nn.relu(x), None), x, None, length=2)[0],
        "cond": lambda x: jax.lax.cond(x.sum() > 0, jax.nn.relu, jnp.negative, x),
        "custom_vjp": own,
    }[wrap]

    def apply(params, images):
        with jax.named_scope("body"):
            x = wrapped(models.conv(params["stem"], images))
        return models.above(params, jax.nn.relu(x))

    with pytest.raises(ValueError, match=rf"ReLU inside {wrap}.*; one is at 'body'"):
        g.guided_backprop(apply, PARAMS)(IMAGE, 2)


@pytest.mark.parametrize("norm", [nn.LayerNorm, lambda **options: nn.GroupNorm(4, **options)])
@pytest.mark.parametrize("build", [g.guided_backprop, g.deconvolution])
def test_the_guard_of_a_variance_is_no_relu(build, norm):
    """The same statistics, with the guard max(0, variance) and without."""

    class Net(nn.Module):
        fast: bool

        @nn.compact
        def __call__(self, x):
            x = nn.relu(norm(use_fast_variance=self.fast)(nn.Conv(8, (3, 3))(x)))
            return nn.Dense(5)(norm(use_fast_variance=self.fast)(nn.Conv(8, (3, 3))(x)).mean((1, 2)))

    params = Net(True).init(jax.random.key(0), IMAGE[None])
    with_guard, without = (build(Net(fast).apply, params, has_aux=True)(IMAGE, 2)[1].attribution for fast in (1, 0))
    np.testing.assert_allclose(with_guard, without, atol=1e-4 * jnp.abs(without).max())


def test_excitation_backprop_on_a_pooled_linear_head():
    votes = ACTIVATION * jax.nn.relu(PARAMS["fc"]["kernel"][:, 2])[None, None]
    against = ACTIVATION * jax.nn.relu(-PARAMS["fc"]["kernel"][:, 2])[None, None]
    plain = g.excitation_backprop(APPLY, PARAMS, contrastive=False)(IMAGE, 2)
    np.testing.assert_allclose(plain, unit_range(votes.sum(2)), atol=1e-5)
    contrast = jax.nn.relu((votes / votes.sum() - against / against.sum()).sum(2))
    np.testing.assert_allclose(g.excitation_backprop(APPLY, PARAMS)(IMAGE, 2), unit_range(contrast), atol=1e-5)


def test_the_last_layer_is_the_last_that_the_image_reaches():
    """A bias that is a product of weights is computed after the last layer, and is none."""
    half = jnp.diag(jnp.full(5, 0.5))

    def apply(params, images):
        logits = APPLY({**PARAMS, "fc": {**PARAMS["fc"], "bias": jnp.zeros(5)}}, images)
        return logits + (params["bias"] @ half)[None]

    saliency = g.excitation_backprop(apply, {"bias": jnp.ones(5)})(IMAGE, 2)
    np.testing.assert_allclose(saliency, g.excitation_backprop(APPLY, PARAMS)(IMAGE, 2), atol=1e-6)
    assert saliency.max() == 1


def test_excitation_backprop_through_a_residual_block():
    """Equation 4 written out: a unit's probability goes to those below with odds activation times positive weight."""
    w1, w2, fc = (jax.nn.relu(PARAMS[name]["kernel"]) for name in ("conv1", "conv2", "fc"))

    def linear(kernel, x):
        return models.conv({"kernel": kernel, "bias": jnp.zeros(kernel.shape[-1])}, x)

    def pass_down(kernel, below, won):
        """The probability that inputs of a convolution win what its outputs won."""
        out, back = jax.vjp(lambda x: linear(kernel, x), below)
        return below * back(jnp.where(out > 0, won / jnp.where(out > 0, out, 1), 0))[0]

    stem = jax.nn.relu(models.conv(PARAMS["stem"], IMAGE[None]))
    inner = jax.nn.relu(models.conv(PARAMS["conv1"], stem))
    top = ACTIVATION[None] * fc[:, 2][None, None, None]
    top = top / top.sum()
    branch = linear(w2, inner)
    share = jnp.where(branch + stem > 0, top / jnp.where(branch + stem > 0, branch + stem, 1), 0)
    won = share * stem + pass_down(w1, stem, pass_down(w2, inner, share * branch))
    saliency = g.excitation_backprop(APPLY, PARAMS, layer=0, contrastive=False)(IMAGE, 2)
    np.testing.assert_allclose(saliency, unit_range(won[0].sum(2)), atol=1e-4)
    np.testing.assert_allclose(won.sum(), 1, rtol=1e-3)  # nothing is lost on the way


def average_pool(x, window, strides):
    return jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, *window, 1), (1, *strides, 1), "VALID") / 4


@pytest.mark.parametrize("pool", [nn.max_pool, average_pool])
def test_excitation_backprop_through_pooling_and_batch_norm(pool):
    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.relu(nn.BatchNorm(use_running_average=True)(nn.Conv(8, (3, 3), name="conv")(x)))
            x = nn.relu(nn.Conv(8, (3, 3))(pool(x, (2, 2), strides=(2, 2))))
            return nn.Dense(5)(x.reshape(x.shape[0], -1))

    params = Net().init(jax.random.key(0), IMAGE[None])
    for contrastive in (False, True):
        explain = jax.jit(g.excitation_backprop(Net().apply, params, layer=0, contrastive=contrastive))
        saliency = explain(IMAGE, 2)
        assert jnp.isfinite(saliency).all()
        assert saliency.max() == 1


@pytest.mark.parametrize("contrastive", [False, True])
def test_excitation_backprop_does_not_see_whether_factors_are_folded(contrastive):
    """Scales after a convolution, some of them negative, however they are written, belong to its weights."""
    keys = jax.random.split(jax.random.key(1), 2)
    scales = [jax.random.normal(key, (8,)) for key in keys]

    def network(conv1, conv2, normed1, normed2):
        def apply(params, images):
            x = jax.nn.relu(models.conv(params["stem"], images))
            branch = normed2(models.conv(params[conv2], jax.nn.relu(normed1(models.conv(params[conv1], x)))))
            return models.above(params, jax.nn.relu(x + branch))

        return apply

    unfolded = network(
        "conv1",
        "conv2",
        lambda x: (x - 0.1) / 0.5 * scales[0][None, None, None] + 0.2,
        lambda x: -((0.3 - x) * scales[1][None, None, None]),
    )
    shifts = [0.2 - 0.2 * scales[0], -0.3 * scales[1]]
    folded = {
        name: {"kernel": w["kernel"] * scale, "bias": w["bias"] * scale[0, 0, 0] + shift}
        for name, w, scale, shift in (
            ("folded1", PARAMS["conv1"], 2 * scales[0][None, None, None], shifts[0]),
            ("folded2", PARAMS["conv2"], scales[1][None, None, None], shifts[1]),
        )
    }
    params = {**PARAMS, **folded}
    identity = network("folded1", "folded2", lambda x: x, lambda x: x)
    np.testing.assert_allclose(unfolded(params, IMAGE[None]), identity(params, IMAGE[None]), atol=1e-5)
    maps = [
        jax.jit(g.excitation_backprop(apply, params, layer=0, contrastive=contrastive))(IMAGE, 2)
        for apply in (unfolded, identity)
    ]
    np.testing.assert_allclose(*maps, atol=1e-5)
    assert maps[0].max() == 1


@pytest.mark.parametrize("activation", ["gelu", "silu", "sigmoid", "tanh"])
def test_excitation_backprop_names_what_it_has_no_rule_for(activation):
    def apply(params, images):
        x = jax.nn.relu(models.conv(params["stem"], images))
        with jax.named_scope("body"):
            x = getattr(nn, activation)(models.conv(params["conv1"], x))
        return models.above(params, x)

    with pytest.raises(ValueError, match=r"excitation_backprop has no rule for .* at 'body'"):
        g.excitation_backprop(apply, PARAMS, layer=0)(IMAGE, 2)


HEADS = {
    "flattened": (
        lambda p, x: x.reshape(x.shape[0], -1) @ jnp.ones((12 * 12 * 8, 5)),
        "dot_general at 'the top level'",
    ),
    "max": (lambda p, x: x.max((1, 2)) @ p["fc"]["kernel"], "reduce_max at 'the top level'"),
    "a sum over channels, as many as places": (
        lambda p, x: x[..., :1].repeat(144, 3).sum((1, 3)) @ jnp.ones((12, 5)),
        "slice at",
    ),
    "a sum over some places and channels": (
        lambda p, x: x.reshape(x.shape[0], 18, 8, 8).sum((1, 3)) @ p["fc"]["kernel"],
        "reduce_sum at 'the top level'",
    ),
    "hidden layer": (
        lambda p, x: jax.nn.relu(x.mean((1, 2)) @ jnp.ones((8, 8))) @ p["fc"]["kernel"],
        "relu at 'the top level'",
    ),
    "another layer between": (
        lambda p, x: models.above(p, jax.nn.relu(models.conv(p["conv1"], x))),
        "",
    ),
}


@pytest.mark.parametrize("head", HEADS)
def test_cam_refuses_every_other_head(head):
    above, what = HEADS[head]
    layer = None if what else 0
    with pytest.raises(ValueError, match=f"CAM is exact for a mean over space.*after the layer comes {what}"):
        g.cam(lambda params, images: above(params, models.below(params, images)[0]), PARAMS, layer=layer)(IMAGE, 2)


def test_cam_of_a_pair_of_functions_and_of_average_pooling():
    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.relu(nn.Conv(8, (3, 3))(x))
            return nn.Dense(5)(average_pool(x, (12, 12), (1, 1)).reshape(x.shape[0], -1))

    params = Net().init(jax.random.key(0), IMAGE[None])
    assert g.cam(Net().apply, params)(IMAGE, 2).max() == pytest.approx(1)
    pair = (models.below, models.above)
    np.testing.assert_allclose(g.cam(APPLY, PARAMS, layer=pair)(IMAGE, 2), g.cam(APPLY, PARAMS)(IMAGE, 2), atol=1e-6)
