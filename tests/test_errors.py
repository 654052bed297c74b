"""Errors say what was expected, what came, and what to do."""

import functools
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest
from table import IMAGES, KEYS, METHODS, PARAMS, PLAIN, build

import groupcam_jax as g


def test_every_builder_returns_the_one_explainer():
    """What it refuses, and that broken input gives NaN, is thus the same of all: a method or two show it."""
    for name in METHODS:
        assert build(name).__qualname__ == "make_explainer.<locals>.explain"


@pytest.mark.parametrize("name", ["grad_cam", "rise"])
@pytest.mark.parametrize(
    ("image", "label", "message"),
    [
        (IMAGES, 3, r"explain takes one image \[h, w, c\], got \[3, 12, 12, 3\]; for a batch use jax.vmap"),
        (jnp.zeros((12, 12)), 3, r"explain takes one image \[h, w, c\], got \[12, 12\]"),
        (jnp.zeros((12, 12, 3), jnp.uint8), 3, "the image must be floating.*got uint8"),
        (IMAGES[0], 5, "label=5 but the model has 5 classes; choose 0 <= label < 5"),
        (IMAGES[0], -1, "label=-1 but the model has 5 classes"),
        (IMAGES[0], 1.5, "label must be one class index, got float32"),
        (IMAGES[0], "cat", "label must be one class index, an integer, got 'cat'"),
        (IMAGES[0], [3], r"label must be one class index, an integer, got \[3\]"),
    ],
)
def test_bad_input_says_what_to_do(name, image, label, message):
    with pytest.raises(ValueError, match=message):
        build(name)(image, label, key=KEYS[0])


@pytest.mark.parametrize("name", ["grad_cam", "rise"])
@pytest.mark.parametrize("key", [0, jax.random.split(jax.random.key(0)), jnp.zeros(2), "key"])
def test_a_key_that_is_none_says_what_to_do(name, key):
    with pytest.raises(TypeError, match=r"key must be one key, such as jax.random.key\(0\), got"):
        build(name)(IMAGES[0], 3, key=key)


HIDING = {
    "group_cam": functools.partial(g.group_cam, groups=4),
    "score_cam": g.score_cam,
    "rise": g.rise,
    "occlusion": functools.partial(g.occlusion, window=4, stride=4),
    "opti_cam": g.opti_cam,
    "integrated_gradients": g.integrated_gradients,
    "expected_gradients": g.expected_gradients,
    "guided_integrated_gradients": g.guided_integrated_gradients,
    "integrated_grad_cam": g.integrated_grad_cam,
    "xrai": lambda *model, baseline: g.xrai(*model, baselines=[baseline]),
}


@pytest.mark.parametrize("method", HIDING)
@pytest.mark.parametrize(
    ("baseline", "error", "message"),
    [
        (lambda image: image, TypeError, r"a baseline is a function \(image, key\) -> image, such as constant"),
        (lambda image, key: image[:6], ValueError, r"the baseline returned \[6, 12, 3\] for an image \[12, 12, 3\]"),
        (lambda image, key: image.mean(), ValueError, r"the baseline returned \[\] for an image"),
    ],
)
def test_what_is_no_baseline_is_refused(method, baseline, error, message):
    with pytest.raises(error, match=message):
        HIDING[method](PLAIN, PARAMS, baseline=baseline)(IMAGES[0], 3, key=KEYS[0])


def test_a_background_has_images_and_draws_one():
    with pytest.raises(ValueError, match=r"one or more images \[n, h, w, c\].*got float32\[0, 12, 12, 3\]"):
        g.background(IMAGES[:0])
    with pytest.raises(TypeError, match="background is stochastic and needs a key"):
        g.group_cam(PLAIN, PARAMS, groups=4, baseline=g.background(IMAGES))(IMAGES[0], 3)


COUNTS = {
    **{"group_cam groups": g.group_cam, "group_cam mask_batch": g.group_cam, "score_cam channels": g.score_cam},
    **{"lime samples": g.lime, "kernel_shap samples": g.kernel_shap, "kernel_shap mask_batch": g.kernel_shap},
    **{"rise masks": g.rise, "rise cells": g.rise, "occlusion window": g.occlusion, "occlusion stride": g.occlusion},
    **{"integrated_gradients steps": g.integrated_gradients, "smooth_grad samples": g.smooth_grad},
    **{"expected_gradients samples": g.expected_gradients, "expected_gradients sample_batch": g.expected_gradients},
    **{"smooth_grad_cam_pp sample_batch": g.smooth_grad_cam_pp, "ablation_cam channel_batch": g.ablation_cam},
    **{"opti_cam steps": g.opti_cam},
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_at_least_one(name):
    option = name.split()[1]
    with pytest.raises(ValueError, match=f"{option}=0: expected at least 1"):
        COUNTS[name](PLAIN, PARAMS, **{option: 0})


WITHOUT_CHECKS = """
import jax.numpy as jnp, numpy as np
import groupcam_jax as g
from groupcam_jax.metrics.insertion_deletion import salient_order

image = jnp.ones((8, 8, 3))

def model(params, images):
    return jnp.maximum(images * params, 0).mean((1, 2)) @ jnp.ones((3, 5))

for case in (
    lambda: g.rise(model, 1.0, masks=2.5),
    lambda: g.group_cam(model, 1.0, groups="4"),
    lambda: g.integrated_gradients(model, 1.0, baseline=np.zeros((8, 8, 3)))(image),
    lambda: g.grad_cam(model, 1.0, layer=1.5)(image),
    lambda: g.grad_cam(model, 1.0, layer=["block"])(image),
    lambda: g.grad_cam(model, 1.0, layer=("block", "fc"))(image),
    lambda: g.background(image),
    lambda: g.background(np.zeros((2, 8, 8, 3), np.uint8)),
    lambda: g.Layer(0, tokens_to_grid=14),
    lambda: g.Layer(0, tokens_to_grid=(3.5, 4)),
    lambda: g.Layer(0, tokens_to_grid=(0, 4)),
):
    try:
        case()
    except (TypeError, ValueError) as error:
        print(error)
print(g.grad_cam(model, 1.0, layer=np.int64(0))(image).shape)
print(salient_order(jnp.array([[0, 1, 255]], jnp.uint8)).tolist())
"""


def test_wrong_types_say_what_to_do():
    """In a process of its own, where nothing checks the annotations."""
    told = subprocess.run([sys.executable, "-c", WITHOUT_CHECKS], check=True, capture_output=True, text=True).stdout
    expected = [
        "masks=2.5: expected an integer, at least 1",
        "groups='4': expected an integer, at least 1",
        "a baseline is a function (image, key) -> image, such as constant(0.0), got array",
        "layer=1.5: expected a scope name, an index, (features, head), Layer(...) or None. The model's",
        "layer=['block']: expected a scope name",
        "layer=('block', 'fc'): of a pair, expected the functions (features, head)",
        "a background is one or more images [n, h, w, c], floating",
        "a background is one or more images [n, h, w, c], floating",
        "tokens_to_grid=14: expected (height, width) of the grid, or None",
        "tokens_to_grid=(3.5, 4): expected (height, width)",
        "tokens_to_grid=(0, 4): expected (height, width)",
        "(8, 8)",
        "[[2, 1, 0]]",  # a saliency of bytes has no negative
    ]
    lines = [line for line in told.splitlines() if not line.startswith(" ")]
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(start)
