"""An explainer is written out for all platforms, with a batch of any size, and read back."""

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
