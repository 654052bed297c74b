"""Methods that explain by segments: exact shares, least squares written out, and superpixels."""

import inspect
import itertools
import math

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from table import SEGMENTS

import groupcam_jax as g
from groupcam_jax.families.segments import check_segments

APPLY, PARAMS = models.plain()
IMAGE = models.image()
THIRDS = np.zeros((5, 12, 12), bool)  # a part is in none, and two overlap
THIRDS[0, :4], THIRDS[1, 3:8, :5], THIRDS[2, 4:8, 5:], THIRDS[3, 8:, :9] = True, True, True, True


def value(segments, shown):
    """The score of the image that hides each pixel of a segment that is not shown."""
    hidden = np.any(segments & ~np.asarray(shown)[:, None, None], axis=0)
    return float(APPLY(PARAMS, jnp.where(hidden[:, :, None], 0, IMAGE)[None])[0, 2])


def shapley(segments):
    """The mean over all orders of what each segment adds."""
    count = len(segments)
    values = {shown: value(segments, shown) for shown in itertools.product((False, True), repeat=count)}
    shares = np.zeros(count)
    for order in itertools.permutations(range(count)):
        shown = [False] * count
        for one in order:
            before = values[tuple(shown)]
            shown[one] = True
            shares[one] += values[tuple(shown)] - before
    return shares / math.factorial(count)


@pytest.mark.parametrize("segments", [SEGMENTS, THIRDS, SEGMENTS[:1], SEGMENTS[:2]])
def test_all_selections_give_shapley_s_value(segments):
    explain = jax.jit(g.kernel_shap(APPLY, PARAMS, segments=segments, samples=30, has_aux=True))
    saliency, aux = explain(IMAGE, 2, key=jax.random.key(0))
    expected = shapley(segments)
    np.testing.assert_allclose(aux.shares, expected, atol=2e-5)
    heat = jax.nn.relu(jnp.einsum("s,shw->hw", expected.astype(np.float32), segments.astype(np.float32)))
    np.testing.assert_allclose(saliency, heat / heat.max(), atol=1e-4)


def test_drawn_selections_come_near_it_and_share_out_the_score():
    segments = g.superpixels(8)(IMAGE)
    exact, *drawn = (
        g.kernel_shap(APPLY, PARAMS, segments=segments, samples=samples, has_aux=True)(IMAGE, 2, key=jax.random.key(1))
        for samples in (2 ** len(segments), 300, 4 * len(segments))
    )
    whole, none = (value(np.asarray(segments), [shown] * len(segments)) for shown in (True, False))
    for _, aux in (exact, *drawn):
        np.testing.assert_allclose(aux.shares.sum(), whole - none, atol=1e-4)
    assert np.corrcoef(exact[1].shares, drawn[0][1].shares)[0, 1] > 0.98
    with pytest.raises(ValueError, match="samples=35: expected at least 36, four for each of the 9 segments"):
        g.kernel_shap(APPLY, PARAMS, segments=segments, samples=35)(IMAGE, 2, key=jax.random.key(1))


@pytest.mark.parametrize(("width", "ridge"), [(0.25, 1.0), (0.6, 0.1), (0.25, 0.0)])
def test_lime_is_weighted_ridge_regression(width, ridge):
    """As scikit-learn's Ridge with sample weights, of selections and scores that the model wrote down."""

    def apply(params, images):
        corners = images[:, [2, 2, 9, 9], [2, 9, 2, 9], 0]
        return corners @ jnp.ones((4, 2)) + corners[:, :1] * corners[:, 1:2] * jnp.array([[1.0, 0.0]])

    options = {"segments": SEGMENTS, "samples": 50, "kernel_width": width, "ridge": ridge, "score": g.logit}
    _, aux = g.lime(apply, (), **options, has_aux=True)(jnp.ones((12, 12, 1)), 0, key=jax.random.key(3))
    shown = np.array(jax.random.bernoulli(jax.random.split(jax.random.key(3))[0], jnp.float32(0.5), (50, 4)), float)
    shown[0] = 1
    cosine = np.sqrt(shown.sum(1) / 4)
    root = np.sqrt(np.exp(-((1 - cosine) ** 2) / (2 * width**2)))
    design = np.vstack([root[:, None] * np.column_stack([shown, np.ones(50)]), np.sqrt(ridge) * np.eye(5)[:4]])
    scores = shown.sum(1) + shown[:, 0] * shown[:, 1]
    solved, *_ = np.linalg.lstsq(design, np.append(root * scores, np.zeros(4)))
    np.testing.assert_allclose(aux.shares, solved[:4], atol=1e-4)


@pytest.mark.parametrize("build", [g.lime, g.kernel_shap])
def test_shares_of_a_sum_are_its_parts(build):
    worth = jnp.array([3.0, -1.0, 0.5, 2.0, -2.0, 1.0, 0.0, 4.0, 1.5, -0.5, 2.5, 3.5])
    rows = np.eye(12, dtype=bool)[:, :, None] & np.ones((1, 1, 12), bool)

    def apply(params, images):
        return jnp.stack([images[:, :, 5, 0] @ worth, 0 * images[:, 0, 0, 0]], axis=1)

    options = {"ridge": 0.0} if build is g.lime else {}
    explain = build(apply, (), segments=rows, samples=48, score=g.logit, has_aux=True, **options)
    _, aux = explain(jnp.ones((12, 12, 1)), 0, key=jax.random.key(0))
    np.testing.assert_allclose(aux.shares, worth, atol=1e-4)


@pytest.mark.parametrize("shape", [(12, 12, 3), (40, 90, 3), (5, 30, 1), (1, 1, 3)])
def test_every_pixel_is_in_one_superpixel(shape):
    masks = jax.jit(g.superpixels(20))(jax.random.normal(jax.random.key(0), shape))
    assert masks.dtype == bool
    assert masks.shape[1:] == shape[:2]
    assert (masks.sum(0) == 1).all()
    assert len(masks) <= 24


def test_superpixels_follow_the_edges():
    image = jnp.zeros((60, 80, 3)).at[:, 33:].set(1)
    masks = np.asarray(g.superpixels(20)(image))
    assert not (masks[:, :, :33].any((1, 2)) & masks[:, :, 33:].any((1, 2))).any()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: g.lime(APPLY, PARAMS, kernel_width=0.0), "kernel_width=0.0: expected a positive number"),
        (lambda: g.lime(APPLY, PARAMS, ridge=-1.0), "ridge=-1.0: expected a number, at least 0"),
        (lambda: g.superpixels(compactness=-1.0), "compactness=-1.0: expected a positive number"),
        (lambda: g.superpixels(0), "count=0: expected at least 1"),
    ],
)
def test_options_out_of_range_say_what_to_do(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("segments", [list(SEGMENTS), "abc"])
def test_segments_are_one_array(segments):
    with pytest.raises(ValueError, match=r"segments must be masks, bool \[s, 12, 12\], got a (list|str); of a list of"):
        inspect.unwrap(check_segments)(segments, (12, 12))  # without the check of types


@pytest.mark.parametrize("build", [g.lime, g.kernel_shap])
def test_segments_are_masks_of_the_image(build):
    for segments in (SEGMENTS, lambda image: SEGMENTS):
        with pytest.raises(ValueError, match=r"segments must be masks, bool \[s, 9, 12\], got bool \[4, 12, 12\]"):
            build(APPLY, PARAMS, segments=segments)(IMAGE[:9], 2, key=jax.random.key(0))
