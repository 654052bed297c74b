"""Fills the outlines of objects, polygons as in COCO."""

from collections.abc import Sequence

import numpy as np

Outline = Sequence[Sequence[float]]  # polygons x0, y0, x1, y1, ... in pixels from the picture's corner


def fill(outline: Outline, size: tuple[int, int]) -> np.ndarray:
    """The pixels whose centres lie in any of the polygons of one object, bool `[h, w]`.

    Args:
      outline: its polygons; an object that others partly cover may have several.
      size: width and height of the picture.
    """
    from skimage.draw import polygon  # takes a while to import

    mask = np.zeros(size[::-1], bool)
    for points in outline:
        x, y = np.reshape(points, (-1, 2)).T - 0.5  # scikit-image has the centre of the first pixel at 0, 0
        mask[polygon(y, x, mask.shape)] = True
    return mask
