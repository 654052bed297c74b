"""An explainer is written out for all platforms, with a batch of any size, and read back."""

import jax
import numpy as np
import pytest
from jax import export
from table import IMAGES, KEYS, LABELS, METHODS, build

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
