"""Where the grid of an activation lies: ours are `[n, u, v, k]`; a model's are channel-last, channel-first, tokens."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from groupcam_jax.program.axes import BATCH, COLUMNS, LOST, OTHER, ROWS, VIEWS, Axes, Axis, Factor, plain, plain_axes
from groupcam_jax.types import Activations

Values = TypeVar("Values", jax.Array, np.ndarray)


class Grid(NamedTuple):
    """How the axes of an activation form its grid.

    Attributes:
      parts: the factors of all axes, each an axis of its own; the last may be missing rows or columns of length 1.
      tokens: the axis that holds other tokens too; 0 if none does.
      before: how many tokens stand before the grid.
      after: how many stand behind it.
    """

    parts: tuple[Factor, ...]
    tokens: int = 0
    before: int = 0
    after: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Its height and width."""
        _, rows, columns, *_ = self.order
        return self.parts[rows].size, self.parts[columns].size

    @property
    def order(self) -> list[int]:
        """The parts as batch, rows, columns, channels."""
        kinds = [part.kind for part in self.parts]
        first = [kinds.index(kind) for kind in (BATCH, ROWS, COLUMNS)]
        return [*first, *(place for place in range(len(kinds)) if place not in first)]

    @property
    def upright(self) -> tuple[slice, ...]:
        """Turns `[n, u, v, k]` as the image is, where rows or columns run against it."""
        backward = [self.parts[place].step < 0 for place in self.order[:3]]
        return tuple(slice(None, None, -1) if one else slice(None) for one in backward)

    def take(self, value: Values) -> tuple[Values, tuple[Values, Values]]:
        """The grid `[n, u, v, k]` of an activation, and the tokens before and behind it."""
        end = value.shape[self.tokens] - self.after
        along = (slice(None),) * self.tokens
        before, after = value[(*along, slice(self.before))], value[(*along, slice(end, None))]
        parts = value[(*along, slice(self.before, end))].reshape([part.size for part in self.parts])
        parts = parts.transpose(self.order)
        grid = parts.reshape(*parts.shape[:3], -1)
        return grid[self.upright], (before, after)

    def put(self, grid: Activations, others: tuple[Any, Any], shape: Sequence[int]) -> Any:
        """The activation, of this shape, with another grid."""
        parts = (
            grid[self.upright]
            .reshape([self.parts[place].size for place in self.order])
            .transpose(np.argsort(self.order))
        )
        before, after = others
        inner = [*shape]
        inner[self.tokens] -= self.before + self.after
        value = parts.reshape(inner)
        return jnp.concatenate([before, value, after], self.tokens) if self.before or self.after else value


def find_grid(axes: Axes, batch: int) -> Grid | None:
    """The grid that the axes of a value form: one of rows and columns, each image for itself; None if they do not.

    What was averaged over its rows, or over its columns, is a grid of one.
    """
    mixed = [place for place, axis in enumerate(axes) if axis.before or axis.after]
    parts = [factor for axis in axes for factor in axis.factors if isinstance(factor, Factor)]
    if len(mixed) > 1 or len(parts) < sum(len(axis.factors) for axis in axes):
        return None
    known = {part.kind for part in parts}
    if known & {VIEWS, LOST}:
        return None
    for kind in (BATCH, ROWS, COLUMNS):
        same = [place for place, part in enumerate(parts) if part.kind == kind]
        long = [place for place in same if parts[place].size > 1]
        if len(long) > 1 or (kind == BATCH and batch > 1 and not long):
            return None
        for place in same:
            if place != (long or same)[0]:
                parts[place] = Factor(OTHER, 1, 1)
        if not same:
            parts.append(Factor(kind, 1, 1))
    grid = Grid(tuple(parts), *((mixed[0], axes[mixed[0]].before, axes[mixed[0]].after) if mixed else ()))
    return grid if grid.shape != (1, 1) or {ROWS, COLUMNS} <= known else None


def told_axes(shape: Sequence[int], tokens_to_grid: tuple[int, int] | None, data_format: str | None) -> Axes | None:
    """The axes of an activation as the user tells them; None if they do not fit."""
    batch, *rest = shape
    first = Axis((Factor(BATCH, 1, batch),))
    if tokens_to_grid is not None:
        height, width = tokens_to_grid
        if len(rest) != 2 or rest[0] < height * width:
            return None
        grid = Factor(ROWS, width, height), Factor(COLUMNS, 1, width)
        return first, Axis(grid, before=rest[0] - height * width), plain(rest[1])
    if len(rest) != 3:
        return None
    rows, columns = (1, 2) if data_format == "NHWC" else (2, 3)
    axes = [first, *plain_axes(rest)]
    axes[rows], axes[columns] = (
        Axis((Factor(kind, 1, shape[place]),)) for kind, place in ((ROWS, rows), (COLUMNS, columns))
    )
    return tuple(axes)
