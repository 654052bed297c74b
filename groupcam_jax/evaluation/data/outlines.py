"""Fills the outlines of objects: polygons, and the run lengths of COCO's tools, compressed or not.

Run lengths go down the columns of a picture, from the first on: so many pixels outside of the object, so many inside,
and so on. Compressed, each is the difference to the last but one, in characters of 5 bits from `0` on, the lowest
first; the bit above says that more follow, and the highest of the 5 is the sign. pycocotools decodes them too, but
writes beyond its memory for damaged strings (2.0.11), and takes one that is cut short for whole.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from groupcam_jax.evaluation.data.values import number, whole

FARTHEST = 2**31  # pixels: no corner of a polygon is that far away
Polygons: TypeAlias = Sequence[Sequence[float]]  # x0, y0, x1, y1, ... in pixels from the picture's corner


class Runs(NamedTuple):
    """Run lengths of an object, int64 `[n]`, in a picture of this width and height."""

    lengths: np.ndarray
    size: tuple[int, int]


Outline: TypeAlias = Polygons | Runs


def read_outline(segmentation: Any) -> Outline | None:
    """The outline of an object as COCO writes it; None if it has none.

    Raises:
      ValueError: it is neither polygons nor run lengths.
    """
    if not segmentation:
        return None
    if isinstance(segmentation, dict):
        return _runs(segmentation)
    try:
        outline = [[number(value) for value in polygon] for polygon in segmentation]
    except (TypeError, ValueError):
        outline = [[]]
    if not all(
        len(polygon) >= 6 and len(polygon) % 2 == 0 and max(map(abs, polygon)) < FARTHEST for polygon in outline
    ):
        raise ValueError(
            "segmentation: expected polygons [[x0, y0, x1, y1, x2, y2, ...], ...] or run lengths, "
            f"got {segmentation!r:.60}"
        )
    return outline


def _runs(segmentation: dict[str, Any]) -> Runs:
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(size, list) or len(size) != 2 or not isinstance(counts, str | list):
        raise ValueError(
            f'segmentation: expected run lengths {{"size": [height, width], "counts": ...}}, got {segmentation!r:.60}'
        )
    height, width = map(whole, size)
    lengths = _decompress(counts) if isinstance(counts, str) else np.array([whole(count) for count in counts], float)
    if (lengths < 0).any() or lengths.sum() != height * width:
        raise ValueError(
            f"segmentation: expected run lengths of {height} x {width} pixels in all, got {lengths.sum():.0f}"
        )
    return Runs(lengths.astype(np.int64), (width, height))


def _decompress(counts: str) -> np.ndarray:
    digits = np.frombuffer(counts.encode(), np.uint8).astype(np.int64) - ord("0")
    last = digits & 0x20 == 0
    if not digits.size or digits.min() < 0 or digits.max() > 0x3F or not last[-1]:
        raise ValueError(f"segmentation: {counts!r:.40} are no run lengths, or they are cut short")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    places = np.arange(digits.size) - np.repeat(starts, ends - starts + 1)
    if places.max() > 6:
        raise ValueError(f"segmentation: {counts!r:.40} has run lengths beyond 32 bits")
    lengths = np.add.reduceat((digits & 0x1F) << 5 * places, starts)
    lengths -= np.where(digits[ends] & 0x10, 1 << 5 * (places[ends] + 1), 0)
    for first in (1, 2):  # a length is told by its difference to the last but one, from the fourth on
        lengths[first::2] = lengths[first::2].cumsum()
    return lengths


def fill(outline: Outline, size: tuple[int, int]) -> np.ndarray:
    """The pixels of one object, bool `[h, w]`: of polygons, those whose centres lie in any of them.

    Args:
      outline: of an object; one that others partly cover may have several polygons.
      size: width and height of the picture.
    """
    if isinstance(outline, Runs):
        inside = np.repeat(np.arange(len(outline.lengths)) % 2 == 1, outline.lengths)
        return np.ascontiguousarray(inside.reshape(size).T)
    from skimage.draw import polygon  # takes a while to import

    mask = np.zeros(size[::-1], bool)
    for points in outline:
        x, y = np.reshape(points, (-1, 2)).T - 0.5  # scikit-image has the centre of the first pixel at 0, 0
        mask[polygon(y, x, mask.shape)] = True
    return mask
