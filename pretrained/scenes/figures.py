"""The figures of the drawn scenes: one family of signed distances, so that a batch computes only what it shows.

Distances are negative inside. A figure has vertices at equal angles on the unit circle. A point has the coordinates
`along` the direction of its nearest vertex and `across` it, and the figure is

    a along + b across <= c,  along <= 1    an edge, mirrored and repeated: polygons, stars, arms; no vertices: a disk
    or within two round lobes               a heart is a square with lobes
    and outside a round bite                a crescent and a ring are disks with a bite

Textures are signed distances too, so that the same one-pixel ramp smooths every border. After Inigo Quilez, "2D
distance functions", https://iquilezles.org/articles/distfunctions2d/.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

PLAIN, STRIPES, CHECKS, DOTS, RINGS = range(5)
_MAX_VERTICES = 6
_NONE = -9.0  # radius of an absent disk


class Figure(NamedTuple):
    """One row of the table below, or many, stacked.

    Attributes:
      vertices: their unit vectors, the first (1, 0), repeated to fill `[6, 2]`; zeros for a disk.
      edge: (a, b, c) with a^2 + b^2 = 1.
      lobe: radius of the disks centred at (1/2, 1/2) and (1/2, -1/2).
      bite: (x, radius) of the disk cut out.
      circle: (x, radius) of the smallest circle around all this, which becomes the unit circle: equal radii then
        give equal sizes.
      texture: PLAIN, STRIPES, CHECKS, DOTS or RINGS.
    """

    vertices: Any
    edge: Any
    lobe: Any
    bite: Any
    circle: Any
    texture: Any


def _figure(
    vertices: int, edge: tuple[float, float, float], lobe=_NONE, bite=(0.0, _NONE), circle=(0.0, 1.0), texture=PLAIN
) -> Figure:
    angle = 2 * np.pi * (np.arange(_MAX_VERTICES) % max(vertices, 1)) / max(vertices, 1)
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1) * bool(vertices)
    floats = (np.asarray(value, np.float32) for value in (unit, edge, lobe, bite, circle))
    return Figure(*floats, texture=np.asarray(texture, np.int32))


def _disk(**rest) -> Figure:
    return _figure(0, (0.0, 1.0, 1.0), **rest)


def _star(vertices: int, notch: float | None = None, **rest) -> Figure:
    """A star with inner corners at radius `notch`; by default the regular polygon."""
    half = math.pi / vertices
    notch = math.cos(half) if notch is None else notch
    a, b = notch * math.sin(half), 1 - notch * math.cos(half)  # normal of the edge from (1, 0) to the inner corner
    norm = math.hypot(a, b)
    return _figure(vertices, (a / norm, b / norm, a / norm), **rest)


def _arms(vertices: int, width: float) -> Figure:
    """Arms of half-width `width`: a bar (2), a propeller (3), a cross (4)."""
    return _figure(vertices, (0.0, 1.0, width), circle=(0.0, math.hypot(1, width)))


TARGETS = {
    "triangle": _star(3),
    "star": _star(5, 0.45),
    "cross": _arms(4, 0.32),
    "asterisk": _arms(6, 0.16),
    "heart": _star(4, lobe=math.sqrt(0.5), circle=(0.2612, 1.2612)),
    "crescent": _disk(bite=(0.6, 0.75)),
    "striped disk": _disk(texture=STRIPES),
    "checkered square": _star(4, texture=CHECKS),
    "dotted disk": _disk(texture=DOTS),
    "bullseye": _disk(texture=RINGS),
}
DISTRACTORS = {
    "disk": _disk(),
    "square": _star(4),
    "pentagon": _star(5),
    "four-pointed star": _star(4, 0.35),
    "bar": _arms(2, 0.4),
    "propeller": _arms(3, 0.3),
    "ring": _disk(bite=(0.0, 0.5)),
    "striped square": _star(4, texture=STRIPES),
    "checkered disk": _disk(texture=CHECKS),
    "dotted square": _star(4, texture=DOTS),
}
FIGURES = jax.tree.map(lambda *rows: np.stack(rows), *TARGETS.values(), *DISTRACTORS.values())


def outline(figure: Figure, x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, "h w"]:
    """Signed distance to the figure's border at the points (x, y): exact near edges, a bound near corners."""
    middle, scale = figure.circle
    x, y = middle + scale * x, scale * y
    along = x * figure.vertices[0, 0] + y * figure.vertices[0, 1]
    for vertex in figure.vertices[1:]:
        along = jnp.maximum(along, x * vertex[0] + y * vertex[1])
    across = jnp.sqrt(jnp.maximum(x * x + y * y - along * along, 0))
    a, b, c = figure.edge
    distance = jnp.maximum(a * along + b * across - c, along - 1)
    distance = jnp.minimum(distance, _length(x - 0.5, jnp.abs(y) - 0.5) - figure.lobe)
    centre, radius = figure.bite
    return jnp.maximum(distance, radius - _length(x - centre, y)) / scale


def pattern(texture: Any, x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, "h w"]:
    """Signed distance to the first ink of a texture of period 2/3; PLAIN is first ink everywhere."""
    stripe, other, ring = (_wave(t) for t in (x, y, _length(x, y)))
    check = jnp.maximum(jnp.minimum(stripe, other), -jnp.maximum(stripe, other))  # exclusive or
    dot = _length(stripe + 1 / 6, other + 1 / 6) - 0.2
    return jnp.select([texture == t for t in (STRIPES, CHECKS, DOTS, RINGS)], [stripe, check, dot, ring], -1.0)


def _wave(t: Array) -> Array:
    """Signed distance to stripes of width 1/3 and period 2/3, one of them centred on 0: from -1/6 to 1/6."""
    t = 1.5 * t
    return jnp.abs(t - jnp.round(t)) / 1.5 - 1 / 6


def _length(x: Array, y: Array) -> Array:
    return jnp.sqrt(x * x + y * y)
