"""Insertion and deletion against the authors' curves, and by hand."""

import functools

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from seen_object import IMAGE, OBJECT, sees_object
from test_goldens import GOLDEN, lite_network, trained_network

import groupcam_jax as g
from groupcam_jax import constant
from groupcam_jax.metrics import insertion_deletion
from groupcam_jax.metrics.insertion_deletion import curve_places, salient_order

APPLY, PARAMS = models.plain()
PIXELS_PER_STEP = 224 * 8


def reversed_ties(saliency):
    """A saliency without equals, of the same order but that equals come last in reading order first."""
    order = np.flip(np.argsort(saliency.ravel(), kind="stable"))
    ranks = np.empty(saliency.size, np.float32)
    ranks[order] = -np.arange(saliency.size)
    return ranks.reshape(saliency.shape)


def split_ties(saliency):
    """How many pixels have the value at which each step ends, for the steps that end among equals."""
    values = np.flip(np.sort(saliency.ravel()))
    ends = np.arange(PIXELS_PER_STEP, saliency.size, PIXELS_PER_STEP)
    return {end // PIXELS_PER_STEP: (values == values[end]).sum() for end in ends if values[end - 1] == values[end]}


def compare_curves(network, golden):
    """Holds the authors' curves against ours; returns the steps that end among equals.

    NumPy's sort, which the authors take, leaves the order of equals to the processor it runs on. Where a step ends
    between two equal pixels there are two curves, and the authors' must be one of them.
    """
    apply, params, _, preprocess = network
    measure = jax.jit(lambda p, x, s, c: insertion_deletion(apply, p, step_batch=29)(x, s, c))
    found = {}
    for key in golden.files:
        picture, label, name = [*key.split("/"), "", ""][:3]
        if name != "metric_saliency":
            continue
        image, saliency = preprocess(golden[f"{picture}/image_u8"]), golden[key]
        found[f"{picture}/{label}"] = split_ties(saliency)
        orders = (saliency, reversed_ties(saliency)) if split_ties(saliency) else (saliency,)
        ours = [measure(params, image, one, int(label)) for one in orders]
        for mode, theirs in (("insertion", "ins"), ("deletion", "del")):
            curve = golden[f"{picture}/{label}/{theirs}_curve"]
            curves = np.stack([getattr(one, mode) for one in ours])
            nearest = curves[np.abs(curves - curve[None]).argmin(0), np.arange(curve.size)]
            np.testing.assert_allclose(nearest, curve, rtol=0, atol=1e-4, err_msg=key)
            auc = golden[f"{picture}/{label}/{theirs}_auc"]
            np.testing.assert_allclose(getattr(ours[0], f"{mode}_auc"), auc, rtol=0, atol=1e-4, err_msg=key)
            np.testing.assert_allclose(
                jnp.trapezoid(jnp.asarray(curve), curve_places(saliency.size, PIXELS_PER_STEP)), auc, rtol=0, atol=1e-6
            )
    return found


def test_curves_of_the_trained_network(assets):
    with np.load(assets / "goldens" / "trained" / "mobilenet_v2.npz") as golden:
        ties = compare_curves(trained_network(assets), golden)
    assert len(ties) == 6
    assert {key: steps for key, steps in ties.items() if steps} == {"goldfish/1": {22: 2}, "zebra/340": {17: 2}}


def test_curves_of_efficientnet_lite():
    """Its saliencies have a level for each step, so that no step ends among equals."""
    with np.load(GOLDEN / "efficientnet_lite0.npz") as golden:
        ties = compare_curves(lite_network(), golden)
    assert len(ties) == 8
    assert not any(ties.values())


def test_pixels_are_ordered_by_saliency_and_ties_as_they_are_read():
    saliency = jnp.array([[0.5, 1.0, 0.5], [0.0, 0.5, 2.0]])
    np.testing.assert_array_equal(salient_order(saliency), [[2, 1, 3], [5, 4, 0]])
    np.testing.assert_array_equal(salient_order(jnp.zeros((30, 40))).ravel(), np.arange(1200))


def test_a_shorter_last_step_counts_for_less():
    """Five pixels that add .3, .25, .2, .15 and .1 to the score, two of them a step."""
    share = jnp.array([[0.3, 0.25, 0.2, 0.15, 0.1]])
    image = jnp.broadcast_to(share[:, :, None], (1, 5, 3))
    measure = insertion_deletion(
        lambda _, images: images[:, :, :, 0].sum(2),
        (),
        pixels_per_step=2,
        insertion_substrate=constant(0.0),
        score=lambda logits, _: logits[0],
    )
    measured = measure(image, share, 0)
    np.testing.assert_allclose(measured.insertion, [0, 0.55, 0.9, 1], atol=1e-6)
    np.testing.assert_allclose([measured.insertion_auc, measured.deletion_auc], [0.59, 0.41], atol=1e-6)


def expected_curve(brightness):
    return 1 / (1 + np.exp(5 - 10 * np.asarray(brightness)))


@pytest.mark.parametrize("step_batch", [None, 1, 5])
def test_by_hand(step_batch):
    measure = insertion_deletion(
        sees_object, None, pixels_per_step=12, insertion_substrate=g.constant(0.0), step_batch=step_batch
    )
    shown = np.minimum(np.arange(13) * 12, 24) / 24  # the object's 24 pixels come first
    result = jax.jit(measure)(IMAGE, OBJECT, 1)
    np.testing.assert_allclose(result.insertion, expected_curve(shown), atol=1e-5)
    np.testing.assert_allclose(result.deletion, expected_curve(1 - shown), atol=1e-5)
    assert result.insertion_auc == pytest.approx(np.trapezoid(expected_curve(shown), dx=1 / 12), abs=1e-5)
    assert result.overall == pytest.approx(float(result.insertion_auc - result.deletion_auc))


def test_the_perfect_the_inverted_the_constant_and_a_random_map():
    measure = jax.jit(insertion_deletion(sees_object, None, pixels_per_step=12, insertion_substrate=g.constant(0.0)))
    noise = jax.random.uniform(jax.random.key(0), (12, 12))
    perfect, inverted, constant, random = (measure(IMAGE, s, 1) for s in (OBJECT, 1 - OBJECT, 0 * OBJECT, noise))
    assert perfect.overall > random.overall > inverted.overall
    assert perfect.overall > constant.overall > inverted.overall
    rows = np.clip(np.arange(13) - 2, 0, 4) / 4  # a constant map goes row by row, and the object has four
    np.testing.assert_allclose(constant.insertion, expected_curve(rows), atol=1e-5)
    np.testing.assert_allclose(constant.deletion, expected_curve(1 - rows), atol=1e-5)


def test_both_substrates_of_deletion():
    image = OBJECT[:, :, None] * IMAGE
    blur = g.gaussian_blur(kernel_size=5, sigma=2.0)
    measure = functools.partial(insertion_deletion, sees_object, None, pixels_per_step=24, insertion_substrate=blur)
    zeros = jax.jit(measure())(image, OBJECT, 1)
    blurred = jax.jit(measure(deletion_substrate=blur))(image, OBJECT, 1)
    remains = float((blur(image, None)[:, :, 0] * OBJECT).sum() / 24)
    np.testing.assert_allclose(zeros.deletion[-1], expected_curve(0), atol=1e-5)
    np.testing.assert_allclose(blurred.deletion[-1], expected_curve(remains), atol=1e-5)
    np.testing.assert_allclose(blurred.insertion, zeros.insertion, atol=1e-6)
    assert blurred.overall < zeros.overall


def test_a_random_substrate_follows_the_key():
    measure = jax.jit(insertion_deletion(sees_object, None, pixels_per_step=36, insertion_substrate=g.noise(0.5)))
    one, same, other = (measure(IMAGE, OBJECT, 1, key=jax.random.key(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.insertion, same.insertion)
    assert one.insertion[0] != other.insertion[0]
    with pytest.raises(TypeError, match="noise is stochastic and needs a key"):
        measure(IMAGE, OBJECT, 1)


def test_vmap_follows_the_predicted_class():
    images = jnp.stack([models.image(seed=seed) for seed in range(3)])
    saliencies = jax.random.uniform(jax.random.key(0), (3, 12, 12))
    blur = g.gaussian_blur(5, 2.0)
    measure = jax.jit(insertion_deletion(APPLY, PARAMS, pixels_per_step=50, insertion_substrate=blur))
    batch = jax.jit(jax.vmap(measure))(images, saliencies)
    assert batch.insertion.shape == (3, 4)  # 144 pixels in steps of 50, and the start
    for place, (image, saliency) in enumerate(zip(images, saliencies, strict=True)):
        predicted = int(APPLY(PARAMS, image[None])[0].argmax())
        for values, expected in zip(batch, measure(image, saliency, predicted), strict=True):
            np.testing.assert_allclose(values[place], expected, atol=1e-5)


def test_it_says_what_is_wrong():
    measure = insertion_deletion(sees_object, None)
    assert jnp.isnan(jnp.stack(measure(IMAGE, OBJECT.at[3, 3].set(jnp.nan), 1)[2:])).all()
    assert jnp.isnan(measure(IMAGE.at[0, 0].set(jnp.inf), OBJECT, 1).insertion).all()
    with pytest.raises(ValueError, match=r"saliency \[11, 12\] does not fit the image \[12, 12, 3\]"):
        measure(IMAGE, OBJECT[1:], 1)
    with pytest.raises(ValueError, match="label=2 but the model has 2 classes"):
        measure(IMAGE, OBJECT, 2)
    with pytest.raises(ValueError, match="pixels_per_step=0"):
        insertion_deletion(sees_object, None, pixels_per_step=0)
    with pytest.raises(ValueError, match="step_batch=0"):
        insertion_deletion(sees_object, None, step_batch=0)
