"""Targets: what is differentiated and what is scored."""

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

from groupcam_jax import contrast, group_cam, log_probability, logit, probability, union
from groupcam_jax.checks import known_label
from groupcam_jax.targets import bind, resolve_label

LOGITS = jnp.array([0.5, 2.0, -1.0, 0.0])


def test_values():
    p = jax.nn.softmax(LOGITS)
    assert logit(LOGITS, 1) == 2
    np.testing.assert_allclose(probability(LOGITS, 1), p[1])
    np.testing.assert_allclose(log_probability(LOGITS, 1), jnp.log(p[1]), rtol=1e-5)
    assert contrast(2)(LOGITS, 1) == 3
    np.testing.assert_allclose(contrast(2, of=probability)(LOGITS, 1), p[1] - p[2], rtol=1e-6)
    np.testing.assert_allclose(union([0, 2])(LOGITS, 1), p[0] + p[2], rtol=1e-6)


@pytest.mark.parametrize("label", [-1, 4, 1000])
def test_traced_label_out_of_range_is_nan(label):
    assert jnp.isnan(jax.jit(logit)(LOGITS, label))


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (-1, r"label=-1 but the model has 4 classes; choose 0 <= label < 4"),
        (np.int64(4), r"label=4 but the model has 4 classes"),
        (1.0, r"label must be one class index, got float32\[\]"),
        (jnp.arange(2), r"got int32\[2\]; for a batch use jax.vmap\(explain\)\(images, labels\)"),
    ],
)
def test_bad_labels(label, message):
    with pytest.raises(ValueError, match=message):
        resolve_label(known_label(label), LOGITS)


def test_no_label_means_the_predicted_class():
    assert resolve_label(None, LOGITS) == 1


def test_a_function_of_the_logits_alone_is_a_target():
    assert bind(lambda logits: logits[0] - logits[3], 1)(LOGITS) == 0.5
    assert bind(jnp.max, 0)(LOGITS) == 2
    with pytest.raises(ValueError, match=r"a target maps logits \[classes\] to one number, got an array \[4\]"):
        bind(lambda logits: logits, 1)(LOGITS)


@pytest.mark.parametrize(
    "target", [logit, probability, log_probability, contrast(3), union([1, 2]), lambda logits: logits[2]]
)
def test_group_cam_differentiates_one_target_and_scores_another(target):
    apply, params = models.plain()
    _, aux = group_cam(apply, params, groups=4, target=target, has_aux=True)(models.image(), 2)
    activation, _ = models.below(params, models.image()[None])
    score = bind(target, jnp.asarray(2))
    gradient = jax.grad(lambda a: score(models.above(params, a)[0]))(activation)
    maps = (gradient.mean((0, 1, 2))[None, None] * activation[0]).reshape(12, 12, 4, 2).sum(3)
    np.testing.assert_allclose(aux.masks, jax.nn.relu(maps).transpose(2, 0, 1), atol=1e-6)
    _, scored = group_cam(apply, params, groups=4, score=target, has_aux=True)(models.image(), 2)
    assert not np.allclose(scored.gain, aux.gain) or target is probability
