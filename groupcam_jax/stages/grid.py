"""A map on a coarse grid of square cells, as it is moved by gradients: see `refined`."""

import jax.numpy as jnp

from groupcam_jax.types import Heat, Scalar


def grid_sides(shape: tuple[int, ...], cells: int) -> tuple[int, int]:
    """The sides of a grid of square cells over an image `[h, w, c]`: `cells` or all pixels on the shorter side."""
    height, width = shape[:2]
    shorter = min(height, width)
    return round(min(cells, shorter) * height / shorter), round(min(cells, shorter) * width / shorter)


def total_variation(grid: Heat) -> Scalar:
    """The sum of absolute differences between neighbours along both axes, divided by the number of cells."""
    down, across = (jnp.abs(jnp.diff(grid, axis=axis)).sum() for axis in (0, 1))
    return (down + across) / grid.size


def unit_power(grid: Heat) -> Heat:
    """Rescales to a mean square of 1; zeros stay zeros."""
    power = (grid**2).mean()
    return grid / jnp.sqrt(jnp.where(power == 0, 1, power))
