"""Turns pictures and their boxes upright, as the EXIF tag Orientation says.

orientation   1  2  3  4  5  6  7  8
transposed                x  x  x  x      first rows become columns,
mirrored         x  x        x  x         then left and right change places,
flipped             x  x        x  x      then top and bottom
"""

import numpy as np

_TRANSPOSED, _MIRRORED, _FLIPPED = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)


def turn_pixels(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turns a picture as stored, `[h, w, ...]`, upright: `[w, h, ...]` for orientations above 4."""
    if orientation in _TRANSPOSED:
        pixels = pixels.swapaxes(0, 1)
    if orientation in _MIRRORED:
        pixels = pixels[:, ::-1]
    if orientation in _FLIPPED:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def turn_back(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turns an upright picture back as it was stored with this orientation."""
    return turn_pixels(pixels, {6: 8, 8: 6}.get(orientation, orientation))


def turn_boxes(boxes: np.ndarray, orientation: int, size: tuple[int, int]) -> np.ndarray:
    """Turns boxes in a picture as stored into boxes in the upright picture.

    Args:
      boxes: `[n, 4]`, left, top, right and bottom in pixels from edge to edge.
      orientation: 1 to 8.
      size: width and height of the picture as stored.
    """
    left, top, right, bottom = boxes.T
    width, height = size
    if orientation in _TRANSPOSED:
        left, top, right, bottom, width, height = top, left, bottom, right, height, width
    if orientation in _MIRRORED:
        left, right = width - right, width - left
    if orientation in _FLIPPED:
        top, bottom = height - bottom, height - top
    return np.stack([left, top, right, bottom], axis=1)
