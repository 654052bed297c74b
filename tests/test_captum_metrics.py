"""captum's infidelity and maximum sensitivity, given the very images that ours draw."""

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

from groupcam_jax import gradient, integrated_gradients
from groupcam_jax.metrics import infidelity, max_sensitivity

torch = pytest.importorskip("torch")
captum = pytest.importorskip("captum.metrics")

APPLY, PARAMS = models.plain()
IMAGE, LABEL, SAMPLES = models.image(), 2, 12
KEY = jax.random.key(0)


def to_torch(images):
    """Images `[n, h, w, c]` as PyTorch lays them out."""
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)


def to_jax(tensor):
    return jnp.asarray(tensor.permute(0, 2, 3, 1).numpy())


def forward(tensor):
    return torch.from_numpy(np.array(APPLY(PARAMS, to_jax(tensor))))


@pytest.mark.parametrize("times_input", [False, True])
def test_infidelity(times_input):
    drawn = []

    def changed(image, key):
        other = image + 0.3 * jax.random.normal(key, image.shape)
        jax.debug.callback(drawn.append, other)
        return other

    explain = (integrated_gradients if times_input else gradient)(APPLY, PARAMS, has_aux=True)
    attribution = explain(IMAGE, LABEL)[1].attribution
    measure = infidelity(APPLY, PARAMS, changed=changed, times_input=times_input, samples=SAMPLES)
    ours = jax.jit(measure)(IMAGE, attribution, LABEL, key=KEY)
    jax.effects_barrier()
    assert len(drawn) == SAMPLES

    perturb = captum.infidelity_perturb_func_decorator(times_input)(lambda inputs: to_torch(np.stack(drawn)))
    for value, normalize in zip(ours, (False, True), strict=True):
        inputs = to_torch(IMAGE[None]), to_torch(attribution[None])
        theirs = captum.infidelity(
            forward, perturb, *inputs, target=LABEL, n_perturb_samples=SAMPLES, normalize=normalize
        )
        assert value == pytest.approx(float(theirs), rel=1e-4)


def test_max_sensitivity():
    seen = []
    explain = gradient(APPLY, PARAMS)

    def recorded(image, label=None, *, key=None):
        jax.debug.callback(seen.append, image)
        return explain(image, label)

    ours = max_sensitivity(recorded, radius=0.05, samples=SAMPLES)(IMAGE, LABEL, key=KEY)
    jax.effects_barrier()
    changed = [image for image in seen if not np.array_equal(image, IMAGE)]
    assert len(changed) == SAMPLES
    assert np.abs(np.stack(changed) - IMAGE[None]).max() <= 0.05 + 1e-6

    def attribute(inputs):
        images = to_jax(inputs[0] if isinstance(inputs, tuple) else inputs)  # captum gives the unchanged one as a tuple
        return (torch.from_numpy(np.array(jax.vmap(explain, (0, None))(images, LABEL))),)

    theirs = captum.sensitivity_max(
        attribute, to_torch(IMAGE[None]), lambda inputs: to_torch(np.stack(changed)), n_perturb_samples=SAMPLES
    )
    assert ours == pytest.approx(float(theirs), rel=1e-4)
