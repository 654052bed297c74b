"""Group-CAM on a small network: what its options mean, and what it does with unusual input."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

from groupcam_jax import constant, group_cam, in_dtype, kmeans, noise, probability, released_group_cam
from groupcam_jax.stages.masks import unit_range

APPLY, PARAMS = models.plain()
build = functools.partial(group_cam, APPLY, PARAMS, groups=4)


def test_aux_holds_what_the_saliency_is_made_of():
    saliency, aux = build(has_aux=True, percentile=None, baseline=constant(0.0))(models.image(), 3)
    assert aux.label == 3
    np.testing.assert_allclose(aux.logits, APPLY(PARAMS, models.image()[None])[0], atol=1e-6)
    masks = jax.vmap(unit_range)(aux.masks)  # the layer is as large as the image: nothing to upsample
    shown = models.image()[None] * masks[:, :, :, None]
    seen = [probability(logits, 3) for logits in APPLY(PARAMS, jnp.concatenate([jnp.zeros_like(shown[:1]), shown]))]
    np.testing.assert_allclose(aux.gain, jnp.stack(seen[1:]) - seen[0], atol=1e-6)
    merged = jax.nn.relu(jnp.tensordot(aux.gain, masks, 1))
    np.testing.assert_allclose(saliency, unit_range(merged), atol=1e-5)


def test_no_label_explains_the_predicted_class():
    predicted = int(APPLY(PARAMS, models.image()[None])[0].argmax())
    np.testing.assert_array_equal(build()(models.image()), build()(models.image(), predicted))


@pytest.mark.parametrize("groups", [1, 3, 5, 8])
def test_groups_need_not_divide_the_channels(groups):
    _, aux = group_cam(APPLY, PARAMS, groups=groups, has_aux=True)(models.image(), 1)
    maps = models.below(PARAMS, models.image()[None])[0][0] * PARAMS["fc"]["kernel"][:, 1][None, None] / 144
    size = -(-8 // groups)
    by_hand = [jax.nn.relu(maps[..., start : start + size].sum(2)) for start in range(0, 8, size)]
    np.testing.assert_allclose(aux.masks, jnp.stack(by_hand), atol=1e-6)


@pytest.mark.parametrize("mask_batch", [1, 2, 3, 4, 5, 100])
def test_mask_batch_changes_nothing(mask_batch):
    expected = jax.jit(build())(models.image(), 2)
    np.testing.assert_allclose(jax.jit(build(mask_batch=mask_batch))(models.image(), 2), expected, atol=1e-5)


def test_half_precision_weighs_its_channels_in_float32():
    """Products of small weights and activations vanish in float16: cast first, then multiply."""
    small = {**PARAMS, "fc": {**PARAMS["fc"], "kernel": 1e-3 * PARAMS["fc"]["kernel"]}}
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.float16), small)
    image = models.image().astype(jnp.float16)
    _, aux = group_cam(APPLY, half, groups=1, has_aux=True)(image, 2)
    _, exact = group_cam(APPLY, small, groups=1, has_aux=True)(image.astype(jnp.float32), 2)
    assert np.corrcoef(aux.masks.ravel(), exact.masks.ravel())[0, 1] > 0.9999


def test_bfloat16_passes_stay_close_and_return_float32():
    saliency, aux = group_cam(in_dtype(APPLY, jnp.bfloat16), PARAMS, groups=4, has_aux=True)(models.image(), 2)
    expected, exact = build(has_aux=True)(models.image(), 2)
    assert saliency.dtype == aux.gain.dtype == jnp.float32
    assert 0 < jnp.abs(aux.gain - exact.gain).max() < 0.02
    assert np.corrcoef(saliency.ravel(), expected.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("shape", [(5, 17, 3), (31, 2, 3), (1, 9, 3), (1, 1, 3)])
def test_any_size(shape):
    saliency = jax.jit(build())(models.image(*shape), 0)
    assert saliency.shape == shape[:2]
    assert jnp.isfinite(saliency).all()


def test_one_channel_image_and_one_pixel_wide_activation():
    class Narrow(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.relu(nn.Conv(6, (3, 3), strides=(1, 4))(x))
            return nn.Dense(4)(x.mean((1, 2)))

    image = models.image(12, 4, 1)
    params = Narrow().init(jax.random.key(0), image[None])
    saliency, aux = jax.jit(group_cam(Narrow().apply, params, groups=3, has_aux=True))(image)
    assert aux.masks.shape == (3, 12, 1)
    assert saliency.shape == (12, 4)
    assert saliency.max() == 1


@pytest.mark.parametrize("value", [jnp.nan, jnp.inf, -jnp.inf])
@pytest.mark.parametrize("swallow", [False, True])
def test_image_that_is_not_finite_gives_nan(value, swallow):
    apply = (lambda p, x: APPLY(p, jnp.where(jnp.abs(x) < 1e3, x, 0))) if swallow else APPLY
    explain = group_cam(apply, PARAMS, groups=4, layer="block")
    assert jnp.isnan(jax.jit(explain)(models.image().at[5, 3, 1].set(value))).all()
    assert not jnp.isnan(jax.jit(explain)(models.image())).any()


def test_dead_groups_and_constant_images_give_zeros():
    dead = jax.tree.map(jnp.zeros_like, PARAMS)
    np.testing.assert_array_equal(group_cam(APPLY, dead, groups=4)(models.image(), 1), jnp.zeros((12, 12)))
    pointwise = {
        **PARAMS,
        **{name: {**PARAMS[name], "kernel": PARAMS[name]["kernel"][1:2, 1:2]} for name in ("stem", "conv1", "conv2")},
    }
    flat = jnp.full((12, 12, 3), 0.3)  # without borders to tell pixels apart, the maps are flat
    np.testing.assert_array_equal(group_cam(APPLY, pointwise, groups=4)(flat, 1), jnp.zeros((12, 12)))


def test_one_dead_group_changes_no_other():
    half = {**PARAMS, "fc": {**PARAMS["fc"], "kernel": PARAMS["fc"]["kernel"].at[:2].set(0)}}
    saliency, aux = group_cam(APPLY, half, groups=4, has_aux=True)(models.image(), 1)
    np.testing.assert_array_equal(aux.masks[0], jnp.zeros((12, 12)))
    assert abs(aux.gain[0]) < 1e-6
    assert jnp.isfinite(saliency).all()


@pytest.mark.parametrize("label", [-1, 5])
def test_label_out_of_range(label):
    with pytest.raises(ValueError, match=f"label={label} but the model has 5 classes"):
        build()(models.image(), label)
    assert jnp.isnan(jax.jit(build())(models.image(), label)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": 0}, "groups=0: expected at least 1"),
        ({"percentile": 101.0}, r"percentile=101.0: expected 0 <= percentile <= 100"),
        ({"percentile": float("nan")}, "percentile=nan"),
        ({"mask_batch": 0}, "mask_batch=0: expected at least 1"),
    ],
)
def test_bad_options_are_refused_when_building(options, message):
    with pytest.raises(ValueError, match=message):
        group_cam(APPLY, PARAMS, **options)


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (
            jnp.zeros((2, 12, 12, 3)),
            {},
            r"one image \[h, w, c\], got \[2, 12, 12, 3\]; for a batch use jax.vmap\(explain\)",
        ),
        (jnp.zeros((12, 12)), {}, r"one image \[h, w, c\], got \[12, 12\]"),
        (jnp.zeros((0, 12, 3)), {}, r"got \[0, 12, 3\]"),
        (jnp.zeros((12, 12, 3), jnp.uint8), {}, "must be floating, normalised as the model expects it, got uint8"),
        (models.image(), {"groups": 9}, "groups=9 but layer .* has 8 channels; choose at most 8"),
        (models.image(), {"layer": "layer5"}, "layer 'layer5': no such scope"),
    ],
)
def test_bad_input_is_refused_when_explaining(image, options, message):
    with pytest.raises(ValueError, match=message):
        group_cam(APPLY, PARAMS, **{"groups": 4, **options})(image)


@pytest.mark.parametrize("options", [{"grouping": kmeans()}, {"baseline": noise()}])
def test_options_that_draw_need_a_key_and_repeat_with_it(options):
    explain = jax.jit(build(**options))
    with pytest.raises(TypeError, match="is stochastic and needs a key"):
        explain(models.image())
    first, again = (explain(models.image(), key=jax.random.key(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    images, keys = jnp.stack([models.image()] * 3), jax.random.split(jax.random.key(0), 3)
    batch = jax.vmap(lambda image, key: explain(image, key=key))(images, keys)
    np.testing.assert_allclose(batch[1], explain(images[1], key=keys[1]), atol=1e-5)


def test_released_version_merges_the_masks_as_they_came_with_their_gains():
    released = released_group_cam(APPLY, PARAMS, groups=4, has_aux=True)
    saliency, aux = released(models.image(), 2)
    merged = jnp.tensordot(jax.nn.relu(aux.gain), aux.masks, 1)
    np.testing.assert_allclose(saliency, unit_range(merged), atol=1e-5)
