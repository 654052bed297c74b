"""Measures of the order of pixels: numbers of Quantus and scikit-learn, and all orders of equals by brute force."""

import inspect
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from scipy import stats
from seen_object import MASK, OBJECT
from test_properties import few_values, regions

from groupcam_jax.metrics import (
    energy_inside,
    hit,
    mask_overlap,
    relevance_rank_accuracy,
    roc_auc,
    top_k_intersection,
)

NONE = jnp.zeros_like(MASK)


def test_numbers_of_quantus_and_scikit_learn():
    """Of their versions 0.6.0 and 1.9.1."""
    saliency = (jnp.arange(80.0) * 31 % 80).reshape(8, 10) / 80
    mask = jnp.zeros((8, 10), bool).at[2:6, 3:8].set(True)
    assert relevance_rank_accuracy(saliency, mask) == pytest.approx(0.25)
    assert top_k_intersection(saliency, mask, 15) == pytest.approx(0.26666666666666666)
    assert roc_auc(saliency, mask) == pytest.approx(0.5083333333333333)
    assert roc_auc(jnp.round(4 * saliency), mask) == pytest.approx(0.5070833333333333)


@given(few_values, regions)
def test_the_area_is_mann_and_whitney_s(values, region):
    area = roc_auc(jnp.asarray(values), jnp.asarray(region))
    if region.any() and not region.all():
        expected = stats.mannwhitneyu(values[region], values[~region]).statistic / region.sum() / (~region).sum()
        np.testing.assert_allclose(area, expected, rtol=1e-5, atol=1e-6)
    else:
        assert jnp.isnan(area)


@pytest.mark.parametrize("k", range(1, 7))
def test_equals_share_the_places_left(k):
    saliency, mask = np.array([[2, 1, 1, 1, 0, 1]]), np.array([[False, True, True, False, True, False]])
    orders = [
        np.array(order) for order in itertools.permutations(range(6)) if (np.diff(saliency[0][[*order]]) <= 0).all()
    ]
    expected = np.mean([mask[0][order[:k]].mean() for order in orders])
    found = top_k_intersection(jnp.asarray(saliency, jnp.float32), jnp.asarray(mask), k)
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("saliency", "rank", "area"),
    [
        pytest.param(OBJECT, 1, 1, id="perfect"),
        pytest.param(1 - OBJECT, 0, 0, id="inverted"),
        pytest.param(jnp.zeros((12, 12)), 24 / 144, 0.5, id="zeros"),
        pytest.param(jnp.ones((12, 12)), 24 / 144, 0.5, id="constant"),
    ],
)
def test_known_maps(saliency, rank, area):
    assert jax.jit(relevance_rank_accuracy)(saliency, MASK) == pytest.approx(rank)
    assert top_k_intersection(saliency, MASK, 24) == pytest.approx(rank)
    assert jax.jit(roc_auc)(saliency, MASK) == pytest.approx(area)


def test_one_pixel_beside_a_large_object_and_the_vmap():
    """Half a rank of 50,176 is the whole difference."""
    saliencies = jnp.stack([jnp.arange(50176.0).reshape(224, 224) + shift for shift in (0.0, 1.0)])
    masks = jnp.ones((2, 224, 224), bool).at[:, 100, 100].set(False)
    np.testing.assert_allclose(jax.vmap(roc_auc)(saliencies, masks), (50175 - 22500) / 50175, rtol=1e-6)
    np.testing.assert_allclose(jax.vmap(relevance_rank_accuracy)(saliencies, masks), 50174 / 50175, rtol=1e-6)


def test_what_is_broken_is_nan_and_k_is_within_the_map():
    measures = (relevance_rank_accuracy, roc_auc, lambda saliency, mask: top_k_intersection(saliency, mask, 3))
    for measure in measures:
        assert jnp.isnan(measure(OBJECT.at[0, 0].set(jnp.nan), MASK))
        assert jnp.isnan(measure(OBJECT.at[0, 0].set(jnp.inf), MASK))
        assert jnp.isnan(measure(OBJECT, NONE)), "there is no object"
    assert jnp.isnan(roc_auc(OBJECT, ~NONE)), "there is nothing else"
    assert relevance_rank_accuracy(OBJECT, ~NONE) == 1
    with pytest.raises(ValueError, match=r"k=145, but the saliency \[12, 12\] has 144 pixels; choose fewer"):
        top_k_intersection(OBJECT, MASK, 145)
    with pytest.raises(ValueError, match="k=0: expected at least 1"):
        top_k_intersection(OBJECT, MASK, 0)


@pytest.mark.parametrize(
    ("measure", "rest"),
    [
        (hit, ()),
        (energy_inside, ()),
        (mask_overlap, (0.2,)),
        (relevance_rank_accuracy, ()),
        (roc_auc, ()),
        (top_k_intersection, (3,)),
    ],
)
def test_what_is_no_mask_is_refused_instead_of_counted(measure, rest):
    """As users call it: in the tests, the annotations are checked first."""
    numbers = [np.asarray(MASK, np.uint8), 255 * np.asarray(MASK, np.int32), MASK.astype(jnp.float32)]
    for mask in (*numbers, MASK[:6], MASK[:1], MASK[0], MASK[:, :, None], jnp.stack([MASK] * 3)):
        with pytest.raises(ValueError, match=r"the mask must be bool \[12, 12\] as the saliency.*of numbers: mask > 0"):
            inspect.unwrap(measure)(OBJECT, mask, *rest)
