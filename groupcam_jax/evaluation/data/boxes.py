"""Boxes, checked at the door: what cannot be one must not count as an object that no method finds."""

from collections.abc import Sequence
from typing import TypeAlias

from groupcam_jax.evaluation.data.values import four_numbers

Box: TypeAlias = tuple[float, float, float, float]  # left, top, right and bottom in pixels from edge to edge
Size: TypeAlias = tuple[int, int]  # width and height


def checked_box(written: Sequence[float], edges: Box, size: Size | None) -> Box:
    """Checks a box.

    Args:
      written: as the annotation has it, such as left, top, width and height.
      edges: the same as edges.
      size: of the picture, if known.

    Returns:
      the edges.

    Raises:
      ValueError: swapped edges, shares of the picture instead of pixels, or a box that lies mostly outside.
    """
    left, top, right, bottom = edges
    if all(0 <= value <= 1 for value in written):
        raise ValueError(f"the box {_listed(written)} lies in 0 to 1: shares of the picture? expected pixels")
    if right <= left or bottom <= top:
        raise ValueError(f"the box {_listed(written)} has no area, or its edges are swapped")
    if size is not None:
        require_inside(edges, size)
    return edges


def inclusive_box(written: object, size: Size | None) -> Box:
    """The edges of a box of ImageNet's: left, top, right and bottom from 0, and the last pixels belong to it.

    Raises:
      ValueError: no four numbers, or a box that cannot be one.
    """
    sides = left, top, right, bottom = four_numbers(written)
    return checked_box(sides, (left, top, right + 1, bottom + 1), size)


def require_inside(edges: Box, size: Size) -> None:
    """Requires that a box lies in the picture by half at least; the rest is cut away later.

    Raises:
      ValueError: it does not.
    """
    (left, top, right, bottom), (width, height) = edges, size
    inside = max(0.0, min(right, width) - max(left, 0.0)) * max(0.0, min(bottom, height) - max(top, 0.0))
    if 2 * inside < (right - left) * (bottom - top):
        raise ValueError(f"the box {_listed(edges)} lies outside the picture of {width} x {height} pixels")


def _listed(values: Sequence[float]) -> str:
    return f"[{', '.join(f'{value:g}' for value in values)}]"
