"""Refined maps: they find what the model sees, from a map that found part of it."""

import functools
import inspect
from typing import Any

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from seen_object import IMAGE, MASK, sees_object

from groupcam_jax import constant, gradient, group_cam, noise, refined
from groupcam_jax.metrics import insertion_deletion
from groupcam_jax.stages.climb import SHARES, make_plan
from groupcam_jax.stages.grid import enlarged, grid_sides, smooth, total_variation, unit_power
from groupcam_jax.stages.order import reordered

APPLY, PARAMS = models.plain()
coarse = functools.partial(group_cam, groups=4)
HALF = jnp.zeros((12, 12)).at[2:6, 1:6].set(1.0)  # left half of the object, and what lies beside it


def sees_object_anywhere(params, images):
    """Class 1 likes bright images."""
    del params
    bright = images.mean((1, 2, 3))
    return jnp.stack([jnp.zeros_like(bright), bright], axis=1)


def given(saliency) -> Any:
    """The builder of a method whose map is this one."""
    return lambda model_apply, params: lambda image, label, key: saliency


def test_it_finds_the_rest_of_the_object_and_leaves_what_is_none():
    # Pixels count one by one for this model: no neighbour has to agree.
    explain = refined(sees_object, {}, method=given(HALF), substrates=[constant(0.0)], smoothness=0.0)
    saliency = jax.jit(explain)(IMAGE, 1)
    most = saliency >= jnp.sort(saliency.ravel())[-int(MASK.sum())]
    assert int((HALF.astype(bool) & MASK).sum()) == 12
    assert int((most & MASK).sum()) >= 22  # of 24 pixels


def test_what_is_enough_when_the_start_is_hidden_is_found():
    def sees_either(params, images):  # one of two objects is enough
        del params
        seen = jnp.maximum(images[:, :4, :4].mean((1, 2, 3)), images[:, :4, 8:].mean((1, 2, 3)))
        return jnp.stack([jnp.zeros_like(seen), 8 * seen - 4], axis=1)

    start = jnp.zeros((12, 12)).at[:4, :4].set(1.0)
    explain = refined(sees_either, {}, method=given(start), substrates=[constant(0.0)], smoothness=0.0)
    saliency = jax.jit(explain)(jnp.ones((12, 12, 3)), 1)
    # The start knows nothing of either corner; of equal values, the last would be the more salient.
    assert saliency[:4, 8:].mean() > saliency[8:, 8:].mean()


def blind(params, images):
    """Every class is as likely, whatever is seen."""
    del params
    return 0 * images.mean((1, 2))


def test_a_map_that_varies_costs():
    down, across = jnp.mgrid[:12, :12].astype(jnp.float32)
    start = (
        jnp.exp(-((down - 5.0) ** 2 + (across - 6.0) ** 2) / 18) + jax.random.normal(jax.random.key(0), (12, 12)) / 2
    )
    build = functools.partial(refined, blind, {}, method=given(start), substrates=[constant(0.0)], pull=0.0)
    few = {"feature_steps": 0, "steps": 24, "step_size": 0.05}
    free, costly = (build(smoothness=smoothness, **few) for smoothness in (0.0, 1.0))
    image = jnp.ones((12, 12, 3))
    assert total_variation(jax.jit(costly)(image, 1)) < 0.9 * total_variation(jax.jit(free)(image, 1))


def test_a_class_that_the_picture_hardly_has_is_refined_as_any_other():
    def order(share):
        def score(logits, label):
            return share * jax.nn.softmax(logits)[label]

        explain = refined(sees_object, {}, method=given(HALF), substrates=[constant(0.0)], score=score)
        return np.asarray(jax.jit(explain)(IMAGE, 1)).ravel().argsort().argsort()

    rare, rarer, never = order(0.01), order(0.001), order(0.0)
    assert np.corrcoef(rare, rarer)[0, 1] > 0.95
    assert np.corrcoef(rare, never)[0, 1] < 0.5, "the model has a part in it"
    # Above 0.1 the price grows no further, and a larger score outweighs it.
    assert np.corrcoef(rare, order(1000.0))[0, 1] < 0.97


def test_both_curves_gain_on_what_it_follows():
    image, substrate = models.image(), constant(0.0)
    measure = insertion_deletion(APPLY, PARAMS, pixels_per_step=6, insertion_substrate=substrate)
    explain = refined(APPLY, PARAMS, method=coarse, substrates=[substrate], smoothness=0.0, has_aux=True)
    explain = jax.jit(explain)
    found = {label: explain(image, label) for label in range(5)}
    seen = [label for label, (_, aux) in found.items() if aux.start.any()]
    assert len(seen) > 1
    for label in seen:
        saliency, aux = found[label]
        np.testing.assert_allclose(aux.start, coarse(APPLY, PARAMS)(image, label), atol=1e-5)
        assert measure(image, saliency, label).overall > measure(image, aux.start, label).overall


@pytest.mark.parametrize("size", [3.0, 8.0])
def test_the_peak_of_a_small_object_stays_where_it_is(size):
    down, across = jnp.mgrid[:112, :112].astype(jnp.float32) - jnp.asarray([56.0, 60.0])[:, None, None]
    start = jnp.exp(-(down**2 + across**2) / (2 * size**2))
    explain = refined(sees_object_anywhere, {}, method=given(start), step_size=1e-6, cells=112)
    saliency = jax.jit(explain)(jnp.ones((112, 112, 3)), 1)
    most, before = (jnp.argsort(saliency_.ravel(), descending=True)[:50] for saliency_ in (saliency, start))
    assert most[0] == before[0] == 56 * 112 + 60
    assert len(np.unique(np.asarray(saliency).ravel()[most])) > 10


def test_without_a_step_the_order_is_that_of_the_smoothed_start():
    start = jax.random.uniform(jax.random.key(0), (12, 12))
    saliency = jax.jit(refined(blind, {}, method=given(start), step_size=1e-6, cells=12))(jnp.ones((12, 12, 3)), 1)
    assert jnp.argsort(saliency.ravel()).tolist() == jnp.argsort(smooth(start).ravel()).tolist()


def test_each_step_pulls_back_to_the_start():
    def farther(pull):
        explain = refined(sees_object, {}, method=given(HALF), substrates=[constant(0.0)], smoothness=0.0, pull=pull)
        found = jax.jit(explain)(IMAGE, 1)
        return np.corrcoef(found.ravel(), HALF.ravel())[0, 1]

    free, little, much = map(farther, (0.0, 0.2, 2.0))
    assert free < little < much


def test_a_flat_start_stays_blank():
    flat = refined(APPLY, PARAMS, method=given(jnp.full((12, 12), 0.5)), feature_steps=0, steps=3)
    np.testing.assert_array_equal(flat(models.image(), 1), np.zeros((12, 12)))


def test_without_a_key_it_is_always_the_same():
    explain = jax.jit(refined(APPLY, PARAMS, method=coarse, feature_steps=0, steps=3, substrates=[noise(0.5)]))
    image = models.image()
    np.testing.assert_array_equal(explain(image, 2), explain(image, 2, key=jax.random.key(0)))
    assert np.abs(explain(image, 2) - explain(image, 2, key=jax.random.key(1))).max() > 0


def test_the_plan_is_spread_evenly_over_shares_and_substrates():
    shares, sizes, turns, keys = make_plan(9, 3, 0.5, jax.random.key(0))
    np.testing.assert_allclose(np.sort(shares), np.linspace(*SHARES, 9), rtol=1e-6)
    assert np.array_equal(np.bincount(turns), [3, 3, 3])
    assert sizes[0] == 0.5
    assert (np.diff([*sizes, 0]) < 0).all()
    assert len(np.unique(jax.random.key_data(keys), axis=0)) == 9


@pytest.mark.parametrize(
    ("shape", "cells", "sides"),
    [
        ((224, 224, 3), 28, (28, 28)),
        ((224, 448, 3), 28, (28, 56)),
        ((20, 12, 1), 28, (20, 12)),
        ((1, 1, 3), 28, (1, 1)),
    ],
)
def test_cells_are_square_and_no_smaller_than_a_pixel(shape, cells, sides):
    assert grid_sides(shape, cells) == sides


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3), (28, 28)])
def test_any_grid_has_a_direction_without_nan(shape):
    gradient_of = jax.random.normal(jax.random.key(0), shape)
    np.testing.assert_array_equal(unit_power(jnp.zeros(shape)), np.zeros(shape))
    np.testing.assert_allclose((unit_power(gradient_of) ** 2).mean(), 1, rtol=1e-5)
    assert total_variation(jnp.ones(shape)) == 0


def test_smoothing_keeps_the_mean_and_takes_away_what_changes_from_cell_to_cell():
    grid = jax.random.normal(jax.random.key(0), (5, 7))
    np.testing.assert_allclose(smooth(grid).mean(), grid.mean(), atol=1e-6)
    chequered = jnp.asarray(np.indices((5, 7)).sum(0) % 2, jnp.float32)
    np.testing.assert_allclose(smooth(chequered)[1:-1, 1:-1], 0.5)
    np.testing.assert_allclose(smooth(jnp.zeros((5, 5)).at[2, 2].set(16.0))[2], [0, 2, 4, 2, 0])


def test_a_surface_of_the_second_degree_is_enlarged_exactly():
    def surface(down, across):
        return (down - 3) ** 2 + down * across - 2 * across

    centers = (np.arange(32) + 0.5) / 4 - 0.5
    grid = jnp.asarray(surface(*np.mgrid[:8, :8]), jnp.float32)
    expected = surface(centers[:, None], centers[None, :])
    np.testing.assert_allclose(enlarged(grid, (32, 32, 3))[8:-8, 8:-8], expected[8:-8, 8:-8], atol=1e-4)


def test_total_variation_counts_every_step_between_neighbours():
    steps = jnp.zeros((4, 4)).at[:, 2:].set(3.0)
    assert total_variation(steps) == 4 * 3 / 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps=0: expected at least 1"),
        ({"cells": 0}, "cells=0: expected at least 1"),
        ({"cells": 1}, "cells=1: expected at least 2"),
        ({"substrates": []}, "0 substrates in feature_steps=24 and steps=14: expected at least one"),
        ({"feature_steps": 0, "steps": 2}, "3 substrates in feature_steps=0 and steps=2: .*a step for each"),
        ({"feature_steps": -1}, "feature_steps=-1: expected at least 0"),
        ({"softness": float("inf")}, "softness=inf: expected a positive number"),
        ({"softness": 0.0}, "softness=0.0: expected a positive number"),
        ({"step_size": float("nan")}, "step_size=nan: expected a positive number"),
        ({"smoothness": -1.0}, "smoothness=-1.0: expected at least 0"),
        ({"pull": -0.1}, "pull=-0.1: expected 0 to 1 / step_size=2.0"),
        ({"pull": 2.5}, "pull=2.5: expected 0 to 1 / step_size=2.0"),
        ({"pull": float("nan")}, "pull=nan: expected 0 to 1"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        refined(APPLY, PARAMS, **options)


def test_a_layer_is_that_of_the_method():
    image, expected = models.image(), coarse(APPLY, PARAMS, layer=0)(models.image(), 2)
    _, aux = refined(APPLY, PARAMS, method=coarse, layer=0, feature_steps=0, steps=3, has_aux=True)(image, 2)
    np.testing.assert_allclose(aux.start, expected, atol=1e-6)
    with pytest.raises(TypeError, match="layer"):
        refined(APPLY, PARAMS, method=gradient, layer=0)


def test_the_map_has_the_values_of_the_inner_one_in_another_order():
    image = models.image()
    explain = refined(APPLY, PARAMS, method=coarse, cells=12, has_aux=True)
    saliency, aux = jax.jit(explain)(image, 2)
    assert np.abs(saliency - aux.start).max() > 0.2
    np.testing.assert_allclose(np.sort(saliency, axis=None), np.sort(aux.start, axis=None), atol=5e-3)


def test_the_order_is_another_maps():
    saliency, first = jnp.array([[0.0, 0.0, 0.4, 1.0]]), jnp.array([[1.0, 2.0, -1.0, 0.0]])
    np.testing.assert_allclose(reordered(saliency, first), [[0.4, 1.0, 0.0, 0.0]], atol=5e-3)
    assert jnp.argsort(reordered(saliency, first)[0]).tolist() == [2, 3, 0, 1]
    assert jnp.isnan(reordered(saliency, first.at[0, 2].set(jnp.nan))).all()
    assert jnp.isnan(reordered(saliency.at[0, 0].set(jnp.nan), first)).all()


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (
            functools.partial(coarse, has_aux=True),
            "method gives a tuple: expected explainers that return a map alone",
        ),
        (given(jnp.zeros((6, 6))), r"saliency \[6, 6\] does not fit the image \[12, 12, 3\]"),
    ],
)
def test_an_inner_method_that_gives_no_map_of_the_image(method, message):
    with pytest.raises((TypeError, ValueError), match=message):
        refined(APPLY, PARAMS, method=method)(models.image(), 1)


def test_one_substrate_is_not_several():
    with pytest.raises(TypeError, match=r"substrates=.*: expected several, such as \[constant\(0.0\)"):
        inspect.unwrap(refined)(APPLY, PARAMS, substrates=constant(0.0))  # without the check of types
