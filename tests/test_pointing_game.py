"""The pointing game on cases worked out by hand, and on the perfect, the inverted and the constant map."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from seen_object import MASK, OBJECT

from groupcam_jax.metrics import best_overlap, energy_inside, hit, is_difficult, mask_of_boxes, pointing_accuracy

BLANK = jnp.zeros((12, 12)).at


def test_boxes_cover_the_pixels_whose_centres_they_hold():
    boxes = jnp.array([[1.0, 0.0, 3.0, 2.0], [0.0, 0.0, 0.0, 0.0], [3.4, 2.6, 4.0, 4.0]])
    expected = np.zeros((4, 5), bool)
    expected[0:2, 1:3] = True
    expected[3, 3] = True
    np.testing.assert_array_equal(mask_of_boxes(boxes, (4, 5)), expected)
    np.testing.assert_array_equal(mask_of_boxes(jnp.array([[3, 2, 9, 6]]), (12, 12)), MASK)
    assert not mask_of_boxes(jnp.zeros((0, 4)), (4, 5)).any()


def test_what_are_no_boxes_is_told():
    """As users call it: in the tests, the annotations are checked first."""
    mask, overlap = (inspect.unwrap(function) for function in (mask_of_boxes, best_overlap))
    for boxes in (jnp.arange(4.0), [3, 2, 9, 6], jnp.zeros((2, 3, 4)), jnp.zeros((4, 3))):
        for measure in (lambda boxes: mask(boxes, (12, 12)), lambda boxes: overlap(jnp.arange(4.0), boxes)):
            with pytest.raises(ValueError, match=r"the boxes must be \[n, 4\], got \[.*\]; of one box: boxes\[None\]"):
                measure(boxes)
    np.testing.assert_array_equal(mask([[3, 2, 9, 6]], (12, 12)), MASK)
    with pytest.raises(ValueError, match=r"shape=\[12, 12, 3\]: expected height and width of the map"):
        mask_of_boxes(jnp.zeros((1, 4)), (12, 12, 3))


@pytest.mark.parametrize(
    ("pixel", "tolerance", "expected"),
    [
        ((3, 4), 0.0, 1),
        ((0, 4), 0.0, 0),
        ((0, 4), 2.0, 1),  # two pixels above
        ((0, 4), 1.9, 0),
        ((0, 1), 2.0, 0),  # two above and two beside
        ((0, 1), 2.9, 1),
        ((11, 11), 15.0, 1),
    ],
)
def test_a_pixel_hits_within_the_tolerance(pixel, tolerance, expected):
    assert hit(BLANK[pixel].set(1), MASK, tolerance) == expected


def test_torchray_counts_less_than_15_pixels():
    """`(distances ** 2 < tolerance ** 2)` is TorchRay's line; 14.99 says the same of whole pixels."""
    distances = np.arange(20)
    mask = jnp.zeros((1, 20), bool).at[0, 0].set(True)
    ours = [hit(jnp.zeros((1, 20)).at[0, distance].set(1), mask, 14.99) for distance in distances]
    np.testing.assert_array_equal(ours, distances**2 < 15**2)


def test_of_equals_the_first_counts_and_nan_shows():
    assert hit(jnp.ones((12, 12)), MASK) == 0  # in the corner
    assert hit(jnp.ones((12, 12)), ~MASK) == 1
    assert hit(OBJECT, MASK) == 1
    assert hit(1 - OBJECT, MASK) == 0
    assert jnp.isnan(hit(OBJECT, jnp.zeros((12, 12), bool)))
    assert jnp.isnan(energy_inside(OBJECT, jnp.zeros((12, 12), bool)))
    for broken in (jnp.nan, jnp.inf, -jnp.inf):
        assert jnp.isnan(hit(BLANK[3, 4].set(broken), MASK))
    for tolerance in (-1.0, jnp.nan):
        assert jnp.isnan(hit(OBJECT, MASK, tolerance))


def test_energy_inside():
    assert energy_inside(OBJECT, MASK) == 1
    assert energy_inside(1 - OBJECT, MASK) == 0
    assert energy_inside(jnp.ones((12, 12)), MASK) == pytest.approx(24 / 144)
    assert energy_inside(OBJECT + BLANK[0, 0].set(8), MASK) == pytest.approx(24 / 32)
    assert energy_inside(jnp.zeros((12, 12)), MASK) == 0
    for broken in (jnp.nan, jnp.inf, -1.0):
        assert jnp.isnan(energy_inside(BLANK[0, 0].set(broken), MASK))
    for many in (jnp.ones((300, 300), jnp.float16), jnp.full((300, 300), 1e37)):
        half = jnp.zeros((300, 300), bool).at[:150].set(True)
        assert energy_inside(many, half) == pytest.approx(0.5), "their sum is beyond the largest number"


def test_difficult_are_small_objects_in_company():
    assert is_difficult(MASK, jnp.array(True))
    assert not is_difficult(MASK, jnp.array(False))
    assert not is_difficult(mask_of_boxes(jnp.array([[0, 0, 6, 6]]), (12, 12)), jnp.array(True))  # a quarter
    for mask in (MASK.astype(jnp.uint8), MASK[None]):
        with pytest.raises(ValueError, match=r"the mask must be bool \[h, w\], got .*; of numbers: mask > 0"):
            inspect.unwrap(is_difficult)(mask, jnp.array(True))  # the tests check the annotations first


def test_accuracy_of_each_category_their_mean_and_of_all():
    hits, categories = jnp.array([1.0, 1.0, 0.0, 0.0, 1.0]), jnp.array([0, 0, 0, 2, 3])
    accuracy = pointing_accuracy(hits, categories, 5)
    np.testing.assert_allclose(accuracy.by_category, [2 / 3, np.nan, 0, 1, np.nan], rtol=1e-6)
    assert accuracy.mean == pytest.approx(5 / 9)
    assert accuracy.overall == pytest.approx(3 / 5)
    difficult = pointing_accuracy(hits, categories, 5, jnp.array([True, False, True, True, False]))
    np.testing.assert_allclose(difficult.by_category, [1 / 2, np.nan, 0, np.nan, np.nan], rtol=1e-6)
    assert difficult.mean == pytest.approx(1 / 4)
    assert difficult.overall == pytest.approx(1 / 3)


@pytest.mark.parametrize("dtype", [bool, jnp.int32, jnp.float16])
def test_weights_below_one_count_for_hits_of_any_dtype(dtype):
    hits = jnp.array([1, 0, 1]).astype(dtype)
    accuracy = pointing_accuracy(hits, jnp.array([0, 0, 1]), 2, jnp.array([0.5, 1.0, 0.25]))
    np.testing.assert_allclose(accuracy.by_category, [1 / 3, 1], rtol=1e-6)
    assert accuracy.overall == pytest.approx(0.75 / 1.75)


def test_a_broken_hit_shows_where_it_counts():
    broken = pointing_accuracy(jnp.array([1.0, jnp.nan]), jnp.array([0, 1]), 2)
    np.testing.assert_array_equal(broken.by_category, [1, np.nan])
    assert jnp.isnan(broken.mean)
    assert jnp.isnan(broken.overall)
    left_out = pointing_accuracy(jnp.array([1.0, jnp.nan]), jnp.array([0, 1]), 2, jnp.array([True, False]))
    assert left_out.mean == left_out.overall == 1


@pytest.mark.parametrize("category", [-1, 2])
def test_a_category_out_of_range_shows(category):
    accuracy = pointing_accuracy(jnp.array([1.0, 1.0]), jnp.array([0, category]), 2)
    assert all(jnp.isnan(value).all() for value in accuracy)


def test_a_data_set_is_one_program():
    saliencies = jax.random.uniform(jax.random.key(0), (6, 12, 12))
    boxes = jnp.array([[[0, 0, 12, 6], [0, 0, 0, 0]], [[0, 0, 1, 1], [5, 5, 9, 9]]] * 3)
    masks = jax.jit(jax.vmap(lambda b: mask_of_boxes(b, (12, 12))))(boxes)
    hits = jax.jit(jax.vmap(hit, (0, 0, None)))(saliencies, masks, 1.0)
    for one, saliency, mask in zip(hits, saliencies, masks, strict=True):
        assert one == hit(saliency, mask, 1.0)
