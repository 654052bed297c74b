"""Laws: what must hold of any input, against NumPy and SciPy."""

import hypothesis.extra.numpy as arrays
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from groupcam_jax import contiguous
from groupcam_jax.families.regions import grow_regions
from groupcam_jax.metrics import mask_of_boxes
from groupcam_jax.metrics.component import largest_component
from groupcam_jax.metrics.insertion_deletion import curve_places, salient_order
from groupcam_jax.metrics.similarity import ranks
from groupcam_jax.stages.masks import denoise, unit_range

# The same inputs in every run, and one shape a law: a program is compiled once.
settings.register_profile("law", max_examples=40, deadline=None, derandomize=True, database=None)
settings.load_profile("law")

SHAPE = (5, 7)
few_values = arrays.arrays(np.float32, SHAPE, elements=st.integers(-3, 6))  # many of them equal
regions = arrays.arrays(np.bool_, SHAPE)


@given(few_values)
def test_ranks_are_scipy_s(values):
    np.testing.assert_array_equal(ranks(jnp.asarray(values)), stats.rankdata(values) - 1)


@given(few_values)
def test_the_most_salient_come_first_and_equals_in_reading_order(values):
    order = np.argsort(-values.ravel(), kind="stable")
    np.testing.assert_array_equal(np.asarray(salient_order(jnp.asarray(values))).ravel()[order], np.arange(35))


@given(few_values, st.integers(0, 100))
def test_what_is_kept_lies_above_numpy_s_percentile(values, percentile):
    kept = np.where(values <= np.percentile(values.astype(np.float64), percentile), 0, values)
    np.testing.assert_array_equal(denoise(jnp.asarray(values), float(percentile)), kept)


@given(few_values)
def test_the_unit_range_is_the_unit_range_whatever_the_scale(values):
    one = np.asarray(unit_range(jnp.asarray(values)))
    assert one.min() == 0
    assert one.max() == (values.max() > values.min())
    np.testing.assert_allclose(unit_range(jnp.asarray(3 * values - 5)), one, atol=1e-6)


@given(regions)
def test_the_largest_component_is_scipy_s(region):
    component = np.asarray(largest_component(jnp.asarray(region)))
    labels, count = ndimage.label(region, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    assert component.sum() == max(sizes, default=0)
    assert component.sum() == 0 or len(np.unique(labels[component])) == 1


sides = st.floats(-3, 10, width=32)


@given(arrays.arrays(np.float32, (3, 4), elements=sides))
def test_a_mask_of_boxes_holds_the_centres_within(boxes):
    y, x = np.mgrid[:5, :7] + 0.5
    inside = [(x > left) & (x < right) & (y > top) & (y < bottom) for left, top, right, bottom in boxes]
    np.testing.assert_array_equal(mask_of_boxes(jnp.asarray(boxes), SHAPE), np.any(inside, axis=0))


@given(st.integers(1, 400), st.integers(1, 500))
def test_the_area_under_the_diagonal_is_a_half_whatever_the_step(pixels, step):
    places = np.asarray(curve_places(pixels, step))
    assert places[0] == 0
    assert places[-1] == 1
    assert len(places) == -(-pixels // step) + 1
    np.testing.assert_allclose(np.trapezoid(places, places), 0.5, rtol=1e-5)


@given(st.integers(1, 40), st.integers(1, 40))
def test_groups_hold_every_channel_once_in_order(channels, groups):
    groups = min(groups, channels)
    members = np.asarray(contiguous(jnp.zeros((1, 1, channels)), groups, None))
    np.testing.assert_array_equal(members.sum(1), np.ones(channels))
    assert (np.diff(members.argmax(1)) >= 0).all()
    sizes = members.sum(0)
    assert (sizes[:-1] == -(-channels // groups)).all()
    assert 0 < sizes[-1] <= sizes[0]


@given(few_values, arrays.arrays(np.bool_, (3, *SHAPE)))
def test_regions_keep_the_sum_of_what_they_grow_from(values, masks):
    grown = grow_regions(values, masks)
    np.testing.assert_allclose(grown.sum(), values.sum(), atol=1e-4)


def test_the_laws_hold_compiled():
    values = jax.random.randint(jax.random.key(0), SHAPE, 0, 4).astype(jnp.float32)
    np.testing.assert_array_equal(jax.jit(ranks)(values), stats.rankdata(np.asarray(values)) - 1)
