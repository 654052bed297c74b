"""What comes out of a model: softmax, log-softmax or sigmoids at its end, and a single logit."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from PIL import Image

import groupcam_jax as g
from groupcam_jax import metrics
from groupcam_jax.program.output import trace_logits

APPLY, PARAMS = models.plain()
IMAGE = jax.random.normal(jax.random.key(0), (24, 24, 3))
LABEL = 2


def by_hand(logits):
    """A softmax as a user writes it."""
    unnormalised = jnp.exp(logits - logits.max(1, keepdims=True))
    return unnormalised / unnormalised.sum(1, keepdims=True)


def log_by_hand(logits):
    return logits - jax.nn.logsumexp(logits, axis=1, keepdims=True)


ENDS = {
    "softmax": jax.nn.softmax,
    "softmax by hand": by_hand,
    "naive": lambda logits: jnp.exp(logits) / jnp.exp(logits).sum(1, keepdims=True),
    "jitted": jax.jit(jax.nn.softmax),
    "by image": jax.vmap(jax.nn.softmax),
    "reshaped": lambda logits: jax.nn.softmax(logits.reshape(-1, 5)).reshape(logits.shape),
    "rounded": lambda logits: jax.nn.softmax(logits).astype(jnp.bfloat16),
    "log-softmax": jax.nn.log_softmax,
    "log-softmax by hand": log_by_hand,
    "log of softmax": lambda logits: jnp.log(jax.nn.softmax(logits)),
}
METHODS = {
    "group_cam": functools.partial(g.group_cam, groups=4),
    "grad_cam": g.grad_cam,
    "gradient": g.gradient,
    "occlusion": functools.partial(g.occlusion, window=8, stride=4),
    "guided_backprop": g.guided_backprop,
}


def ending(end):
    return lambda params, images: end(APPLY(params, images))


@pytest.mark.parametrize("end", ENDS)
def test_logits_stand_under_a_softmax(end):
    program = trace_logits(ending(ENDS[end]), PARAMS, IMAGE[None])
    np.testing.assert_allclose(program(PARAMS, IMAGE[None]), APPLY(PARAMS, IMAGE[None]), rtol=1e-6)
    assert not program.independent


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("end", ["softmax", "log-softmax"])
def test_maps_are_those_of_the_model_without_it(end, method):
    build = METHODS[method]
    plain = jax.jit(build(APPLY, PARAMS))(IMAGE, LABEL)
    assert plain.max() > 0.999
    np.testing.assert_allclose(jax.jit(build(ending(ENDS[end]), PARAMS))(IMAGE, LABEL), plain, atol=1e-6)


def test_a_metric_measures_the_same():
    saliency = jax.random.uniform(jax.random.key(1), (24, 24))
    plain, ended = (
        metrics.insertion_deletion(apply, PARAMS, pixels_per_step=100)(IMAGE, saliency, LABEL)
        for apply in (APPLY, ending(jax.nn.softmax))
    )
    np.testing.assert_allclose(ended.insertion, plain.insertion, atol=1e-6)


OTHER_ENDS = {
    "none": lambda logits: logits,
    "over the images": functools.partial(jax.nn.softmax, axis=0),
    "of twice": lambda logits: jax.nn.softmax(2 * logits) + 1,
    "scaled": lambda logits: logits * 0.5 + 1,
    "relu": jax.nn.relu,
    "squared": lambda logits: jax.nn.softmax(logits) ** 2,
}


@pytest.mark.parametrize("end", OTHER_ENDS)
def test_other_ends_stay(end):
    apply = ending(OTHER_ENDS[end])
    program = trace_logits(apply, PARAMS, IMAGE[None])
    np.testing.assert_allclose(program(PARAMS, IMAGE[None]), apply(PARAMS, IMAGE[None]), rtol=1e-6)


def test_the_softmax_of_a_softmax_loses_one_only():
    program = trace_logits(ending(lambda logits: jax.nn.softmax(jax.nn.softmax(logits))), PARAMS, IMAGE[None])
    np.testing.assert_allclose(program(PARAMS, IMAGE[None]), jax.nn.softmax(APPLY(PARAMS, IMAGE[None])), rtol=1e-6)


def test_a_temperature_is_part_of_the_logits():
    program = trace_logits(lambda p, x: jax.nn.softmax(APPLY(p[0], x) / p[1]), (PARAMS, 0.5), IMAGE[None])
    np.testing.assert_allclose(program((PARAMS, 0.5), IMAGE[None]), 2 * APPLY(PARAMS, IMAGE[None]), rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_sigmoids_of_several_classes_are_scored_each_by_its_own(method):
    build = METHODS[method]
    ended = jax.jit(build(ending(jax.nn.sigmoid), PARAMS))(IMAGE, LABEL)
    scored = {"score": g.own_probability} if method in ("group_cam", "occlusion") else {}
    expected = jax.jit(functools.partial(build, **scored)(APPLY, PARAMS))(IMAGE, LABEL)
    np.testing.assert_allclose(ended, expected, atol=1e-6)


def test_sigmoids_of_several_classes_are_differentiated_each_by_its_own():
    explain = g.integrated_gradients(ending(jax.nn.sigmoid), PARAMS, target=g.probability, has_aux=True)
    _, aux = jax.jit(explain)(IMAGE, LABEL)
    whole, start = jax.nn.sigmoid(APPLY(PARAMS, jnp.stack([IMAGE, 0 * IMAGE]))[:, LABEL])
    np.testing.assert_allclose(aux.attribution.sum(), whole - start, atol=1e-3)


OF_SEVERAL = {
    "union": (g.union([1, 2]), lambda own: own[1] + own[2]),
    "contrast": (g.contrast(0, of=g.probability), lambda own: own[LABEL] - own[0]),
    "union of contrasts": (
        g.union([1, 2], of=g.contrast(0, of=g.probability)),
        lambda own: own[1] + own[2] - 2 * own[0],
    ),
    "finer": (g.finer(similar=99, strength=4.0, of=g.probability), lambda own: own[LABEL] - (own.sum() - own[LABEL])),
}


@pytest.mark.parametrize(("score", "expected"), OF_SEVERAL.values(), ids=OF_SEVERAL)
def test_scores_of_several_sigmoids_combine_each_one_s_own(score, expected):
    apply = ending(jax.nn.sigmoid)
    own = apply(PARAMS, IMAGE[None])[0]
    assert own.shape == (5,)
    deletion = metrics.insertion_deletion(apply, PARAMS, score=score)(IMAGE, IMAGE[:, :, 0], LABEL).deletion
    np.testing.assert_allclose(deletion[0], expected(own), rtol=1e-5)


ONE = {
    "a column": lambda logits: logits[:, LABEL : LABEL + 1],
    "a number": lambda logits: logits[:, LABEL],
    "its sigmoid": lambda logits: jax.nn.sigmoid(logits[:, LABEL : LABEL + 1]),
    "a number's sigmoid": lambda logits: jax.nn.sigmoid(logits[:, LABEL]),
    "its sigmoid by hand": lambda logits: 1 / (1 + jnp.exp(-logits[:, LABEL])),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("one", ONE)
def test_one_logit_is_a_binary_classifier(one, method):
    def two(params, images):
        logit = APPLY(params, images)[:, LABEL]
        return jnp.stack([-logit, logit], axis=1) / 2

    build = METHODS[method]
    for label in (0, 1):
        ours = jax.jit(build(ending(ONE[one]), PARAMS))(IMAGE, label)
        np.testing.assert_allclose(ours, jax.jit(build(two, PARAMS))(IMAGE, label), atol=1e-6)


def test_both_classes_of_one_logit():
    saliency, aux = g.grad_cam(ending(ONE["its sigmoid"]), PARAMS, has_aux=True)(IMAGE)
    logit = APPLY(PARAMS, IMAGE[None])[0, LABEL]
    np.testing.assert_allclose(jax.nn.softmax(aux.logits)[1], jax.nn.sigmoid(logit), rtol=1e-5)
    assert bool(aux.label) == bool(logit > 0)
    assert saliency.max() in (0, 1)


@pytest.mark.parametrize("target", [lambda logits: logits[0], lambda logits, label: -logits[0]])
def test_a_regression_is_explained_by_a_target_of_its_one_number(target):
    sign = target(jnp.ones(1), 0) if target.__code__.co_argcount > 1 else target(jnp.ones(1))
    for label in (0, 1, None):
        ours = g.grad_cam(ending(ONE["a number"]), PARAMS, target=target)(IMAGE, label)
        plain = g.grad_cam(APPLY, PARAMS, target=lambda logits: sign * logits[LABEL])(IMAGE)
        np.testing.assert_allclose(ours, plain, atol=1e-6)


def test_scores_of_one_logit():
    for label, sign in ((0, -1), (1, 1)):
        logits = jnp.array([1.5])
        for score in (g.probability, g.own_probability):
            np.testing.assert_allclose(score(logits, label), jax.nn.sigmoid(sign * logits[0]), rtol=1e-6)
        np.testing.assert_allclose(g.log_probability(logits, label), jax.nn.log_sigmoid(sign * logits[0]), rtol=1e-6)
        np.testing.assert_allclose(g.contrast(1 - label)(logits, label), sign * logits[0], rtol=1e-6)
        assert metrics.is_predicted(logits, label) == label
        assert metrics.is_located(logits, label, 1.0, top=1) == label
    assert jnp.isnan(g.probability(jnp.array([1.5]), 2))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_one_logit_that_is_cut_off_at_0_is_no_softmax(sign):
    program = trace_logits(ending(lambda logits: jax.nn.relu(sign * logits[:, :1])), PARAMS, IMAGE[None])
    logit = jax.nn.relu(sign * APPLY(PARAMS, IMAGE[None])[:, :1])
    np.testing.assert_allclose(program(PARAMS, IMAGE[None]), logit, atol=1e-6)


@pytest.mark.parametrize("end", [jax.nn.softmax, jax.nn.log_softmax])
def test_a_softmax_of_one_class_is_refused(end):
    with pytest.raises(ValueError, match="softmax over one class, which is certain whatever the image"):
        g.grad_cam(ending(lambda logits: end(logits[:, :1])), PARAMS)(IMAGE)


def test_in_a_shard_map_under_vmap_and_in_bfloat16():
    explain = g.grad_cam(ending(jax.nn.softmax), PARAMS)
    images = jnp.stack([IMAGE, IMAGE[::-1]])
    expected = jnp.stack([g.grad_cam(APPLY, PARAMS)(image, LABEL) for image in images])
    np.testing.assert_allclose(jax.vmap(explain, (0, None))(images, LABEL), expected, atol=1e-6)
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:2]), "images")
    spec = jax.sharding.PartitionSpec("images")
    sharded = jax.shard_map(jax.vmap(lambda image: explain(image, LABEL)), mesh=mesh, in_specs=spec, out_specs=spec)
    # Another program rounds otherwise: by up to 3e-6 with jaxlib 0.10.0.
    np.testing.assert_allclose(jax.jit(sharded)(images), expected, atol=1e-5)
    low, low_ended = (g.in_dtype(apply, jnp.bfloat16) for apply in (APPLY, ending(jax.nn.softmax)))
    np.testing.assert_allclose(g.grad_cam(low_ended, PARAMS)(IMAGE, LABEL), g.grad_cam(low, PARAMS)(IMAGE, LABEL))


class Output(NamedTuple):
    features: object
    logits: object


def logits_and(end):
    return lambda params, images: end(APPLY(params, images), images)


# What a model returns -> the way out that the message shows.
WAYS_OUT = {
    "dict": (lambda z, x: {"aux": x.mean((1, 2)), "logits": z}, r"model_apply\(params, images\)\['logits'\]`"),
    "tuple": (lambda z, x: (z, {"pre": x}), r"model_apply\(params, images\)\[0\]`"),
    "tuple, the second": (lambda z, x: (x, z), r"model_apply\(params, images\)\[1\]`"),
    "named tuple": (lambda z, x: Output(z[:, :3], z), r"model_apply\(params, images\)\.logits`"),
    "segmentation": (lambda z, x: x, r"\[:, top:bottom, left:right\]\.mean\(\(1, 2\)\)`"),
    "tokens": (lambda z, x: x.reshape(1, -1, 3), r"\[:, 0\]`"),
    "one image": (lambda z, x: z[0], r"jax\.vmap\(lambda image: model_apply\(params, image\)\)"),
    "the other way round": (lambda z, x: z.T, r"model_apply\(params, images\)\.T`"),
    "the class": (lambda z, x: z.argmax(1), "not the class itself"),
    "nothing of it": (lambda z, x: [x], "returns the array of its logits"),
}


@pytest.mark.parametrize("output", WAYS_OUT)
def test_what_is_no_logits_is_told_what_to_write(output):
    end, message = WAYS_OUT[output]
    with pytest.raises(ValueError, match=rf"the model must return logits \[1, classes\].*{message}"):
        g.grad_cam(logits_and(end), PARAMS)(IMAGE, 2)


def test_the_ways_out_work():
    plain = g.grad_cam(APPLY, PARAMS)(IMAGE, 2)
    for name, take in (("dict", lambda out: out["logits"]), ("named tuple", lambda out: out.logits)):
        model = logits_and(WAYS_OUT[name][0])
        taken = g.grad_cam(lambda params, images, model=model, take=take: take(model(params, images)), PARAMS)(IMAGE, 2)
        np.testing.assert_allclose(taken, plain, atol=1e-6)


@pytest.mark.parametrize("image", [[[1.0]], "photo.jpg", None])
def test_an_image_is_an_array(image):
    with pytest.raises(TypeError, match=r"must be an array \[h, w, c\], got a (list|str|NoneType); normalise"):
        g.grad_cam(APPLY, PARAMS)(image, 2)


@pytest.mark.parametrize(
    ("model", "params", "image"),
    [
        (APPLY, PARAMS, IMAGE.transpose(2, 0, 1)),  # channels first
        (APPLY, PARAMS, IMAGE[:, :, :1]),
        (PARAMS, APPLY, IMAGE),
        (lambda images: images.mean((1, 2)), PARAMS, IMAGE),
        (lambda params, images: np.asarray(images).mean((1, 2)), PARAMS, IMAGE),
    ],
)
def test_an_error_of_the_model_tells_how_it_was_called(model, params, image):
    with pytest.raises((TypeError, ValueError, KeyError)) as raised:
        g.gradient(model, params)(image)
    told = "".join(raised.value.__notes__)
    assert told.count(f"model_apply(params, images) with images {[1, *image.shape]}, which are [n, h, w, c]") == 1


def test_a_picture_of_pillow_is_no_array():
    picture = Image.new("RGB", (24, 24))
    with pytest.raises(TypeError, match="got a Image; normalise"):
        g.grad_cam(APPLY, PARAMS)(picture, 2)


def test_a_volume_is_told_the_truth():
    with pytest.raises(ValueError, match=r"got \[8, 24, 24, 3\]; for a batch.*volumes .* cannot be explained"):
        g.grad_cam(APPLY, PARAMS)(jnp.zeros((8, 24, 24, 3)), 2)
