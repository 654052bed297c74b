"""Which axis of a value holds what: the rows and columns of the image, its batch, or anything else.

An axis is a product of factors, the slowest first. Tokens of a 14 x 14 grid are one axis of the two factors rows and
columns; after a class token they begin at 1. A factor counts its step in pixels, so that factors that were split find
together again: windows of 7 x 7 in a transformer, blocks of pixels.

What an operation does to places may be unknown: rows that are read in another order, or mixed by weights. Such an axis
is lost, not plain: it still holds places, and nothing forms a grid until they are summed up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, SupportsIndex, TypeAlias

BATCH, VIEWS, ROWS, COLUMNS, CHANNELS, OTHER = "batch", "views", "rows", "columns", "channels", ""
LOST = "lost"


class Factor(NamedTuple):
    """A part of an axis: what it counts, by how many pixels it steps (mirrored if negative), and its length."""

    kind: str
    step: float
    size: int

    @property
    def is_plain(self) -> bool:
        """Whether it has nothing to do with the image's places or the batch."""
        return self.kind in (OTHER, CHANNELS)


class Axis(NamedTuple):
    """One axis: its factors, and how many other entries stand before and behind them."""

    factors: tuple[Factor | Axis, ...]
    before: int = 0
    after: int = 0

    @property
    def size(self) -> int:
        """The length of the axis."""
        return math.prod(factor.size for factor in self.factors) + self.before + self.after

    @property
    def is_plain(self) -> bool:
        """Whether it has nothing to do with the image's places or the batch."""
        return all(factor.is_plain for factor in self.factors)

    @property
    def is_line(self) -> bool:
        """Whether it holds rows alone, or columns alone."""
        return self.kinds in ([ROWS], [COLUMNS]) and not self.before and not self.after

    @property
    def kinds(self) -> list[str]:
        """What its factors count; of those that stand among others, nothing."""
        return [factor.kind for factor in self.factors if isinstance(factor, Factor)]

    def resized(self, size: int, step: float = 1) -> Axis:
        """The axis after a window moved along it, or after its ends were cut or padded."""
        if size == self.size and step == 1:
            return self
        if len(self.factors) == 1 and isinstance(factor := self.factors[0], Factor) and not factor.is_plain:
            return Axis((factor._replace(step=factor.step * step, size=size),))
        return lost(self, size)


Axes: TypeAlias = tuple[Axis, ...]


def plain(size: int) -> Axis:
    """An axis of anything."""
    return Axis((Factor(OTHER, 1, size),))


def lost(axis: Axis, size: int) -> Axis:
    """An axis made of another one in a way that is not known; a single entry of it is no axis of places."""
    return plain(size) if axis.is_plain or 1 in (axis.size, size) else Axis((Factor(LOST, 1, size),))


def plain_axes(shape: Sequence[int]) -> Axes:
    """The axes of a value that has nothing to do with the image's places."""
    return tuple(map(plain, shape))


def image_axes(shape: Sequence[int]) -> Axes:
    """The axes of images `[n, h, w, c]`."""
    kinds = zip((BATCH, ROWS, COLUMNS, CHANNELS), shape, strict=True)
    return tuple(Axis((Factor(kind, 1, size),)) for kind, size in kinds)


def without(axes: Axes, dropped: Sequence[SupportsIndex]) -> Axes:
    """The axes that are left."""
    return tuple(axis for place, axis in enumerate(axes) if place not in dropped)


def combined(operands: Sequence[Axes]) -> Axes:
    """The axes of what is computed place by place: of each axis, what one operand knows and none contradicts."""
    return tuple(map(agreed, zip(*operands, strict=True)))


def agreed(axes: Sequence[Axis]) -> Axis:
    """What several operands say about one axis; one that has lost it says nothing, if another one knows."""
    told = [axis for axis in axes if not axis.is_plain and axis.size > 1]
    known = [axis for axis in told if axis.kinds != [LOST]] or told
    if not known:
        return axes[0]
    return known[0] if len({layout_of(axis) for axis in known}) == 1 else lost(known[0], known[0].size)


def layout_of(axis: Axis) -> tuple[object, ...]:
    """What an axis counts, without the size of its steps: enlarged activations join those that were never smaller."""
    return (
        axis.before,
        axis.after,
        *(layout_of(one) if isinstance(one, Axis) else (one.kind, one.step > 0, one.size) for one in axis.factors),
    )
