"""Layer-wise relevance propagation against captum's, and what it conserves."""

import inspect
import pathlib

import flax.linen as nn
import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from jax import lax

import groupcam_jax as g
import pretrained
from groupcam_jax.stages.masks import unit_range
from groupcam_jax.targets import bind

APPLY, PARAMS = models.plain()
FREE = {name: {"kernel": w["kernel"], "bias": 0 * w["bias"]} for name, w in PARAMS.items()}
IMAGE = models.image()
EXACT, PLUS = ({"dense": rule, "convolution": rule} for rule in (g.epsilon(0.0), g.z_plus))


def relevance(apply, params, image=IMAGE, label=2, **options):
    """The attribution, and the logit of the class."""
    _, aux = jax.jit(g.lrp(apply, params, has_aux=True, **options))(image, label)
    return aux.attribution, aux.logits[label]


def small(params, x):
    """The network of `golden/make_lrp.py`."""

    def linear(number, product):
        bias = params.get(f"{number}.bias")
        return product if bias is None else product + bias[(None,) * (product.ndim - 1)]

    def conv(number, x):
        kernel = params[f"{number}.weight"].transpose(2, 3, 1, 0)
        return linear(
            number, lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        )

    x = conv(0, x)
    if "1.weight" in params:
        mean, variance, scale, bias = (
            params[f"1.{name}"][None, None, None] for name in ("running_mean", "running_var", "weight", "bias")
        )
        x = (x - mean) / jnp.sqrt(variance + 1e-5) * scale + bias
    x = jax.nn.relu(conv(4, nn.max_pool(jax.nn.relu(x), (2, 2), (2, 2))))
    x = lax.reduce_window(x, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") / 4
    x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
    return linear(10, jax.nn.relu(linear(8, x @ params["8.weight"].T)) @ params["10.weight"].T)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("epsilon", {"convolution": g.epsilon()}),  # with batch norm, biases and negative pixels
        ("large_epsilon", {"convolution": g.epsilon(0.1), "dense": g.epsilon(0.1)}),
        ("gamma", {}),
        ("z_plus", PLUS),
    ],
)
def test_is_captum_s(name, options):
    with np.load(pathlib.Path(__file__).with_name("golden") / "lrp.npz") as golden:
        arrays = {key.partition("/")[2]: jnp.asarray(golden[key]) for key in golden if key.startswith(f"{name}/")}
    expected, image = arrays.pop("attribution"), arrays.pop("image")
    ours, _ = relevance(small, arrays, image, 0, **options)
    assert jnp.ptp(expected) > 0
    np.testing.assert_allclose(ours, expected, atol=3e-5 * jnp.ptp(expected))


@pytest.mark.parametrize("label", range(5))
def test_z_plus_conserves_the_logit_whatever_the_biases(label):
    for options in (PLUS, {**PLUS, "box": (g.darkest, g.brightest)}):
        shares, logit = relevance(APPLY, PARAMS, label=label, **options)
        np.testing.assert_allclose(shares.sum(), logit, rtol=1e-4)
        assert (jnp.sign(logit) * shares).min() > -1e-7, "all of one sign"


def bottlenecks(params, images):
    """Layers with no ReLU between them, so that neurons have inputs of both signs."""
    x = jax.nn.relu(models.conv(params["stem"], images))
    x = models.conv(params["conv1"], x)
    return models.above(params, jax.nn.relu(x + models.conv(params["conv2"], x)))


@pytest.mark.parametrize("apply", [APPLY, bottlenecks])
def test_without_biases_epsilon_0_is_input_x_gradient_and_every_rule_conserves(apply):
    _, aux = g.input_x_gradient(apply, FREE, has_aux=True)(IMAGE, 2)
    shares, _ = relevance(apply, FREE, **EXACT)
    np.testing.assert_allclose(shares, aux.attribution, atol=1e-5 * jnp.ptp(aux.attribution))
    gammas = {"dense": g.gamma(0.5), "convolution": g.gamma(2.0)}
    for options in (
        EXACT,
        PLUS,
        gammas,
        {"dense": g.epsilon(0.0)},
        {"dense": g.epsilon(0.0), "box": (g.darkest, g.brightest)},
    ):
        shares, logit = relevance(apply, FREE, **options)
        np.testing.assert_allclose(shares.sum(), logit, rtol=1e-3)


WRITTEN = {
    "relu6": jax.nn.relu6,
    "clip": lambda x: jnp.clip(x, 0, 6),
    "minimum of a maximum": lambda x: jnp.minimum(jnp.maximum(x, 0), 6),
    "minimum of a relu": lambda x: jnp.minimum(jax.nn.relu(x), 6),
    "half of x + |x|": lambda x: (x + jnp.abs(x)) / 2,
    "x times its sign": lambda x: x * (x > 0).astype(x.dtype),
}


@pytest.mark.parametrize("activation", WRITTEN.values(), ids=WRITTEN)
def test_a_branch_is_followed_however_its_relu_is_written(activation):
    first, second = (0.3 * jax.random.normal(jax.random.key(c), (3, 3, c, 4)) for c in (3, 4))

    def residual(activation):
        def conv(x, kernel):
            return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

        def apply(params, images):
            x = jax.nn.relu(conv(images, params[0]))
            return (x + activation(conv(x, params[1]))).mean((1, 2))

        return apply

    apply, same = residual(activation), residual(jax.nn.relu)  # no neuron reaches 6
    attribution, logit = relevance(apply, (first, second), **EXACT)
    np.testing.assert_allclose(attribution.sum(), logit, rtol=1e-4)
    found, expected = (jax.jit(g.excitation_backprop(one, (first, second), layer=0))(IMAGE, 2) for one in (apply, same))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_large_gamma_is_z_plus():
    many = g.gamma(1e5)
    image = jnp.abs(IMAGE)
    shares, _ = relevance(APPLY, FREE, image, dense=g.z_plus, convolution=many)
    expected, _ = relevance(APPLY, FREE, image, **PLUS)
    np.testing.assert_allclose(shares, expected, atol=1e-3 * jnp.ptp(expected))


def test_z_plus_is_excitation_backprop_times_the_logit():
    image = jnp.abs(IMAGE)  # an excitation is not negative
    at_image = (lambda params, images: (images, ()), lambda params, images, _: APPLY(params, images))
    won = g.excitation_backprop(APPLY, PARAMS, layer=at_image, contrastive=False)(image, 2)
    shares, _ = relevance(APPLY, PARAMS, image, **PLUS)
    np.testing.assert_allclose(unit_range(shares.sum(2)), won, atol=1e-5)


def test_a_target_of_two_classes_shares_out_their_difference():
    shares, _ = relevance(APPLY, PARAMS, target=g.contrast(4))
    first, other = (relevance(APPLY, PARAMS, label=label)[0] for label in (2, 4))
    np.testing.assert_allclose(shares, first - other, atol=1e-6)


@pytest.mark.parametrize(
    "target",
    [g.probability, g.own_probability, g.log_probability, g.union([1, 2]), g.contrast(0, of=g.probability)],
)
def test_what_is_not_linear_in_the_logits_is_not_shared_out(target):
    with pytest.raises(ValueError, match=r"linear in the logits, and this target.* is not; choose logit, contrast"):
        jax.jit(g.lrp(APPLY, PARAMS, target=target))(IMAGE, 2)


@pytest.mark.parametrize("target", [g.finer(), g.union([1, 2], of=g.logit), lambda logits: logits[3]])
def test_what_is_shared_out_is_the_target(target):
    shares, _ = relevance(APPLY, FREE, target=target, **EXACT)
    score = bind(target, 2)(APPLY(FREE, IMAGE[None])[0])
    np.testing.assert_allclose(shares.sum(), score, rtol=1e-4)


def test_logits_that_do_not_depend_on_the_image():
    with pytest.raises(ValueError, match="the model's logits do not depend on the images: there is nothing to explain"):
        g.lrp(lambda params, images: jnp.ones((len(images), 3)), ())(IMAGE, 1)


def test_rules_go_by_where_neurons_lie():
    """A product of every place with weights is a convolution of one pixel."""
    seen = []

    def noting(kind):
        return lambda positive, negative, bias: seen.append((kind, positive.shape)) or positive - negative + bias

    def apply(params, images):
        x = jax.nn.relu(models.conv(params["stem"], images))
        x = jax.nn.relu(x @ params["conv1"]["kernel"][0, 0])
        return jax.nn.relu(x.mean((1, 2)) @ params["conv1"]["kernel"][1, 1]) @ params["fc"]["kernel"]

    relevance(apply, PARAMS, dense=noting("dense"), convolution=noting("convolution"))
    grid = ("convolution", (1, 12, 12, 8))
    assert seen == [grid, grid, ("dense", (1, 8)), ("dense", (1, 5))]


@pytest.mark.parametrize("between", ["gelu", "silu", "tanh", "a gate", "a layer norm"])
def test_what_has_no_rule_is_named(between):
    def apply(params, images):
        x = models.conv(params["stem"], images)
        with jax.named_scope("body"):
            if between == "a gate":
                x = x * jax.nn.sigmoid(models.conv(params["conv1"], x))
            elif between == "a layer norm":
                x = (x - x.mean(3, keepdims=True)) / x.std(3, keepdims=True)
            else:
                x = getattr(nn, between)(x)
        return models.above(params, jax.nn.relu(models.conv(params["conv2"], x)))

    with pytest.raises(ValueError, match=r"lrp has no rule for .* at 'body' \(test_lrp.py:\d+\)"):
        g.lrp(apply, PARAMS)(IMAGE, 2)


def test_an_image_lies_in_its_box():
    for box in ((g.constant(0.0), g.constant(1.0)), (g.brightest, g.darkest)):
        explain = g.lrp(APPLY, PARAMS, box=box)
        with pytest.raises(ValueError, match=r"the image, of pixels from -.* does not lie in the box from"):
            explain(IMAGE, 2)
        assert jnp.isnan(jax.jit(explain)(IMAGE, 2)).all()
    rounded = tuple(g.constant(round(float(bound), 3)) for bound in (IMAGE.min(), IMAGE.max()))
    assert g.lrp(APPLY, PARAMS, box=rounded)(IMAGE, 2).max() == 1
    for pair in ((g.darkest,), g.darkest):
        with pytest.raises(TypeError, match=r"box=.*: expected the lowest and the highest image, such as \(darkest, "):
            inspect.unwrap(g.lrp)(APPLY, PARAMS, box=pair)  # without the check of types


@pytest.mark.parametrize("option", ["dense", "convolution"])
@pytest.mark.parametrize("rule", ["epsilon", g.epsilon])
def test_what_is_no_rule_is_refused(option, rule):
    with pytest.raises(TypeError, match=rf"{option}=.*: expected a rule \(positive, negative, bias\) -> sum, such as"):
        inspect.unwrap(g.lrp)(APPLY, PARAMS, **{option: rule})


@pytest.mark.parametrize("rule", [g.epsilon, g.gamma])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_the_number_of_a_rule_is_not_negative(rule, value):
    with pytest.raises(ValueError, match=rf"{rule.__name__}\({value}\): expected a number, at least 0"):
        rule(value)


def test_it_walks_through_convolutions_that_depend_on_the_platform():
    classifier = pretrained.load("shapes")  # whose strided 1x1 convolutions have a branch for CPUs
    image = jax.random.uniform(jax.random.key(0), (96, 96, 3), jnp.float32)
    saliency = jax.jit(g.lrp(classifier.apply, classifier.params))(image, 1)
    assert jnp.isfinite(saliency).all()
    assert saliency.max() > 0
