"""Each stage against cases worked out by hand."""

import dm_pix
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from groupcam_jax import constant, contiguous, gaussian_blur, kmeans, noise
from groupcam_jax.division import divided
from groupcam_jax.stages.groups import group_masks
from groupcam_jax.stages.masks import denoise, unit_range, upsample
from groupcam_jax.stages.merge import merge
from groupcam_jax.stages.perturb import blur_kernel, reveal


def test_denoise_keeps_what_lies_above_the_percentile():
    mask = jnp.arange(1.0, 12.0).reshape(1, 11)  # the 70th percentile of 1..11 is 8
    np.testing.assert_array_equal(denoise(mask, 70.0)[0], [0] * 8 + [9, 10, 11])
    np.testing.assert_array_equal(denoise(mask, 75.0)[0], [0] * 8 + [9, 10, 11])  # 8.5: between two values
    np.testing.assert_array_equal(denoise(mask, None), mask)
    assert jnp.isnan(denoise(mask.at[0, 3].set(jnp.nan), 70.0)[0, 3])


def test_upsample_is_bilinear_between_pixel_centers():
    np.testing.assert_allclose(upsample(jnp.array([[0.0, 1.0]]), (2, 4)), [[0, 0.25, 0.75, 1]] * 2, atol=1e-6)


def test_a_part_of_nothing_has_a_gradient():
    part, total = jnp.array([1.0, 2.0]), jnp.array([0.0, 4.0])
    np.testing.assert_array_equal(divided(part, total, otherwise=7.0), [7, 0.5])
    np.testing.assert_array_equal(jax.grad(lambda total: divided(part, total).sum())(total), [0, -0.125])


def test_unit_range():
    np.testing.assert_allclose(unit_range(jnp.array([[-1.0, 1.0], [0.0, 3.0]])), [[0, 0.5], [0.25, 1]])
    np.testing.assert_array_equal(unit_range(jnp.full((2, 2), 7.0)), jnp.zeros((2, 2)))
    assert jnp.isnan(unit_range(jnp.array([[jnp.nan, 1.0]]))).all()
    assert jnp.isfinite(jax.grad(lambda mask: unit_range(mask).sum())(jnp.zeros((2, 2)))).all()


@pytest.mark.parametrize(
    ("channels", "groups", "sizes"), [(8, 4, [2] * 4), (10, 4, [3, 3, 3, 1]), (9, 4, [3] * 3), (5, 5, [1] * 5)]
)
def test_contiguous_groups_are_those_of_torch_chunk(channels, groups, sizes):
    members = contiguous(jnp.zeros((2, 2, channels)), groups, None)
    assert members.sum(0).tolist() == sizes
    assert members.argmax(1).tolist() == [group for group, size in enumerate(sizes) for _ in range(size)]


def test_group_masks_sum_and_rectify():
    maps = jnp.array([[[1.0, 2.0, -5.0, 1.0]]])
    members = contiguous(maps, 2, None)
    np.testing.assert_array_equal(group_masks(maps, members), [[[3]], [[0]]])


def test_kmeans_finds_the_clusters_and_puts_each_channel_in_one():
    centers = jnp.eye(4).reshape(2, 2, 4)  # four channels that light one pixel each
    order = jax.random.permutation(jax.random.key(1), jnp.repeat(jnp.arange(4), 5))
    maps = centers[:, :, order] * jnp.linspace(0.5, 2, 20)[None, None] + 0.01 * jax.random.normal(
        jax.random.key(2), (2, 2, 20)
    )
    group = jax.jit(lambda maps, key: kmeans()(maps, 4, key))
    for seed in range(5):
        members = group(maps, jax.random.key(seed))
        assert members.sum(1).tolist() == [1] * 20
        same = members @ members.T
        np.testing.assert_array_equal(same, order[:, None] == order[None])


def test_kmeans_is_keyed_jits_and_vmaps():
    maps = jax.random.normal(jax.random.key(0), (3, 4, 4, 12))
    keys = jax.random.split(jax.random.key(1), 3)
    group = jax.jit(lambda maps, key: kmeans(5)(maps, 3, key))
    looped = jnp.stack([group(m, k) for m, k in zip(maps, keys, strict=True)])
    np.testing.assert_array_equal(jax.jit(jax.vmap(group))(maps, keys), looped)
    np.testing.assert_array_equal(group(maps[0], keys[0]), group(maps[0], keys[0]))
    with pytest.raises(TypeError, match=r"kmeans is stochastic and needs a key: pass key="):
        kmeans()(maps[0], 3, None)
    assert jnp.isfinite(kmeans()(jnp.zeros((2, 2, 6)), 3, keys[0])).all()  # no channel says anything


def test_gaussian_blur_is_the_windowed_mean_with_a_mirrored_border():
    image = jax.random.normal(jax.random.key(0), (9, 7, 3))
    weights = np.exp(-(np.arange(-2, 3) ** 2) / (2 * 1.5**2))
    window = np.outer(weights, weights)[:, :, None] / weights.sum() ** 2
    padded = np.pad(np.asarray(image), ((2, 2), (2, 2), (0, 0)), mode="reflect")
    expected = [[(padded[i : i + 5, j : j + 5] * window).sum((0, 1)) for j in range(7)] for i in range(9)]
    np.testing.assert_allclose(gaussian_blur(5, 1.5)(image, None), np.array(expected), atol=1e-5)


@pytest.mark.parametrize(("kernel_size", "sigma"), [(51, 50.0), (11, 0.3)])
def test_gaussian_blur_is_that_of_dm_pix(kernel_size, sigma):
    image = jax.random.normal(jax.random.key(0), (60, 70, 3))
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        expected = dm_pix.gaussian_blur(image, sigma, kernel_size, padding="VALID")
    inside = slice(kernel_size // 2, -(kernel_size // 2))
    blurred = gaussian_blur(kernel_size, sigma)(image, None)[inside, inside]
    np.testing.assert_allclose(blurred, expected, atol=1e-6)


def test_the_kernel_is_made_in_full_precision_while_a_caller_is_traced(monkeypatch):
    made, original = [], dm_pix.gaussian_blur

    def spied(*arguments, **options):
        made.append(jax.config.values["jax_default_matmul_precision"])
        return original(*arguments, **options)

    monkeypatch.setattr(dm_pix, "gaussian_blur", spied)
    blur_kernel.cache_clear()
    image = jax.random.normal(jax.random.key(0), (2, 9, 7, 3))
    blur = jax.vmap(lambda image: gaussian_blur(7, 1.25)(image, None))
    blurred = jax.jit(blur)(image)
    assert made == ["highest"]  # once for both axes; else a TPU would round the kernel to 8 bits
    blur_kernel.cache_clear()
    with jax.disable_jit():
        np.testing.assert_allclose(blur(image), blurred, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 30, 3), (5, 3, 2)])
def test_gaussian_blur_of_an_image_smaller_than_its_window(shape):
    blurred = gaussian_blur(51, 50.0)(jnp.full(shape, 2.0), None)
    np.testing.assert_allclose(blurred, jnp.full(shape, 2.0), rtol=1e-5)


@pytest.mark.parametrize("options", [{"kernel_size": 50}, {"kernel_size": -1}, {"sigma": 0.0}, {"sigma": float("nan")}])
def test_gaussian_blur_refuses(options):
    with pytest.raises(ValueError, match=r"expected (an odd|a positive) number of pixels"):
        gaussian_blur(**options)


def test_other_baselines():
    image = jnp.ones((40, 50, 3))
    np.testing.assert_array_equal(constant(0.5)(image, None), jnp.full_like(image, 0.5))
    drawn = noise(2.0)(image, jax.random.key(0))
    assert drawn.shape == image.shape
    assert abs(drawn.std() - 2) < 0.1
    with pytest.raises(TypeError, match="noise is stochastic"):
        noise()(image, None)


def test_reveal_and_merge():
    image, hidden = jnp.full((1, 2, 3), 4.0), jnp.full((1, 2, 3), 2.0)
    np.testing.assert_array_equal(reveal(image, hidden, jnp.array([[1.0, 0.25]]))[0, :, 0], [4, 2.5])
    masks = jnp.array([[[1.0, 0.0]], [[0.5, 1.0]]])
    np.testing.assert_allclose(merge(jnp.array([0.5, -0.4]), masks), [[0.3, 0]], atol=1e-6)
