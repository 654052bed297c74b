"""Targets: what is differentiated and what is scored."""

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

from groupcam_jax import contrast, finer, grad_cam, group_cam, log_probability, logit, probability, union
from groupcam_jax.checks import known_label
from groupcam_jax.stages.masks import unit_range
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


def test_finer_takes_off_the_mean_of_the_nearest_logits():
    for label, nearest in enumerate([[3, 1], [0, 3], [3, 0], [0, 2]]):  # 0 is as near to 3 as 2: the first counts
        expected = LOGITS[label] - 0.25 * LOGITS[jnp.array(nearest)].mean()
        np.testing.assert_allclose(finer(similar=2, strength=0.25)(LOGITS, label), expected, rtol=1e-6)
    others = [0, 2, 3]  # of four classes all others are the three nearest, and the more than three
    for similar in (3, 50):
        np.testing.assert_allclose(finer(similar=similar)(LOGITS, 1), 2 - 0.6 * LOGITS[jnp.array(others)].mean())
    assert finer(strength=0.0)(LOGITS, 1) == logit(LOGITS, 1)
    assert finer(similar=1, strength=1.0, of=probability)(LOGITS, 2) == contrast(3, of=probability)(LOGITS, 2)
    np.testing.assert_allclose(finer()(jnp.array([3.0]), 1), 1.5 * 1.6)  # of a binary classifier
    assert jnp.isnan(jax.jit(finer())(LOGITS, 4))
    equal = jnp.array([1.0, 1.0, 0.0])
    assert jax.grad(finer(similar=1))(equal, 1).tolist() == pytest.approx([-0.6, 1, 0])


def test_finer_compares_with_other_classes_that_are_not_masked():
    masked = jnp.array([0.5, -jnp.inf, 2.0, -jnp.inf])
    np.testing.assert_allclose(finer()(masked, 2), 2 - 0.6 * 0.5, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(finer())(masked, 2), [-0.6, 0, 1, 0], rtol=1e-6)
    alone, slope = jax.value_and_grad(finer())(masked[1:], 1)
    assert alone == 2
    assert slope.tolist() == [0, 1, 0]
    assert jnp.isnan(finer(similar=1)(jnp.array([0.5, jnp.nan, 2.0]), 2))
    many = jnp.arange(1000.0)
    assert jax.jit(finer(similar=1))(many, jnp.int8(100)) == finer(similar=1)(many, 100)


def test_finer_cam_is_the_cam_of_the_differences():
    apply, params = models.plain()
    logits = apply(params, models.image()[None])[0]
    activation, weights = models.below(params, models.image()[None])[0][0], params["fc"]["kernel"]
    for label in range(5):
        nearest = np.argsort(np.abs(logits - logits[label]))[1:4]
        heat = jax.nn.relu(activation @ (weights[:, label] - 0.6 * weights[:, nearest].mean(1)))
        saliency = grad_cam(apply, params, target=finer())(models.image(), label)
        np.testing.assert_allclose(saliency, unit_range(heat), atol=1e-5)


def test_options_of_finer():
    with pytest.raises(ValueError, match="similar=0: expected at least 1"):
        finer(similar=0)
    with pytest.raises(ValueError, match="strength=inf: expected a finite number"):
        finer(strength=float("inf"))


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
    "target", [logit, probability, log_probability, contrast(3), union([1, 2]), finer(), lambda logits: logits[2]]
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
