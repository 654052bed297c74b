"""Localization on cases worked out by hand, and components against scikit-image."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from seen_object import MASK, OBJECT

from groupcam_jax.metrics import (
    best_overlap,
    is_located,
    localization_error,
    mask_overlap,
    max_box_accuracy,
    salient_box,
)
from groupcam_jax.metrics.component import largest_component

BOX = jnp.array([3.0, 2.0, 9.0, 6.0])  # around the object


def two_components():
    """Three pixels in a row, and five that touch by corners."""
    region = np.zeros((8, 10), bool)
    region[1, 1:4] = True
    region[4:7, 5] = region[7, 6] = region[6, 7] = True
    return region


def test_the_largest_component():
    region = two_components()
    expected = region.copy()
    expected[1] = False
    np.testing.assert_array_equal(largest_component(jnp.asarray(region)), expected)
    np.testing.assert_array_equal(largest_component(jnp.zeros((3, 3), bool)), np.zeros((3, 3)))
    np.testing.assert_array_equal(largest_component(jnp.ones((3, 3), bool)), np.ones((3, 3)))
    equals = jnp.array([[True, True, False, True, True]])
    np.testing.assert_array_equal(largest_component(equals), [[False, False, False, True, True]])


def spiral(size):
    """A corridor one pixel wide that winds to the centre: the longest way that a label can have."""
    region, row, column, step = np.zeros((size, size), bool), 0, 0, (0, 1)
    region[0, 0] = True
    for length in [size - 1, *np.repeat(np.arange(size - 1, 1, -2), 2)]:
        for _ in range(length):
            row, column = row + step[0], column + step[1]
            region[row, column] = True
        step = (step[1], -step[0])
    return region


@pytest.mark.parametrize("seed", [*range(5), "spiral"])
def test_components_are_those_of_scikit_image(seed):
    from skimage.measure import label

    region = spiral(31) if seed == "spiral" else np.random.default_rng(seed).random((30, 40)) < 0.42
    labels, count = label(region, connectivity=2, return_num=True)
    sizes = np.bincount(labels.ravel())[1:]
    ours = np.asarray(jax.jit(largest_component)(jnp.asarray(region)))
    assert (count == 1) == (seed == "spiral")
    assert ours.sum() == sizes.max()
    assert len(np.unique(labels[ours])) == 1


def test_the_box_around_the_largest_component():
    saliency = jnp.asarray(two_components(), jnp.float32)
    np.testing.assert_array_equal(salient_box(saliency, 0.2), [5, 4, 8, 8])
    faint = saliency.at[1].multiply(3)  # the others are a third of the maximum
    np.testing.assert_array_equal(salient_box(faint, 0.5), [1, 1, 4, 2])
    np.testing.assert_array_equal(salient_box(faint, 0.3), [5, 4, 8, 8])
    np.testing.assert_array_equal(salient_box(jnp.array([[0.5, 1.0]]), 0.5), [1, 0, 2, 1])  # above, not at


def test_the_box_of_the_perfect_the_inverted_and_the_constant_map():
    np.testing.assert_array_equal(salient_box(OBJECT, 0.15), BOX)
    np.testing.assert_array_equal(salient_box(1 - OBJECT, 0.15), [0, 0, 12, 12])
    np.testing.assert_array_equal(salient_box(jnp.ones((4, 5)), 0.2), [0, 0, 5, 4])
    np.testing.assert_array_equal(salient_box(jnp.zeros((4, 5)), 0.2), [0, 0, 0, 0])
    np.testing.assert_array_equal(salient_box(-jnp.ones((4, 5)), 0.2), [0, 0, 0, 0])
    for value in (jnp.nan, jnp.inf):
        broken = salient_box(OBJECT.at[0, 0].set(value), 0.15)
        assert jnp.isnan(broken).all()
        assert jnp.isnan(best_overlap(broken, BOX[None]))


def test_overlap_of_boxes():
    boxes = jnp.array([[0.0, 0.0, 4.0, 4.0], [10.0, 10.0, 12.0, 14.0], [0.0, 0.0, 0.0, 0.0]])
    assert best_overlap(jnp.array([0.0, 0.0, 4.0, 4.0]), boxes) == 1
    assert best_overlap(jnp.array([2.0, 0.0, 6.0, 4.0]), boxes) == pytest.approx(8 / 24)
    assert best_overlap(jnp.array([5.0, 5.0, 6.0, 6.0]), boxes) == 0
    assert best_overlap(jnp.zeros(4), boxes) == 0
    for none in (boxes[2:], jnp.zeros((0, 4))):
        assert jnp.isnan(best_overlap(jnp.array([0.0, 0.0, 4.0, 4.0]), none)), "there is no object"
    for empty in ([5.0, 0.0, 5.0, 4.0], [0.0, 4.0, 5.0, 4.0]):
        assert jnp.isnan(best_overlap(jnp.array([0.0, 0.0, 9.0, 9.0]), jnp.array([empty]))), "it has no area"
    assert best_overlap(salient_box(1 - OBJECT, 0.2), BOX[None]) == pytest.approx(24 / 144)
    # A test of MaxBoxAcc's authors, whose boxes hold their last pixels: from edge to edge they are one longer.
    assert best_overlap(jnp.array([1.0, 2.0, 6.0, 7.0]), jnp.array([[3.0, 1.0, 5.0, 6.0]])) == pytest.approx(8 / 27)


def test_overlap_with_a_mask():
    assert mask_overlap(OBJECT, MASK, 0.2) == 1
    assert mask_overlap(1 - OBJECT, MASK, 0.2) == 0
    assert jnp.isnan(mask_overlap(OBJECT, jnp.zeros_like(MASK), 0.2)), "there is no object"
    assert mask_overlap(jnp.ones((12, 12)), MASK, 0.2) == pytest.approx(24 / 144)
    assert mask_overlap(jnp.zeros((12, 12)), MASK, 0.2) == 0
    assert jnp.isnan(mask_overlap(OBJECT.at[0, 0].set(jnp.nan), MASK, 0.2))
    assert jnp.isnan(mask_overlap(OBJECT.at[0, 0].set(jnp.inf), MASK, 0.2))


def test_localization_error_counts_class_and_box():
    logits = jnp.array([[9.0, 5, 4, 3, 2, 1, 0], [5, 9, 4, 3, 2, 1, 0], [9, 5, 4, 3, 2, 1, 0], [9, 5, 4, 3, 2, 1, 0]])
    labels = jnp.array([0, 0, 6, 0])  # first, second, seventh, first
    overlaps = jnp.array([0.5, 0.9, 0.9, 0.49])

    def error(logits=logits, labels=labels, overlaps=overlaps, weights=None, **options):
        located = jax.vmap(functools.partial(is_located, **options))(logits, labels, overlaps)
        return localization_error(located, weights)

    assert error(top=1) == pytest.approx(3 / 4)
    assert error(top=5) == pytest.approx(2 / 4)
    assert error(top=1000) == pytest.approx(1 / 4)
    assert error(top=5, least=0.4) == pytest.approx(1 / 4)
    assert error(top=1, weights=jnp.array([3.0, 1.0, 0.0, 0.0])) == pytest.approx(1 / 4)
    assert jnp.isnan(error(overlaps=overlaps.at[2].set(jnp.nan), top=5))
    assert error(overlaps=overlaps.at[2].set(jnp.nan), top=1, weights=jnp.array([1.0, 1, 0, 0])) == pytest.approx(1 / 2)
    assert jnp.isnan(error(logits=logits.at[0, 0].set(jnp.nan), top=1))
    for label in (-1, logits.shape[1]):
        assert jnp.isnan(error(labels=labels.at[0].set(label), top=5))
    with pytest.raises(ValueError, match="top=0"):
        error(top=0)


def test_the_best_threshold_is_that_of_the_whole_data_set():
    accuracy, place = max_box_accuracy(jnp.array([[0.6, 0.4], [0.2, 0.5], [0.1, 0.7]]))
    assert accuracy == pytest.approx(2 / 3)
    assert place == 1
    accuracy, _ = max_box_accuracy(jnp.array([[0.6, 0.4], [0.2, 0.5], [0.1, 0.7]]), weights=jnp.array([0.0, 1.0, 2.0]))
    assert accuracy == 1, "the first image counts for nothing"
    unknown = jnp.array([[0.6, 0.2], [jnp.nan, jnp.nan], [0.7, 0.8]])
    assert max_box_accuracy(unknown, weights=jnp.array([1.0, 0.0, 1.0]))[0] == 1
    assert jnp.isnan(max_box_accuracy(jnp.array([[0.6, jnp.nan]]))[0])


def test_thresholds_and_images_are_mapped():
    saliencies = jax.random.uniform(jax.random.key(0), (3, 12, 12)) * OBJECT[None]
    thresholds = jnp.array([0.0, 0.2, 0.7, 0.999])

    def overlaps(saliency):
        boxes = jax.vmap(salient_box, (None, 0))(saliency, thresholds)
        return jax.vmap(best_overlap, (0, None))(boxes, BOX[None])

    together = jax.jit(jax.vmap(overlaps))(saliencies)
    for row, saliency in zip(together, saliencies, strict=True):
        for value, threshold in zip(row, thresholds, strict=True):
            assert value == best_overlap(salient_box(saliency, float(threshold)), BOX[None])
    assert (together[:, 0] == 1).all()
    assert (together[:, 3] == 1 / 24).all()


def test_mask_overlap_compiled_and_mapped_is_numpy_s():
    saliency = jax.random.uniform(jax.random.key(0), (96, 96))
    mask = jnp.zeros((96, 96), bool).at[10:45, 20:39].set(True)
    region = np.asarray(saliency >= 0.15 * saliency.max())
    expected = (region & mask).sum() / np.logical_or(region, mask).sum()
    compiled = jax.jit(jax.vmap(mask_overlap, (0, 0, None)))(saliency[None], mask[None], 0.15)
    np.testing.assert_allclose(compiled, expected[None], rtol=1e-6)
