"""Where the factors of axes are after a reshape, which puts neighbours together and tears axes apart."""

import math
from collections.abc import Sequence

from groupcam_jax.program.axes import COLUMNS, ROWS, Axes, Axis, Factor, lost, plain


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
    return with_repeats(made)


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


def with_repeats(axes: Sequence[Axis]) -> Axes:
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
