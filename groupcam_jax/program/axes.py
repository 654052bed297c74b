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


def reshaped(axes: Axes, shape: Sequence[int]) -> Axes:
    """The axes after a reshape; those are lost that cut through a factor, or through tokens with others beside them."""
    pending = [factor for axis in axes for factor in units(axis) if factor.size > 1]
    made: list[Axis] = []
    for size in shape:
        left = [*pending]
        taken = take(pending, size)
        if taken is None:
            return (*made, *(lost(Axis(tuple(left)), size) for size in shape[len(made) :]))
        made.append(axis_of(taken, size))
    return enlarged(made)


def take(pending: list[Factor | Axis], size: int) -> list[Factor | Axis] | None:
    """Takes the factors of an axis of this size from the front; None if it cuts through one."""
    taken: list[Factor | Axis] = []
    while (missing := size // math.prod(factor.size for factor in taken)) > 1:
        factor = pending.pop(0)
        if factor.size > missing:
            rest, uneven = divmod(factor.size, missing)
            if uneven or isinstance(factor, Axis):
                return None
            pending.insert(0, factor._replace(size=rest))
            factor = factor._replace(step=factor.step * rest, size=missing)
        elif missing % factor.size:
            return None
        taken.append(factor)
    return taken


def enlarged(axes: Sequence[Axis]) -> Axes:
    """Rows with plain entries between them are more rows, if another axis has the channels: repeated ones, say."""
    channels = [axis for axis in axes if axis.is_plain and axis.size > 1]
    return tuple(as_line(axis) if channels and is_repeated(axis) else axis for axis in axes)


def is_repeated(axis: Axis) -> bool:
    """Whether an axis is rows, or columns, and then plain entries."""
    first, *rest = axis.factors
    places = isinstance(first, Factor) and first.kind in (ROWS, COLUMNS)
    return places and bool(rest) and all(one.is_plain for one in rest) and not axis.before and not axis.after


def as_line(axis: Axis) -> Axis:
    """Rows and the plain entries between them as one factor of rows."""
    first = axis.factors[0]
    assert isinstance(first, Factor)
    return Axis((first._replace(step=first.step * first.size / axis.size, size=axis.size),))


def units(axis: Axis) -> tuple[Factor | Axis, ...]:
    """What a reshape may tear apart."""
    return (axis,) if axis.before or axis.after else axis.factors


def axis_of(factors: Sequence[Factor | Axis], size: int) -> Axis:
    """An axis of these factors, neighbours put together that are parts of one."""
    merged: list[Factor | Axis] = []
    for factor in factors:
        last = merged[-1] if merged else None
        if isinstance(last, Factor) and isinstance(factor, Factor) and follows(last, factor):
            merged[-1] = factor._replace(size=last.size * factor.size)
        else:
            merged.append(factor)
    if len(merged) == 1 and isinstance(merged[0], Axis):
        return merged[0]
    return Axis(tuple(merged)) if merged else plain(size)


def follows(slow: Factor, fast: Factor) -> bool:
    """Whether two neighbours are parts of one factor."""
    return slow.kind == fast.kind and (slow.is_plain or slow.step == fast.step * fast.size)
