"""XRAI's two halves on the host, and the whole of it on a picture of two regions."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

import groupcam_jax as g
from groupcam_jax.families.regions import felzenszwalb_segments, grow_regions

APPLY, PARAMS = models.plain()


def test_regions_join_by_the_density_of_what_they_add():
    density = np.zeros((10, 30))
    density[:, :10], density[:, 10:20] = 3.0, 1.0
    masks = np.zeros((3, 10, 30), bool)
    masks[0, :, :20] = True  # mean 2, but after the second only 1
    masks[1, :, :10] = True  # mean 3
    masks[2, :, 15:20] = True  # all of it in the first: adds too few pixels
    regions = grow_regions(density, masks)
    np.testing.assert_array_equal(regions[:, :10], 3)
    np.testing.assert_array_equal(regions[:, 10:20], 1)
    np.testing.assert_array_equal(regions[:, 20:], 0)  # in no mask: their own mean


def test_every_region_gets_the_mean_it_added_so_the_sum_is_kept():
    rng = np.random.default_rng(0)
    density = rng.normal(size=(40, 50))
    masks = rng.random((12, 40, 50)) < 0.2
    regions = grow_regions(density, masks)
    assert regions.sum() == pytest.approx(density.sum())
    assert len(np.unique(regions)) <= 13


def test_segments_follow_the_edges_of_a_picture():
    image = np.zeros((60, 80, 3), np.float32)
    image[:, 40:] = 1
    segments = felzenszwalb_segments(image)
    assert segments.dtype == bool
    assert segments.shape[1:] == (60, 80)
    assert segments.any(0).all(), "every pixel is in a segment"
    halves = {(bool(one[30, 10]), bool(one[30, 70])) for one in segments}
    assert {(True, False), (False, True)} <= halves


def test_given_segments_are_used():
    image = models.image()
    segments = np.zeros((2, 12, 12), bool)
    segments[0, :, :6] = segments[1, :, 6:] = True
    saliency = jax.jit(g.xrai(APPLY, PARAMS, steps=5, segments=segments))(image, 2)
    assert sorted(np.unique(saliency)) == [0, 1]
    assert len(np.unique(saliency[:, :6])) == 1
    with pytest.raises(ValueError, match=r"segments must be masks, bool \[s, 9, 12\], got bool \[2, 12, 12\]"):
        g.xrai(APPLY, PARAMS, segments=segments)(image[:9], 2)


def test_xrai_averages_its_baselines():
    image = models.image()
    _, both = g.xrai(APPLY, PARAMS, steps=4, has_aux=True)(image, 2)
    alone = [
        g.integrated_gradients(APPLY, PARAMS, steps=4, baseline=baseline, has_aux=True)(image, 2)[1].attribution
        for baseline in (g.constant(float(image.min())), g.constant(float(image.max())))
    ]
    np.testing.assert_allclose(both.attribution, (alone[0] + alone[1]) / 2, atol=1e-5)


def test_what_to_install_is_said_at_once():
    code = """
import sys
sys.modules["skimage"] = None
import groupcam_jax as g
try:
    g.xrai(print, 0)
except ModuleNotFoundError as error:
    assert 'pip install "groupcam-jax[regions]"' in str(error), error
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_bfloat16_pictures_can_be_segmented():
    image = models.image().astype(jnp.bfloat16)
    assert jnp.isfinite(g.xrai(APPLY, PARAMS, steps=2)(image.astype(jnp.float32), 2)).all()
