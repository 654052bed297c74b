"""A map on a coarse grid of square cells, as it is moved by gradients: see `refined`."""

import jax
import jax.numpy as jnp

from groupcam_jax.types import Heat, Saliency, Scalar


def grid_sides(shape: tuple[int, ...], cells: int) -> tuple[int, int]:
    """The sides of a grid of square cells over an image `[h, w, c]`: `cells` or all pixels on the shorter side."""
    height, width = shape[:2]
    shorter = min(height, width)
    return round(min(cells, shorter) * height / shorter), round(min(cells, shorter) * width / shorter)


def smooth(grid: Heat) -> Heat:
    """Smooths along both axes by (1, 2, 1) / 4; beyond a border its cells are repeated."""
    grid = jnp.pad(grid, 1, mode="edge")
    grid = grid[:-2] + 2 * grid[1:-1] + grid[2:]
    return (grid[:, :-2] + 2 * grid[:, 1:-1] + grid[:, 2:]) / 16


def enlarged(grid: Heat, shape: tuple[int, ...]) -> Saliency:
    """The grid over an image `[h, w, c]`, by cubic interpolation between the centers of cells (Keys, 1981)."""
    return jax.image.resize(grid, shape[:2], "cubic")


def total_variation(grid: Heat) -> Scalar:
    """The sum of absolute differences between neighbours along both axes, divided by the number of cells."""
    down, across = (jnp.abs(jnp.diff(grid, axis=axis)).sum() for axis in (0, 1))
    return (down + across) / grid.size


def unit_power(grid: Heat) -> Heat:
    """Rescales to a mean square of 1; zeros stay zeros."""
    power = (grid**2).mean()
    return grid / jnp.sqrt(jnp.where(power == 0, 1, power))
