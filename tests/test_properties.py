"""What is true of every explainer: the table of methods, times one test a property."""

import functools
import inspect

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from table import METHODS

import groupcam_jax

PLAIN, PARAMS, _ = models.plain()
IMAGES = jnp.stack([models.image(seed=seed) for seed in range(3)])
LABELS = jnp.array([3, 0, 4])
KEYS = jax.random.split(jax.random.key(0), 3)
every_method = pytest.mark.parametrize("name", METHODS)


def build(name, **options):
    return METHODS[name].build(PLAIN, PARAMS, **options)


@functools.cache
def compiled(name):
    """One program a method for most tests, `(image, label, key) -> saliency`, and how often its model was traced."""
    traced = []

    def counted(params, images):
        traced.append(images.shape)
        return PLAIN(params, images)

    explain = METHODS[name].build(counted, PARAMS)
    return jax.jit(lambda image, label, key: explain(image, label, key=key)), traced


def saliency(name, image=IMAGES[0], label=3, key=KEYS[0]):
    return compiled(name)[0](image, jnp.int32(label), key)


def test_table_is_complete():
    builders = {
        name
        for name, thing in vars(groupcam_jax).items()
        if inspect.isfunction(thing) and [*inspect.signature(thing).parameters][-1:] == ["has_aux"]
    }
    assert builders == {name.split()[0] for name in METHODS}


@every_method
def test_jit_equals_eager_and_only_what_draws_needs_a_key(name):
    explain = build(name)
    if METHODS[name].stochastic:
        with pytest.raises(TypeError, match=r"needs a key: explain\(image, label, key=jax.random.key\(0\)\)"):
            explain(IMAGES[0], 3)
    eager = explain(IMAGES[0], 3, key=KEYS[0]) if METHODS[name].stochastic else explain(IMAGES[0], 3)
    np.testing.assert_allclose(eager, saliency(name), atol=2e-5)


@every_method
def test_vmap_equals_a_loop(name):
    looped = jnp.stack([saliency(name, *arguments) for arguments in zip(IMAGES, LABELS, KEYS, strict=True)])
    batched = jax.jit(jax.vmap(compiled(name)[0]))(IMAGES, LABELS, KEYS)
    np.testing.assert_allclose(batched, looped, atol=2e-5)


@every_method
def test_the_predicted_class_of_a_picture_that_is_not_square(name):
    image = models.image(12, 12 if "given segments" in name else 15, seed=4)
    explain = build(name, has_aux=True)
    one, aux = jax.jit(lambda image, key: explain(image, key=key))(image, KEYS[0])
    logits = PLAIN(PARAMS, image[None])[0]
    assert aux.label == logits.argmax()
    np.testing.assert_allclose(aux.logits, logits, atol=1e-5)
    assert one.shape == image.shape[:2]
    assert one.dtype == jnp.float32
    assert jnp.isfinite(one).all()
    assert 0.5 < jnp.abs(one).max() <= 1, "it is scaled, and not flat"
    assert one.min() >= (-1 if METHODS[name].signed else 0)
    if METHODS[name].signed:
        assert one.min() < 0


@every_method
def test_classes_are_told_apart(name):
    maps = [saliency(name, label=label) for label in range(5)]
    differ = any(not np.allclose(one, maps[0], atol=1e-3) for one in maps[1:])
    assert differ == METHODS[name].labelled


@every_method
def test_float32_out_of_bfloat16_in(name):
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), PARAMS)
    explain = jax.jit(METHODS[name].build(PLAIN, params))
    one = explain(IMAGES[0].astype(jnp.bfloat16), 3, key=KEYS[0])
    assert one.dtype == jnp.float32
    assert jnp.isfinite(one).all()


@every_method
def test_second_call_traces_and_compiles_nothing(name):
    program, traced = compiled(name)
    saliency(name, IMAGES[1], 1, KEYS[1])
    saliency(name, IMAGES[2], 2, KEYS[2])
    assert program._cache_size() == 1
    assert len(traced) == (2 if "smooth_grad" in name and "pp" not in name else 1), "SmoothGrad's inside is another"


@every_method
def test_same_key_same_map_and_another_key_another(name):
    np.testing.assert_array_equal(saliency(name), saliency(name))
    keyed = [[saliency(name, label=label, key=key) for key in KEYS] for label in range(5)]
    differ = any(not np.array_equal(first, other) for first, *others in keyed for other in others)
    assert differ == METHODS[name].stochastic


@every_method
@pytest.mark.parametrize(
    ("image", "label", "message"),
    [
        (IMAGES, 3, r"explain takes one image \[h, w, c\], got \[3, 12, 12, 3\]; for a batch use jax.vmap"),
        (jnp.zeros((12, 12)), 3, r"explain takes one image \[h, w, c\], got \[12, 12\]"),
        (jnp.zeros((12, 12, 3), jnp.uint8), 3, "the image must be floating.*got uint8"),
        (IMAGES[0], 5, "label=5 but the model has 5 classes; choose 0 <= label < 5"),
        (IMAGES[0], -1, "label=-1 but the model has 5 classes"),
        (IMAGES[0], 1.5, "label must be one class index, got float32"),
    ],
)
def test_bad_input_says_what_to_do(name, image, label, message):
    with pytest.raises(ValueError, match=message):
        build(name)(image, label, key=KEYS[0])


@every_method
def test_broken_input_gives_nan_and_no_plausible_map(name):
    assert jnp.isnan(saliency(name, IMAGES[0].at[2, 3, 1].set(jnp.nan))).all()
    assert jnp.isnan(saliency(name, IMAGES[0].at[2, 3, 1].set(jnp.inf))).all()
    assert jnp.isnan(saliency(name, label=5)).all()
    assert jnp.isnan(saliency(name, label=-1)).all()


@every_method
def test_a_picture_of_nothing_is_finite(name):
    assert jnp.isfinite(saliency(name, jnp.zeros((12, 12, 3)))).all()


@every_method
def test_a_channel_first_model_gets_the_same_map(name):
    bundle = models.equinox()
    layout = inspect.signature(METHODS[name].build).parameters
    options = {"data_format": bundle.data_format} if "data_format" in layout else {}
    explain = jax.jit(METHODS[name].build(bundle.apply, bundle.params, **options))
    np.testing.assert_allclose(explain(IMAGES[0], 3, key=KEYS[0]), saliency(name), atol=2e-4)
