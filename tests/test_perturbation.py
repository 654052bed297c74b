"""Methods of many forward passes: what they compute, and that memory is bounded by the batch."""

import functools
import inspect

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from table import SEGMENTS

import groupcam_jax as g
from groupcam_jax.batches import batch_size, map_batched, moments_batched, sum_batched
from groupcam_jax.explainers.rise import draw_mask
from groupcam_jax.stages.masks import unit_range

APPLY, PARAMS = models.plain()
IMAGE = models.image()


def corner(params, images):
    """Class 1 is the mean of the upper left quarter, class 0 has nothing to say."""
    del params
    bright = images[:, :6, :6].mean((1, 2, 3))
    return jnp.stack([jnp.zeros_like(bright), 8 * bright], axis=1)


@hypothesis.given(count=st.integers(1, 40), batch=st.none() | st.integers(1, 50), staged=st.booleans())
def test_batches_change_nothing(count, batch, staged):
    inputs = (jnp.arange(float(count)), jax.random.split(jax.random.key(0), count))

    def function(pair):
        return pair[0] ** 2, jnp.full((2, 2), pair[0]) + jax.random.normal(pair[1])

    def both(inputs):
        return map_batched(function, inputs, batch), sum_batched(function, inputs, batch)

    mapped, summed = (jax.jit(both) if staged else both)(inputs)
    for ours, total, expected in zip(mapped, summed, jax.vmap(function)(inputs), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-6)
        np.testing.assert_allclose(total, expected.sum(0), rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="accelerators take all at once")
@pytest.mark.parametrize(
    ("count", "loops"), [(33, [(3, 11)]), (50, [(5, 10)]), (102, [(17, 6)]), (47, [(4, 11)]), (13, []), (11, [])]
)
def test_a_program_on_cpu_takes_small_batches(count, loops):
    program = jax.make_jaxpr(lambda inputs: map_batched(lambda one: 2 * one, inputs, None))(jnp.arange(count))
    scans = [equation for equation in program.eqns if equation.primitive.name == "scan"]
    assert [equation.invars[0].aval.shape for equation in scans] == loops
    assert batch_size(count) == count  # outside of a program


@pytest.mark.parametrize("batch", [None, 1, 5, 13])
def test_moments_are_those_of_all_values(batch):
    values = 1e4 + jax.random.normal(jax.random.key(0), (13, 3))
    exact = np.asarray(values, np.float64)
    for moments in (moments_batched, jax.jit(moments_batched, static_argnums=(0, 2))):
        means, variances = moments(lambda one: {"one": one}, values, batch)
        np.testing.assert_allclose(means["one"], exact.mean(0), rtol=1e-6)
        np.testing.assert_allclose(variances["one"], exact.var(0), rtol=1e-2)
        assert not moments(lambda one: one, values[:1].repeat(13, 0), batch)[1].any()


@pytest.mark.parametrize(("batch", "sizes"), [(13, [13]), (5, [3, 5, 5]), (1, [1] * 13)])
@pytest.mark.parametrize("mapped", [map_batched, sum_batched])
def test_progress_hears_of_every_batch(mapped, batch, sizes):
    done = []

    def hear(just, total):
        assert total == 13
        done.append(just)

    jax.jit(lambda inputs: mapped(lambda x: x**2, inputs, batch, hear))(jnp.arange(13.0)).block_until_ready()
    jax.effects_barrier()
    assert sorted(done) == sizes


@pytest.mark.parametrize(
    "build",
    [
        lambda **o: g.rise(APPLY, PARAMS, masks=20, mask_batch=8, **o),
        lambda **o: g.score_cam(APPLY, PARAMS, mask_batch=3, **o),
        lambda **o: g.occlusion(APPLY, PARAMS, window=4, stride=4, mask_batch=4, **o),
        lambda **o: g.ablation_cam(APPLY, PARAMS, channel_batch=3, **o),
        lambda **o: g.recipro_cam(APPLY, PARAMS, mask_batch=50, **o),
        lambda **o: g.group_cam(APPLY, PARAMS, groups=4, mask_batch=2, **o),
    ],
)
def test_progress_of_an_explainer(build):
    heard = []
    with_progress = jax.jit(build(progress=lambda *counts: heard.append(counts)))(IMAGE, 2, key=jax.random.key(0))
    jax.effects_barrier()
    done, totals = zip(*heard, strict=True)
    assert len(done) > 1
    assert set(totals) == {sum(done)}
    np.testing.assert_allclose(with_progress, jax.jit(build())(IMAGE, 2, key=jax.random.key(0)), atol=1e-6)


@pytest.mark.parametrize("count", [64, 640])
@pytest.mark.parametrize("method", ["rise", "score_cam"])
def test_memory_does_not_grow_with_the_masks(method, count):
    """The compiler's own count of temporary memory: far below what all masks would take."""
    size = 64
    params = {**PARAMS, "stem": {"kernel": jnp.ones((3, 3, 3, count)), "bias": jnp.zeros(count)}}

    def channels(params, images):
        return models.conv(params["stem"], images).mean((1, 2))[:, :5]

    explain = {
        "rise": lambda: g.rise(corner, None, masks=count, mask_batch=8),
        "score_cam": lambda: g.score_cam(channels, params, layer=(features, head), mask_batch=8),
    }[method]()

    compiled = (
        jax.jit(lambda image, key: explain(image, 1, key=key))
        .lower(jnp.zeros((size, size, 3)), jax.random.key(0))
        .compile()
    )
    all_masks = count * size * size * 4
    assert compiled.memory_analysis().temp_size_in_bytes < (0.5 if count == 640 else 4) * all_masks


def features(params, images):
    return jax.lax.reduce_window(
        models.conv(params["stem"], images), 0.0, jax.lax.add, (1, 8, 8, 1), (1, 8, 8, 1), "VALID"
    ), ()


def head(params, activation, _):
    del params
    return activation.mean((1, 2))[:, :5]


def test_rise_finds_what_matters():
    explain = jax.jit(g.rise(corner, None, masks=1000, cells=4, score=g.logit))
    saliency = explain(jnp.ones((12, 12, 3)), 1, key=jax.random.key(0))
    y, x = jnp.unravel_index(saliency.argmax(), saliency.shape)
    assert y < 6
    assert x < 6
    assert saliency[:6, :6].mean() > 2 * saliency[6:, 6:].mean()


def test_masks_of_rise():
    masks = jax.vmap(lambda key: draw_mask(key, (20, 30), 5, 0.3))(jax.random.split(jax.random.key(0), 2000))
    assert masks.shape == (2000, 20, 30)
    assert masks.min() == 0
    assert masks.max() == 1
    np.testing.assert_allclose(masks.mean((1, 2)).mean(), 0.3, atol=0.01)
    np.testing.assert_allclose(masks.mean(0), 0.3, atol=0.05)  # every pixel alike: the shifts are uniform


def test_occlusion_by_hand():
    explain = g.occlusion(corner, None, window=6, stride=6, score=g.logit)
    saliency = explain(jnp.ones((12, 12, 3)), 1)
    expected = jnp.zeros((12, 12)).at[:6, :6].set(1)
    np.testing.assert_allclose(saliency, expected, atol=1e-6)


@pytest.mark.parametrize(
    "build",
    [
        functools.partial(g.occlusion, window=4, stride=3, mask_batch=5),
        functools.partial(g.lime, segments=SEGMENTS, samples=43),
        functools.partial(g.kernel_shap, segments=SEGMENTS, mask_batch=5),
        functools.partial(g.group_cam, groups=4, mask_batch=2),
        functools.partial(g.ablation_cam, channel_batch=3),
        functools.partial(g.recipro_cam, mask_batch=143),
    ],
)
def test_rounding_is_not_shown_where_nothing_changes_the_score(build):
    """The sums of 200 terms are the same for all images, but not to the last bit in batches of different sizes."""

    def apply(params, images):
        x = models.below(params, images)[0].mean((1, 2)) @ jnp.full((8, 200), 1e-12)
        return (x + 2 + jnp.sin(jnp.arange(200.0))[None]) @ jnp.cos(jnp.arange(1000.0)).reshape(200, 5) ** 2 / 200

    for score in (g.logit, g.probability):
        explain = jax.jit(build(apply, PARAMS, score=score))
        for label in range(5):
            assert not explain(IMAGE, label, key=jax.random.key(7)).any()


@pytest.mark.parametrize(
    ("window", "stride", "tops", "lefts"),
    [
        (4, 3, (0, 3, 6), (0, 3, 6, 7)),
        ((5, 2), (3, 2), (0, 3, 5), (0, 2, 4, 6, 8, 9)),
        ((10, 3), 3, (0,), (0, 3, 6, 8)),  # strips
    ],
)
def test_occlusion_averages_over_the_windows_that_cover_a_pixel(window, stride, tops, lefts):
    image = IMAGE[:10, :11]
    height, width = np.broadcast_to(window, 2)
    drops, counts = np.zeros((10, 11)), np.zeros((10, 11))
    whole = jax.nn.softmax(APPLY(PARAMS, image[None])[0])[2]
    for top in tops:
        for left in lefts:
            hidden = image.at[top : top + height, left : left + width].set(0.5)
            drop = whole - jax.nn.softmax(APPLY(PARAMS, hidden[None])[0])[2]
            drops[top : top + height, left : left + width] += drop
            counts[top : top + height, left : left + width] += 1
    explain = g.occlusion(APPLY, PARAMS, window=window, stride=stride, baseline=g.constant(0.5))
    expected = unit_range(jax.nn.relu(jnp.asarray(drops / counts, jnp.float32)))
    np.testing.assert_allclose(explain(image, 2), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: g.rise(APPLY, PARAMS, masks=0), "masks=0"),
        (lambda: g.rise(APPLY, PARAMS, keep=0.0), "keep=0.0: expected a probability between 0 and 1"),
        (lambda: g.rise(APPLY, PARAMS, mask_batch=0), "mask_batch=0: expected at least 1, or None"),
        (lambda: g.score_cam(APPLY, PARAMS, channels=0), "channels=0"),
        (lambda: g.score_cam(APPLY, PARAMS, mask_batch=-1), "mask_batch=-1"),
        (lambda: g.ablation_cam(APPLY, PARAMS, channel_batch=0), "channel_batch=0"),
        (lambda: g.recipro_cam(APPLY, PARAMS, mask_batch=0), "mask_batch=0"),
        (lambda: g.occlusion(APPLY, PARAMS, window=4, stride=5), "expected stride <= window"),
        (lambda: g.occlusion(APPLY, PARAMS, window=(4, 2), stride=3), "expected stride <= window"),
        (lambda: g.occlusion(APPLY, PARAMS, window=(4, 0)), r"window=0: expected at least 1, or \(height, width\)"),
        (lambda: g.occlusion(APPLY, PARAMS, window=(12, 12), stride=2)(IMAGE), "hides a whole side"),
        (lambda: g.occlusion(APPLY, PARAMS, window=(2, 13), stride=2)(IMAGE), "hides a whole side"),
        (lambda: g.occlusion(APPLY, PARAMS)(IMAGE), "window=32 hides a whole side of the image, 12 x 12"),
        (lambda: g.smooth_grad(APPLY, PARAMS, samples=0), "samples=0"),
        (lambda: g.smooth_grad(APPLY, PARAMS, noise=-1.0), "noise=-1.0"),
        (lambda: g.smooth_grad_cam_pp(APPLY, PARAMS, noise=float("nan")), "noise=nan"),
        (lambda: g.integrated_gradients(APPLY, PARAMS, steps=0), "steps=0: expected at least 1"),
        (lambda: g.integrated_gradients(APPLY, PARAMS, steps=1, rule=g.trapezoid), "expected at least 2"),
        (lambda: g.guided_integrated_gradients(APPLY, PARAMS, fraction=0.0), "fraction=0.0: expected a share"),
        (lambda: g.guided_integrated_gradients(APPLY, PARAMS, max_distance=1.5), "max_distance=1.5: expected a share"),
        (lambda: g.integrated_grad_cam(APPLY, PARAMS, step_batch=0), "step_batch=0"),
        (lambda: g.xrai(APPLY, PARAMS, baselines=[]), "expected at least one, such as constant"),
        (lambda: g.group_cam(APPLY, PARAMS, layer=[]), "expected at least one layer"),
    ],
)
def test_bad_options_say_what_to_do(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("statistic", ["variance", jnp.mean])
def test_what_is_no_statistic_is_refused(statistic):
    with pytest.raises(TypeError, match=r"statistic=.*: expected a function \(mean, variance\) -> map, such as"):
        inspect.unwrap(g.smooth_grad)(APPLY, PARAMS, statistic=statistic)
