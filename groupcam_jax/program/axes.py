"""Which axis of a value holds what: the rows and columns of the image, its batch, or anything else.

An axis is a product of factors, the slowest first. Tokens of a 14 x 14 grid are one axis of the two factors rows and
columns; after a class token they begin at 1. A factor counts its step in pixels, so that factors that were split find
together again: windows of 7 x 7 in a transformer, blocks of pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

BATCH, VIEWS, ROWS, COLUMNS, CHANNELS, OTHER = "batch", "views", "rows", "columns", "channels", ""


class Factor(NamedTuple):
    """A part of an axis: what it counts, by how many pixels it steps (mirrored if negative), and its length."""

    kind: str
    step: int
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

    def resized(self, size: int, step: int = 1) -> Axis:
        """The axis after a window moved along it, or after its ends were cut or padded."""
        if size == self.size and step == 1:
            return self
        if len(self.factors) == 1 and isinstance(factor := self.factors[0], Factor) and not factor.is_plain:
            return Axis((factor._replace(step=factor.step * step, size=size),))
        return plain(size)


Axes: TypeAlias = tuple[Axis, ...]


def plain(size: int) -> Axis:
    """An axis of anything."""
    return Axis((Factor(OTHER, 1, size),))


def plain_axes(shape: Sequence[int]) -> Axes:
    """The axes of a value that has nothing to do with the image's places."""
    return tuple(map(plain, shape))


def image_axes(shape: Sequence[int]) -> Axes:
    """The axes of images `[n, h, w, c]`."""
    kinds = zip((BATCH, ROWS, COLUMNS, CHANNELS), shape, strict=True)
    return tuple(Axis((Factor(kind, 1, size),)) for kind, size in kinds)


def combined(operands: Sequence[Axes]) -> Axes:
    """The axes of what is computed place by place: of each axis, what one operand knows and none contradicts."""
    return tuple(map(agreed, zip(*operands, strict=True)))


def agreed(axes: Sequence[Axis]) -> Axis:
    """What several operands say about one axis."""
    known = {axis for axis in axes if not axis.is_plain and axis.size > 1}
    return known.pop() if len(known) == 1 else plain(axes[0].size) if known else axes[0]


def reshaped(axes: Axes, shape: Sequence[int]) -> Axes:
    """The axes after a reshape; all plain if it cuts through a factor, or through tokens with others beside them."""
    pending = [factor for axis in axes for factor in units(axis) if factor.size > 1]
    made = []
    for size in shape:
        taken: list[Factor | Axis] = []
        while (missing := size // math.prod(factor.size for factor in taken)) > 1:
            factor = pending.pop(0)
            if factor.size > missing:
                rest, uneven = divmod(factor.size, missing)
                if uneven or isinstance(factor, Axis):
                    return plain_axes(shape)
                pending.insert(0, factor._replace(size=rest))
                factor = factor._replace(step=factor.step * rest, size=missing)
            elif missing % factor.size:
                return plain_axes(shape)
            taken.append(factor)
        made.append(axis_of(taken, size))
    return tuple(made)


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
