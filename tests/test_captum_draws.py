"""captum's GradientSHAP, SmoothGrad-squared and VarGrad, given the very draws that ours make; and its occlusion."""

import functools

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

from groupcam_jax import (
    background,
    constant,
    expected_gradients,
    largest_magnitude,
    logit,
    mean_square,
    occlusion,
    smooth_grad,
    variance,
)
from groupcam_jax.stages.masks import unit_range

torch = pytest.importorskip("torch")
attr = pytest.importorskip("captum.attr")

APPLY, PARAMS = models.plain()
IMAGE, LABEL, SAMPLES = models.image(), 2, 12
IMAGES = np.asarray(jnp.stack([models.image(seed=seed) for seed in range(1, 5)]))
KEYS = jax.random.split(jax.random.key(0), SAMPLES)


def to_torch(images):
    """Images `[n, h, w, c]` as PyTorch lays them out."""
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)


def conv(name, x):
    kernel, bias = (torch.from_numpy(np.array(PARAMS[name][part])) for part in ("kernel", "bias"))
    return torch.nn.functional.conv2d(x, kernel.permute(3, 2, 0, 1), bias, padding=1)


def forward(x):
    """The toy network."""
    x = torch.relu(conv("stem", x))
    x = torch.relu(x + conv("conv2", torch.relu(conv("conv1", x))))
    kernel, bias = (torch.from_numpy(np.array(PARAMS["fc"][part])) for part in ("kernel", "bias"))
    return x.mean((2, 3)) @ kernel + bias


def attribution(explain):
    return jax.jit(explain)(IMAGE, LABEL, key=jax.random.key(0))[1].attribution


def assert_agree(ours, theirs):
    theirs = theirs[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.abs(theirs).max())


def test_gradient_shap(monkeypatch):
    baseline_keys, point_keys = jax.vmap(jax.random.split, out_axes=1)(KEYS)
    points = jax.vmap(functools.partial(jax.random.uniform, shape=(), dtype=jnp.float32))(point_keys)
    drawn = [np.asarray(background(IMAGES)(IMAGE, key)) for key in baseline_keys]
    chosen = [np.flatnonzero((one[None] == IMAGES).all((1, 2, 3)))[0] for one in drawn]
    assert len({*chosen}) > 2
    monkeypatch.setattr(np.random, "uniform", lambda *_: np.asarray(points))
    monkeypatch.setattr(np.random, "choice", lambda *_: np.array(chosen))
    theirs = attr.GradientShap(forward).attribute(to_torch(IMAGE[None]), to_torch(IMAGES), SAMPLES, target=LABEL)
    ours = expected_gradients(APPLY, PARAMS, baseline=background(IMAGES), samples=SAMPLES, has_aux=True)
    assert_agree(attribution(ours), theirs)


@pytest.mark.parametrize(("statistic", "kind"), [(mean_square, "smoothgrad_sq"), (variance, "vargrad")])
def test_statistics_of_smooth_grad(monkeypatch, statistic, kind):
    noise_keys, _ = jax.vmap(jax.random.split, out_axes=1)(KEYS)
    noise = jax.vmap(lambda key: jax.random.normal(key, IMAGE.shape))(noise_keys)
    noise = to_torch(0.15 * (IMAGE.max() - IMAGE.min()) * noise)
    monkeypatch.setattr(torch, "normal", lambda *_: noise)
    tunnel = attr.NoiseTunnel(attr.Saliency(forward))
    theirs = tunnel.attribute(to_torch(IMAGE[None]), nt_type=kind, nt_samples=SAMPLES, target=LABEL, abs=False)
    ours = smooth_grad(APPLY, PARAMS, samples=SAMPLES, statistic=statistic)(IMAGE, LABEL, key=jax.random.key(0))
    reduced = largest_magnitude(jnp.asarray(theirs[0].permute(1, 2, 0).numpy()))
    np.testing.assert_allclose(ours, reduced, atol=1e-5)


@pytest.mark.parametrize(("window", "stride"), [((4, 6), (2, 3)), ((3, 4), (3, 4)), ((12, 4), (1, 2))])
def test_occlusion_where_the_strides_fit(window, stride):
    theirs = attr.Occlusion(forward).attribute(
        to_torch(IMAGE[None]), (3, *window), (3, *stride), baselines=0.5, target=LABEL
    )
    explain = occlusion(APPLY, PARAMS, window=window, stride=stride, baseline=constant(0.5), score=logit)
    expected = unit_range(jax.nn.relu(jnp.asarray(theirs[0, 0].numpy())))
    np.testing.assert_allclose(jax.jit(explain)(IMAGE, LABEL), expected, atol=1e-4)
