"""Colours, coordinates, and painting on a canvas of three planes."""

from collections.abc import Iterable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Plane = Float[Array, "h w"]
Canvas = tuple[Plane, Plane, Plane]  # red, green, blue: three planes are drawn three times as fast as one image


def between(dice: Array, low: float, high: float) -> Array:
    """Maps uniform dice in [0, 1) to [low, high)."""
    return low + (high - low) * dice


def inks(dice: Float[Array, "5"]) -> Float[Array, "2 3"]:
    """A vivid ink and a pale or dark one, in either order."""
    vivid = rgb(dice[0], between(dice[1], 0.6, 1.0), between(dice[2], 0.6, 1.0))
    pale, dark = rgb(dice[3], 0.12, 1.0), rgb(dice[3], 0.6, 0.2)
    quarter = jnp.floor(4 * dice[4])
    other = jnp.where(quarter % 2 == 0, pale, dark)
    return jnp.where(quarter < 2, jnp.stack([vivid, other]), jnp.stack([other, vivid]))


def rgb(hue: Array, saturation: float | Array, value: float | Array) -> Float[Array, "3"]:
    """Hue, saturation and value, all in [0, 1], as red, green and blue."""
    ramp = jnp.abs(jnp.mod(6 * hue + np.asarray([0, 4, 2], np.float32), 6) - 3) - 1
    return value * (1 - saturation * (1 - jnp.clip(ramp, 0, 1)))


def blend(under: Iterable[Array], covered: Plane, over: Iterable[Array]) -> Canvas:
    """Mixes two colours, each three planes or three numbers."""
    red, green, blue = (u + covered * (o - u) for u, o in zip(under, over, strict=True))
    return red, green, blue


def turn(x: Array, y: Array, angle: Array) -> tuple[Array, Array]:
    """The points (x, y), turned by an angle."""
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    return cos * x - sin * y, sin * x + cos * y
