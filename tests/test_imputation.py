"""Linear imputation against a direct sparse solver, the published code's numbers, and cases worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve

from groupcam_jax.metrics.imputation import impute, surroundings

WEIGHTS = {(-1, -1): 1, (-1, 0): 2, (-1, 1): 1, (0, -1): 2, (0, 1): 2, (1, -1): 1, (1, 0): 2, (1, 1): 1}  # of 12


def solved(image, missing):
    """The system as the paper has it, one equation a missing pixel, solved directly in double precision."""
    height, width, _ = image.shape
    numbers = np.cumsum(missing).reshape(missing.shape) - 1
    entries, right = [], np.zeros((missing.sum(), image.shape[2]))
    for row, column in np.argwhere(missing):
        i = numbers[row, column]
        for (down, across), weight in WEIGHTS.items():
            y, x = row + down, column + across
            if 0 <= y < height and 0 <= x < width:
                entries.append((i, i, weight))
                if missing[y, x]:
                    entries.append((i, numbers[y, x], -weight))
                else:
                    right[i] += weight * image[y, x]
    rows, columns, values = np.array(entries).T
    matrix = coo_array((values.astype(float), (rows, columns))).tocsc()
    filled = image.astype(float)
    filled[missing] = spsolve(matrix, right)
    return filled


def smooth(size, seed):
    return np.asarray(jax.image.resize(jax.random.normal(jax.random.key(seed), (7, 7)), size, "bilinear"))


def pictures(size):
    return np.asarray(jax.random.normal(jax.random.key(0), (*size, 3)) + 0.5)


def largest(values, share):
    return values > np.quantile(values, 1 - share)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("kind", ["blobs", "dust"])
@pytest.mark.parametrize("size", [(48, 48), (37, 53)])
def test_it_solves_the_published_system(size, kind, share):
    values = smooth(size, 1) if kind == "blobs" else np.random.default_rng(1).random(size)
    image, missing = pictures(size), largest(values, share)
    filled = jax.jit(impute)(image, missing)
    np.testing.assert_array_equal(filled[~missing], image[~missing])
    np.testing.assert_allclose(filled, solved(image, missing), atol=1e-4)


def test_it_solves_the_published_system_of_a_photograph_s_size():
    image, missing = pictures((224, 224)), largest(smooth((224, 224), 2), 0.8)
    filled = jax.jit(impute)(image, missing)
    np.testing.assert_allclose(filled, solved(image, missing), atol=1e-4)
    known = jnp.asarray(filled) - image.mean()
    residual = jax.vmap(lambda plane: surroundings(jnp.ones_like(plane)) * plane - surroundings(plane), 2, 2)(known)
    right = jax.vmap(surroundings, 2, 2)(jnp.where(missing[:, :, None], 0, known))
    assert jnp.linalg.norm(residual[missing]) < 1e-5 * jnp.linalg.norm(right[missing])


def test_it_fills_in_what_pytorch_grad_cam_does():
    """Numbers of pytorch-grad-cam 1.5.7: `NoisyLinearImputer(noise=0)` of this image."""
    image = np.array([[0, 7, 14, 1, 8], [15, 2, 9, 16, 3], [10, 17, 4, 11, 18], [5, 12, 19, 6, 13]], np.float32)
    missing = np.array([[0, 0, 0, 0, 1], [1, 1, 0, 0, 0], [1, 1, 1, 1, 0], [0, 0, 1, 1, 1]], bool)
    expected = [
        [0, 7, 14, 1, 4.8],
        [5.861196, 7.901304, 9, 16, 3],
        [7.483135, 9.120691, 11.368731, 13.151058, 18],
        [5, 12, 12.080763, 13.818444, 15.35759],
    ]
    np.testing.assert_allclose(jax.jit(impute)(image[:, :, None], missing)[:, :, 0], expected, atol=1e-5)


def test_one_missing_pixel_is_the_weighted_mean_of_its_neighbours():
    image, fill = jnp.arange(9.0).reshape(3, 3, 1) ** 2, jax.jit(impute)
    centre = jnp.zeros((3, 3), bool).at[1, 1].set(True)
    assert fill(image, centre)[1, 1, 0] == pytest.approx((0 + 4 + 36 + 64 + 2 * (1 + 9 + 25 + 49)) / 12, abs=1e-4)
    corner = jnp.zeros((3, 3), bool).at[0, 0].set(True)
    assert fill(image, corner)[0, 0, 0] == pytest.approx((2 * 1 + 2 * 9 + 16) / 5, abs=1e-4)


def test_what_is_missing_does_not_matter_and_nothing_missing_changes_nothing():
    image, fill = jnp.asarray(pictures((12, 12))), jax.jit(impute)
    hole = jnp.zeros((12, 12), bool).at[3:8, 2:9].set(True)
    other = jnp.where(hole[:, :, None], jnp.nan, image)
    np.testing.assert_array_equal(fill(image, hole), fill(other, hole))
    np.testing.assert_array_equal(fill(image, jnp.zeros((12, 12), bool)), image)
    np.testing.assert_allclose(fill(jnp.full((12, 12, 1), 2.5), hole), 2.5, atol=1e-5)


def test_weights_are_those_of_the_paper():
    at = jnp.zeros((3, 3)).at[1, 1].set(1)
    np.testing.assert_allclose(
        surroundings(at) / 12, [[1 / 12, 1 / 6, 1 / 12], [1 / 6, 0, 1 / 6], [1 / 12, 1 / 6, 1 / 12]]
    )
    np.testing.assert_array_equal(surroundings(jnp.ones((2, 3))), [[5, 8, 5], [5, 8, 5]])
