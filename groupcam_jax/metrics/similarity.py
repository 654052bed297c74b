"""How similar two saliencies are, as the sanity checks measure it (Adebayo et al., arXiv:1810.03292, section 3).

    Spearman   the correlation of the pixels' ranks; ties share their mean rank
    SSIM       structural similarity, of maps in [0, 1]
    HOG        the correlation of histograms of oriented gradients: 8 directions, cells of 16 x 16 pixels

All are 1 for equal maps, but for HOG where all cells of a map are alike, as those of noise are: then it is 0. So is the
correlation with a constant map. A map that is not finite gives NaN.
"""

from typing import NamedTuple

import dm_pix
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from groupcam_jax.checks import check_count
from groupcam_jax.division import at_most_one
from groupcam_jax.types import Saliency, Scalar

DIRECTIONS = 8  # of gradients, over half a turn


class Similarity(NamedTuple):
    """The three measures of one pair of maps, or of several along the first axis."""

    spearman: Float[Array, "*pairs"]
    ssim: Float[Array, "*pairs"]
    hog: Float[Array, "*pairs"]


def similarity(one: Saliency, other: Saliency, cell: int = 16) -> Similarity:
    """Compares two maps in [0, 1] of at least 11 x 11 pixels, by HOG in cells of `cell` x `cell`.

    Raises:
      ValueError: cell below 1, or above a side of the maps.
    """
    return Similarity(spearman(one, other), ssim(one, other), hog_similarity(one, other, cell))


def spearman(one: Saliency, other: Saliency) -> Scalar:
    """Spearman's rank correlation, in [-1, 1]."""
    return unless_broken(correlation(ranks(one), ranks(other)), one, other)


def ssim(one: Saliency, other: Saliency) -> Scalar:
    """Structural similarity (Wang et al., 2004) of maps in [0, 1] of at least 11 x 11 pixels."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # dm_pix relies on both
        return jnp.asarray(dm_pix.ssim(one[:, :, None], other[:, :, None]))


def hog_similarity(one: Saliency, other: Saliency, cell: int = 16) -> Scalar:
    """The correlation of the two maps' histograms of oriented gradients, in [-1, 1].

    Raises:
      ValueError: cell below 1, or above a side of the maps.
    """
    return unless_broken(correlation(oriented_gradients(one, cell), oriented_gradients(other, cell)), one, other)


def ranks(saliency: Saliency) -> Float[Array, " pixels"]:
    """The rank of every pixel, from 0; ties share their mean rank."""
    values = saliency.ravel()
    ordered = jnp.sort(values)
    first, behind = (jnp.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    return (first + behind - 1).astype(jnp.float32) / 2


def oriented_gradients(saliency: Saliency, cell: int) -> Float[Array, " features"]:
    """Histograms of oriented gradients (Dalal and Triggs, 2005), each cell clipped at 0.2 of its length (L2-Hys).

    Pixels beyond the last whole cell are left out.

    Raises:
      ValueError: see `hog_similarity`.
    """
    check_count("cell", cell)
    if min(saliency.shape) < cell:
        raise ValueError(
            f"cell={cell}, but the saliency is {[*saliency.shape]}: no cell is whole; choose a smaller one"
        )
    saliency = jnp.asarray(saliency, jnp.float32)  # differences of unsigned integers would wrap around
    down = jnp.pad(saliency[2:] - saliency[:-2], ((1, 1), (0, 0)))
    across = jnp.pad(saliency[:, 2:] - saliency[:, :-2], ((0, 0), (1, 1)))
    size = jnp.hypot(down, across)
    upward = jnp.where(down == 0, jnp.abs(across), jnp.sign(down) * across)  # opposite gradients count as one direction
    direction = jnp.arctan2(jnp.abs(down), upward) * (DIRECTIONS / jnp.pi)
    place = jnp.minimum(jnp.floor(direction), DIRECTIONS - 1)  # just under a half turn may round up to one
    member = place[None] == jnp.arange(DIRECTIONS, dtype=jnp.float32)[:, None, None]
    rows, columns = saliency.shape[0] // cell, saliency.shape[1] // cell
    votes = jnp.where(member, size[None], 0)[:, : rows * cell, : columns * cell]
    cells = votes.reshape(DIRECTIONS, rows, cell, columns, cell).mean((2, 4))
    return unit_length(jnp.minimum(unit_length(cells), 0.2)).ravel()


def unit_length(vectors: Array) -> Array:
    """Scales vectors along the first axis to length 1; zeros stay zero."""
    return vectors / jnp.sqrt((vectors**2).sum(0, keepdims=True) + 1e-10)


def correlation(one: Array, other: Array) -> Scalar:
    """Pearson's correlation; 0 if either array varies by no more than rounding errors."""
    one, other = at_most_one(one), at_most_one(other)
    parts = [values - values.mean() for values in (one, other)]
    scale = jnp.sqrt((parts[0] ** 2).sum() * (parts[1] ** 2).sum())
    both = varies(one) & varies(other)
    return jnp.where(both, (parts[0] * parts[1]).sum() / jnp.where(both, scale, 1), 0)


def varies(values: Array) -> Bool[Array, ""]:
    """Whether values differ by more than rounding errors."""
    values = at_most_one(values)
    return ((values - values.mean()) ** 2).sum() > 1e-12 * (values**2).sum()


def unless_broken(value: Scalar, one: Saliency, other: Saliency) -> Scalar:
    """The value, or NaN if a map is not finite, which ranks and histograms would hide."""
    return jnp.where((jnp.isfinite(one) & jnp.isfinite(other)).all(), value, jnp.nan)
