"""A model cut at a layer is the model: whatever wrote it, however it is called."""

import functools

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from jax import lax

from groupcam_jax import grad_cam, gradient, guided_backprop, list_layers, split
from groupcam_jax.program.flat import trace


@pytest.fixture(params=models.ALL)
def bundle(request):
    return models.ALL[request.param]()


@pytest.mark.parametrize("layer", [None, "block", 0, 1, -2, -1])
def test_features_then_head_equal_the_model_exactly(bundle, layer):
    images = models.image()[None]
    features, head = split(bundle.apply, bundle.params, images, layer)
    expected = jax.jit(lambda images: bundle.apply(bundle.params, images))(images)
    logits = jax.jit(lambda images: head(bundle.params, *features(bundle.params, images)))(images)
    np.testing.assert_array_equal(logits, expected)


def test_gradient_equals_that_of_the_model_edited_by_hand(bundle):
    images = models.image()[None]
    weights = models.weights()
    hand_activation, _ = models.below(weights, images)
    expected = jax.grad(lambda a: models.above(weights, a)[0, 3])(hand_activation)
    for layer in (None, "block"):
        features, head = split(bundle.apply, bundle.params, images, layer)
        activation, skips = features(bundle.params, images)
        gradient = jax.grad(lambda a, head=head, skips=skips: head(bundle.params, a, skips)[0, 3])(activation)
        np.testing.assert_allclose(activation, hand_activation, atol=1e-5)
        np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_a_traced_model_is_not_traced_again():
    bundle, images = models.ALL["linen"](), models.image()[None]
    program = trace(bundle.apply, bundle.params, images)
    assert trace(program, bundle.params, images) is program


def test_layer_inside_a_residual_branch_has_a_skip(bundle):
    images = models.image()[None]
    inside = [one for one in list_layers(bundle.apply, bundle.params, (12, 12, 3)) if not one.is_cut]
    assert inside, "the branch of the block is bypassed by its input"
    features, head = split(bundle.apply, bundle.params, images, inside[0].index)
    activation, skips = features(bundle.params, images)
    assert [leaf.shape for leaf in jax.tree.leaves(skips)]
    weights = models.weights()
    stem = jax.nn.relu(models.conv(weights["stem"], images))
    np.testing.assert_allclose(activation, models.conv(weights["conv1"], stem), atol=1e-5)

    def by_hand(branch):
        block = jax.nn.relu(stem + models.conv(weights["conv2"], jax.nn.relu(branch)))
        return models.above(weights, block)[0, 2]

    gradient = jax.grad(lambda a: head(bundle.params, a, skips)[0, 2])(activation)
    np.testing.assert_allclose(gradient, jax.grad(by_hand)(activation), atol=1e-6)


def test_same_under_jit_vmap_and_grad(bundle):
    images = jnp.stack([models.image(seed=seed) for seed in range(3)])[:, None]

    def logits(params, images):
        features, head = split(bundle.apply, params, images)
        return head(params, *features(params, images))[0]

    whole = jax.jit(lambda images: bundle.apply(bundle.params, images))(images[:, 0])
    np.testing.assert_allclose(jax.vmap(lambda x: logits(bundle.params, x))(images), whole, atol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.vmap(lambda x: logits(bundle.params, x)))(images), whole, atol=1e-5)
    cut = jax.grad(lambda x: logits(bundle.params, x)[1])(images[0])
    model = jax.grad(lambda x: bundle.apply(bundle.params, x)[0, 1])(images[0])
    np.testing.assert_allclose(cut, model, atol=1e-6)


def test_weights_may_be_traced():
    apply, params = models.linen()

    @jax.jit
    def logits(params, images):
        features, head = split(apply, params, images, "block")
        return head(params, *features(params, images))

    images = models.image()[None]
    np.testing.assert_array_equal(logits(params, images), jax.jit(apply)(params, images))


def test_a_whole_batch_splits_too():
    apply, params = models.plain()
    images = jnp.stack([models.image(seed=seed) for seed in range(3)])
    features, head = split(apply, params, images, "block")
    activation, skips = features(params, images)
    assert activation.shape == (3, 12, 12, 8)
    np.testing.assert_allclose(head(params, activation, skips), apply(params, images), atol=1e-6)


def test_module_called_twice_means_its_last_call_and_an_index_picks_another():
    weights = models.weights()

    def apply(params, images):
        x = models.conv(params["stem"], images)
        for _ in range(2):
            with jax.named_scope("again"):
                x = models.conv(params["conv1"], x)
        return models.above(params, x)

    images = models.image()[None]
    first = models.conv(weights["conv1"], models.conv(weights["stem"], images))
    layers = list_layers(apply, weights, (12, 12, 3))
    calls = [layer.index for layer in layers if layer.scope == "again"]
    assert len(calls) == 2
    for layer, expected in [
        ("again", models.conv(weights["conv1"], first)),
        (calls[0], first),
        (calls[1] - len(layers), None),
    ]:
        features, head = split(apply, weights, images, layer)
        activation, skips = features(weights, images)
        if expected is not None:
            np.testing.assert_allclose(activation, expected, atol=1e-5)
        np.testing.assert_allclose(head(weights, activation, skips), apply(weights, images), atol=1e-5)


def test_pair_of_functions_is_a_layer():
    apply, params = models.plain()
    assert split(apply, params, models.image()[None], (models.below, models.above)) == (models.below, models.above)


def scanned(params, images):
    x = models.conv(params["stem"], images)

    def body(x, _):
        with jax.named_scope("inner"):
            return jax.nn.relu(models.conv(params["conv1"], x)), None

    with jax.named_scope("stack"):
        x, _ = lax.scan(body, x, length=3)
    return models.above(params, x)


def test_layer_inside_a_scan_is_an_error_that_names_the_scan():
    params, images = models.weights(), models.image()[None]
    with pytest.raises(ValueError, match=r"layer 'inner': it lies within the scan at 'stack'.*outside"):
        split(scanned, params, images, "inner")
    features, head = split(scanned, params, images, "stack")  # what leaves the scan is an activation like any other
    np.testing.assert_allclose(head(params, *features(params, images)), scanned(params, images), atol=1e-6)


def test_closed_over_arrays_and_nested_calls():
    params, extra = models.weights(), jnp.linspace(0, 1, 8)

    @jax.jit
    def shift(x):
        return x + extra[None, None, None]

    def apply(params, images):
        return models.above(params, shift(shift(models.below(params, images)[0])), ())

    images = models.image()[None]
    features, head = split(apply, params, images)
    activation, skips = features(params, images)
    np.testing.assert_allclose(activation, shift(shift(models.below(params, images)[0])), atol=1e-6)
    np.testing.assert_allclose(head(params, activation, skips), apply(params, images), atol=1e-6)


def test_list_layers_shows_scope_shape_and_cuts():
    apply, params = models.linen()
    layers = list_layers(apply, params, (12, 10, 3))
    assert [layer.index for layer in layers] == [*range(len(layers))]
    assert [(layer.scope, layer.is_cut) for layer in layers] == [
        ("LinenNet/stem", True),
        ("LinenNet", True),
        ("LinenNet/block/conv1", False),
        ("LinenNet/block", False),
        ("LinenNet/block/conv2", False),
        ("LinenNet/block", True),
        ("LinenNet/block", True),
    ]
    assert {layer.shape for layer in layers} == {(12, 10, 8)}


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("layer5", r"layer 'layer5': no such scope.*'LinenNet/block' \[12, 12, 8\]"),
        ("bloc", r"layer 'bloc': no such scope"),
        (99, r"layer=99: no such index"),
    ],
)
def test_unknown_layers_list_the_known_ones(layer, message):
    apply, params = models.linen()
    with pytest.raises(ValueError, match=message):
        split(apply, params, models.image()[None], layer)


@pytest.mark.parametrize("way", ["split", "while"])
def test_an_output_beside_which_another_one_passes_is_no_cut(way):
    weights = models.weights()

    def two(images):
        x = jax.nn.relu(models.conv(weights["stem"], images))
        if way == "split":
            return jnp.split(x, 2, axis=3)
        return lax.fori_loop(0, 2, lambda _, pair: (pair[1], pair[0] * 0.5), (x[..., :4], x[..., 4:]))

    def apply(params, images):
        one, other = two(images)
        return one.mean((1, 2)) @ params["kernel"][:4] + other.mean((1, 2)) @ params["kernel"][4:]

    params = {"kernel": weights["fc"]["kernel"]}
    layers = list_layers(apply, params, (12, 12, 3))
    assert [layer.shape[2] for layer in layers if layer.is_cut] == [8, 8]
    saliency = grad_cam(apply, params)(models.image(), 3)
    features, _ = split(apply, params, models.image()[None])
    assert features(params, models.image()[None])[0].shape == (1, 12, 12, 8)
    if way == "split":
        whole = grad_cam(lambda params, images: jnp.concatenate(two(images), 3).mean((1, 2)) @ params["kernel"], params)
        np.testing.assert_allclose(saliency, whole(models.image(), 3), atol=1e-5)
    # Either output is a layer too, the other one its skip.
    for layer in layers[-2:]:
        features, head = split(apply, params, models.image()[None], layer.index)
        logits = head(params, *features(params, models.image()[None]))
        np.testing.assert_allclose(logits, apply(params, models.image()[None]), atol=1e-6)


def test_logits_that_the_image_does_not_reach_are_an_error():
    with pytest.raises(ValueError, match="the model's logits do not depend on the images"):
        list_layers(lambda params, images: jnp.zeros((len(images), 5)), (), (8, 8, 3))


def test_a_rematted_model_stays_so():
    """Where a gradient passes, what stood within `jax.checkpoint` is computed again; it can be cut inside all the same.

    XLA's CPU compiler has no use for it, so that memory does not tell here; a TPU's does (see CHANGELOG).
    """
    bundle = models.linen(remat=True)
    image = models.image()

    def checkpoints(function):
        return str(jax.make_jaxpr(function)(image)).count("differentiated=True")

    by_hand = checkpoints(jax.grad(lambda image: bundle.apply(bundle.params, image[None])[0, 3]))
    assert by_hand > 0
    for build in (gradient, guided_backprop):
        assert checkpoints(lambda image, build=build: build(bundle.apply, bundle.params)(image, 3)) == by_hand
    inside = functools.partial(grad_cam, layer="block/conv1")
    assert checkpoints(lambda image: inside(bundle.apply, bundle.params)(image, 3)) == by_hand
    plain = models.linen()
    np.testing.assert_allclose(
        inside(bundle.apply, bundle.params)(image, 3), inside(plain.apply, plain.params)(image, 3), atol=1e-5
    )


def test_model_that_returns_no_logits_is_an_error():
    apply, params = models.linen()
    with pytest.raises(ValueError, match=r"the model must return logits \[1, classes\]"):
        split(lambda params, images: (apply(params, images), images), params, models.image()[None])


def test_model_without_spatial_activation_is_an_error():
    with pytest.raises(ValueError, match=r"everything flows through no spatial activation"):
        split(lambda params, images: images.reshape(1, -1) @ params, jnp.ones((432, 5)), models.image()[None])
