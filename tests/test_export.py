"""An explainer is written out for all platforms, with a batch of any size, and read back."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export, lax
from table import IMAGES, KEYS, LABELS, METHODS, build

from groupcam_jax import faster

METHODS_EXPORTED = (
    "cam",
    "excitation_backprop contrastive",
    "grad_cam",
    "group_cam",
    "group_cam kmeans",
    "guided_grad_cam",
    "integrated_gradients",
    "occlusion",
    "released_group_cam",
    "rise",
    "score_cam",
)


def exported(name):
    """The exported explainer of a batch, and the explainer."""
    one = build(name)
    explain = jax.jit(jax.vmap(lambda image, label, key: one(image, label, key=jax.random.wrap_key_data(key))))
    (n,) = export.symbolic_shape("n")
    of_any_size = (
        jax.ShapeDtypeStruct((n, *batch.shape[1:]), batch.dtype)
        for batch in (IMAGES, LABELS, jax.random.key_data(KEYS))
    )
    return export.export(explain, platforms=["cpu", "cuda", "tpu"])(*of_any_size), explain


@pytest.mark.parametrize("name", METHODS_EXPORTED)
def test_what_is_read_back_explains_alike(name):
    written, explain = exported(name)
    read = export.deserialize(written.serialize())
    for n in (1, 3):
        batch = IMAGES[:n], LABELS[:n], jax.random.key_data(KEYS)[:n]
        saliency = read.call(*batch)
        np.testing.assert_array_equal(saliency, explain(*batch))
        assert saliency[0].max() > 0.99


@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].on_host])
def test_what_runs_in_python_says_so(name):
    with pytest.raises(NotImplementedError, match="runs in Python on the host, which an exported"):
        exported(name)


def convolve(x, kernel, stride=1, groups=1):
    options = {"feature_group_count": groups, "dimension_numbers": ("NHWC", "HWIO", "NHWC")}
    return lax.conv_general_dilated(x, kernel, (stride, stride), "SAME", **options)


def network(images):
    """Layers of several forms, with a batch norm's scale and a residual, and the gradient of the images."""

    def logit(images):
        x = convolve(images, jnp.full((3, 3, 3, 64), 0.1), stride=2) * jnp.arange(64.0).reshape(1, 1, 1, 64)
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        x = convolve(x, jnp.full((3, 3, 64, 64), 0.01)) + x
        x = convolve(x, jnp.ones((3, 3, 1, 64)), groups=64)
        return convolve(x, jnp.full((1, 1, 64, 2), 0.1)).mean()

    return jax.value_and_grad(logit)(images)


def test_a_faster_function_is_exported_for_any_number_of_images():
    (n,) = export.symbolic_shape("n")
    any_images = jax.ShapeDtypeStruct((n, 32, 32, 3), jnp.float32)
    written = export.export(jax.jit(faster(network)), platforms=["cpu", "cuda", "tpu"])(any_images)
    images = jax.random.uniform(jax.random.key(0), (3, 32, 32, 3))
    found = export.deserialize(written.serialize()).call(images)
    for one, other in zip(found, network(images), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def halved(images, layout):
    """Layers whose forms go by the sizes of the images, and a scale of the size of the activation."""

    def convolve(x, kernel, stride):
        numbers = (layout, "HWIO", layout)
        return lax.conv_general_dilated(x, kernel, (stride, stride), "SAME", dimension_numbers=numbers)

    window = [2 if axis in "HW" else 1 for axis in layout]
    x = convolve(images, jnp.arange(216.0).reshape(3, 3, 3, 8) / 216, 2)
    x = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
    x = convolve(x, jnp.arange(576.0).reshape(3, 3, 8, 8) / 576, 1)
    return x * jnp.full_like(x, 0.5)


@pytest.mark.parametrize("sizes", ["n, 16, 16, 3", "n, h, w, 3", "n, 3, h, w"])
def test_a_faster_function_is_exported_for_images_of_any_size(sizes):
    layout = "NCHW" if sizes == "n, 3, h, w" else "NHWC"
    images = jax.random.uniform(jax.random.key(0), (2, 3, 16, 16) if layout == "NCHW" else (2, 16, 16, 3))
    any_images = jax.ShapeDtypeStruct(export.symbolic_shape(sizes), images.dtype)
    function = faster(partial(halved, layout=layout))
    written = export.export(jax.jit(function), platforms=["cpu", "cuda", "tpu"])(any_images)
    found = export.deserialize(written.serialize()).call(images)
    np.testing.assert_allclose(found, halved(images, layout), rtol=1e-5)
