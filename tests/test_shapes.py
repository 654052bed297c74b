"""The drawn scenes, and the network that names their targets."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pretrained.networks import shapes
from pretrained.scenes.draw import CLASS_NAMES, SIZE, scene
from pretrained.scenes.figures import DISTRACTORS, FIGURES, TARGETS, outline

N = 512
KEYS = jax.random.split(jax.random.key(7), N)
draw = jax.jit(jax.vmap(lambda key: (scene(key), scene(key, with_target=False))))


@pytest.fixture(scope="module")
def drawn():
    return jax.tree.map(np.asarray, draw(KEYS))


@pytest.fixture(scope="module")
def scenes(drawn):
    return drawn[0]


def test_a_key_gives_one_scene_alone_or_in_a_batch(scenes):
    alone = jax.jit(scene)(KEYS[3])
    assert alone.label == scenes.label[3]
    # Compiled together, sums round differently, and the steep ramps of borders magnify it (1.1e-4 was seen in a pixel):
    # what counts is half a level of an 8-bit picture. A pixel of the mask may lie on the border to the last digit.
    np.testing.assert_allclose(alone.image, scenes.image[3], atol=0.5 / 255)
    assert np.sum(alone.mask != scenes.mask[3]) <= 1
    np.testing.assert_array_equal(draw(KEYS)[0].image, scenes.image)


def test_scenes_are_images_with_a_label_and_a_mask(scenes):
    assert scenes.image.shape == (N, SIZE, SIZE, 3)
    assert scenes.image.dtype == np.float32
    assert 0 <= scenes.image.min() < 0.05 < 0.95 < scenes.image.max() <= 1
    assert scenes.mask.dtype == bool
    assert scenes.mask.sum((1, 2)).min() > 50


def test_every_class_is_as_frequent(scenes):
    counts = np.bincount(scenes.label, minlength=len(CLASS_NAMES))
    expected = N / len(CLASS_NAMES)
    assert np.sum((counts - expected) ** 2 / expected) < 30  # chi squared, 9 degrees of freedom: p = 0.0004


def test_no_distractor_is_a_class():
    assert not TARGETS.keys() & DISTRACTORS.keys()
    rows = np.concatenate([np.reshape(leaf, (len(FIGURES.texture), -1)) for leaf in FIGURES], axis=1)
    assert len(np.unique(rows, axis=0)) == len(TARGETS) + len(DISTRACTORS)


@pytest.mark.parametrize("name", [*TARGETS, *DISTRACTORS])
def test_figures_fill_the_unit_circle_and_do_not_leave_it(name):
    y, x = np.mgrid[-2:2:401j, -2:2:401j].astype(np.float32)
    reach = np.hypot(x, y)[np.asarray(outline({**TARGETS, **DISTRACTORS}[name], x, y)) < 0].max()
    assert 0.98 < reach <= 1.001


def test_targets_are_anywhere_in_the_frame(scenes):
    ever = scenes.mask.any(0)
    assert ever[4:-4, 4:-4].mean() > 0.97
    assert scenes.mask[:, SIZE // 2, SIZE // 2].mean() < 0.15


def test_a_scene_without_its_target_differs_only_where_the_target_was(drawn):
    scenes, without = drawn
    np.testing.assert_array_equal(without.label, scenes.label)
    np.testing.assert_array_equal(without.mask, scenes.mask)
    changed = np.abs(without.image - scenes.image).max(-1) > 1e-4
    wide = np.pad(scenes.mask, ((0, 0), (3, 3), (3, 3)))
    near = np.any([wide[:, i : i + SIZE, j : j + SIZE] for i in range(7) for j in range(7)], axis=0)
    assert not np.any(changed & ~near)  # the smooth border, up to three pixels at the tips of a crescent
    assert np.mean(changed[scenes.mask]) > 0.95


@pytest.mark.parametrize("region", ["scene", "target"])
def test_colour_does_not_tell_the_class(scenes, region):
    weight = scenes.mask if region == "target" else np.ones_like(scenes.mask)
    colour = np.einsum("nhwc,nhw->nc", scenes.image, weight) / weight.sum((1, 2))[:, None]
    half = N // 2
    means = np.stack([colour[:half][scenes.label[:half] == label].mean(0) for label in range(len(CLASS_NAMES))])
    nearest = np.linalg.norm(colour[half:, None] - means, axis=-1).argmin(1)
    assert np.mean(nearest == scenes.label[half:]) < 0.2  # chance is 0.1


def test_the_network_is_small_and_names_the_targets(scenes):
    assert shapes.WEIGHTS.stat().st_size < 1_000_000
    classifier = shapes.load()
    logits = jax.jit(classifier.apply)(classifier.params, shapes.normalize(jnp.asarray(scenes.image)))
    assert np.mean(np.argmax(logits, axis=1) == scenes.label) >= 0.97


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape"])
def test_weights_of_another_network_are_an_error(monkeypatch, tmp_path: Path, change):
    arrays = load_file(shapes.WEIGHTS)
    kernel = arrays.pop("params/fc/kernel")
    if change != "missing":
        name = "params/fc/kernel" if change == "shape" else "params/fc/weight"
        arrays[name] = kernel.T.copy()
    save_file(arrays, tmp_path / "weights.safetensors")
    monkeypatch.setattr(shapes, "WEIGHTS", tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match="is not of this network"):
        shapes.load()
