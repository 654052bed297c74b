"""Drawn scenes with one target each: endless training data, and a localization benchmark with exact masks.

A scene is 96 x 96: a textured background, threads, two to five distractors (figures that no class uses) and, on top,
the target. It is whole, within a circle of 22 to 38 pixels, anywhere in the frame. Place, size, rotation, colours,
light and noise have the same distribution for all targets and distractors: only outline and texture differ. Borders are
ramps one pixel wide.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from groupcam_jax.types import PRNGKey
from pretrained.scenes.figures import FIGURES, TARGETS, Figure, outline, pattern
from pretrained.scenes.paint import Canvas, Plane, between, blend, inks, rgb, turn

SIZE = 96
CLASS_NAMES = tuple(TARGETS)

_RADII = (11.0, 19.0)
_DISTRACTORS = (2, 5)
_THREADS = 6
_OCTAVES = (3, 6, 12, 24, 48)
_Y, _X = np.mgrid[:SIZE, :SIZE].astype(np.float32) + np.float32(0.5)  # centres of the pixels


class Scene(NamedTuple):
    """A drawn scene.

    Attributes:
      image: in [0, 1].
      label: index into `CLASS_NAMES`.
      mask: the pixels at least half covered by the target; a crescent's bite is not part of it.
    """

    image: Float[Array, "96 96 3"]
    label: Int[Array, ""]
    mask: Bool[Array, "96 96"]


class _Sprite(NamedTuple):
    """A figure, placed and coloured."""

    figure: Figure
    centre: Float[Array, "2"]
    radius: Float[Array, ""]
    angle: Float[Array, ""]
    inks: Float[Array, "2 3"]


def scene(key: PRNGKey, *, with_target: bool = True) -> Scene:
    """Draws one scene; `jax.vmap(scene)(keys)` draws a batch.

    Args:
      key: the only source of randomness; equal keys give equal scenes.
      with_target: False leaves out the target and shows what it hid; all else, with label and mask, stays the same.

    Returns:
      The scene.
    """
    kind_key, count_key, sprite_key, ground_key, thread_key, light_key = jax.random.split(key, 6)
    (least, most), classes, figures = _DISTRACTORS, len(TARGETS), len(FIGURES.texture)
    low, high = np.array([classes] * most + [0]), np.array([figures] * most + [classes])
    kinds = jax.random.randint(kind_key, (most + 1,), low, high)
    sprites = jax.vmap(_sprite)(kinds, jax.random.uniform(sprite_key, (most + 1, 9)))
    absent = np.arange(most) >= jax.random.randint(count_key, (), least, most + 1)
    sprites = sprites._replace(centre=sprites.centre.at[:most].add(jnp.where(absent, 3.0 * SIZE, 0.0)[:, None]))
    others, target = (jax.tree.map(lambda leaf, i=i: leaf[i], sprites) for i in (slice(most), most))

    canvas, _ = jax.lax.scan(_wind, _ground(ground_key), jax.random.uniform(thread_key, (_THREADS, 9)))
    canvas, _ = jax.lax.scan(_lay, canvas, others)
    painted, covered = _lay(canvas, target)
    return Scene(_expose(light_key, painted if with_target else canvas), kinds[most], covered >= 0.5)


def _sprite(kind: Int[Array, ""], dice: Float[Array, "9"]) -> _Sprite:
    """The figure of row `kind`, wholly inside the frame."""
    radius = between(dice[0], *_RADII)
    centre = radius + dice[1:3] * (SIZE - 2 * radius)
    figure = jax.tree.map(lambda rows: jnp.asarray(rows)[kind], FIGURES)
    return _Sprite(figure, centre, radius, 2 * np.pi * dice[3], inks(dice[4:]))


def _ground(key: PRNGKey) -> Canvas:
    """Two muted colours, mixed by clouds (noise of five octaves) and a faint texture like those of the figures."""
    cloud_key, dice_key = jax.random.split(key)
    dice = jax.random.uniform(dice_key, (10,))
    noise = jax.random.normal(cloud_key, (sum(side**2 for side in _OCTAVES),))
    grids = jnp.split(noise, np.cumsum([side**2 for side in _OCTAVES])[:-1])
    octaves = [
        jax.image.resize(grid.reshape(side, side), (SIZE, SIZE), "cubic") / 2**i
        for i, (grid, side) in enumerate(zip(grids, _OCTAVES, strict=True))
    ]
    period = between(dice[0], 8.0, 24.0)
    x, y = turn(_X / period, _Y / period, 2 * np.pi * dice[1])
    weave = jnp.where(pattern(jnp.floor(4 * dice[2]), x, y) < 0, 0.35, -0.35)
    mix = jax.nn.sigmoid(between(dice[3], 0.8, 4.0) * (sum(octaves) + weave))
    first, second = (rgb(d[0], between(d[1], 0.1, 0.4), between(d[2], 0.3, 0.8)) for d in (dice[4:7], dice[7:]))
    return blend(second, mix, first)


def _wind(canvas: Canvas, dice: Float[Array, "9"]) -> tuple[Canvas, None]:
    """Lays a thread on the canvas: an arc of a wide circle."""
    x, y = between(dice[:2], -SIZE / 2, 1.5 * SIZE)
    radius, width = between(dice[2], 24.0, 96.0), between(dice[3], 0.5, 1.2)
    covered = jnp.clip(0.5 + width - jnp.abs(jnp.hypot(_X - x, _Y - y) - radius), 0, 1)
    return blend(canvas, covered, inks(dice[4:])[0]), None


def _lay(canvas: Canvas, sprite: _Sprite) -> tuple[Canvas, Plane]:
    """Lays a sprite with a darker rim on the canvas; also returns how much of each pixel it covers, in [0, 1]."""
    x, y = turn(_X - sprite.centre[0], _Y - sprite.centre[1], sprite.angle)
    x, y = x / sprite.radius, y / sprite.radius
    border = sprite.radius * outline(sprite.figure, x, y)
    first = jnp.clip(0.5 - sprite.radius * pattern(sprite.figure.texture, x, y), 0, 1)
    rim = 0.5 * jnp.clip(border + 2, 0, 1)
    colour = ((1 - rim) * ink for ink in blend(sprite.inks[1], first, sprite.inks[0]))
    covered = jnp.clip(0.5 - border, 0, 1)
    return blend(canvas, covered, colour), covered


def _expose(key: PRNGKey, canvas: Canvas) -> Float[Array, "96 96 3"]:
    """Random light, and a grain of one random word per pixel, a byte per channel: random words are costly."""
    light_key, grain_key = jax.random.split(key)
    light = jax.random.uniform(light_key, (), minval=0.75, maxval=1.1)
    grain = jax.lax.bitcast_convert_type(jax.random.bits(grain_key, (SIZE, SIZE)), jnp.uint8)[..., :3]
    return jnp.clip(light * jnp.stack(canvas, axis=-1) + 0.06 * (grain.astype(jnp.float32) / 255 - 0.5), 0, 1)
