"""Reads the TIFFs that Pillow cannot read: floats in colour, halves, channels of 16 bits one after the other."""

import io
import logging

import numpy as np
from PIL import Image

from groupcam_jax.pictures.depth import declared_bits, eight_bits

# tifffile says by its logger what is wrong, and raises it as well: once is enough.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def is_tiff(content: bytes) -> bool:
    """Whether a file begins as a TIFF or a BigTIFF."""
    return content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_tiff(content: bytes) -> tuple[np.ndarray, int]:
    """Reads the first page of a TIFF as it is stored.

    Returns:
      uint8 `[h, w]` or `[h, w, channels]`, and the orientation, 1 if there is none.

    Raises:
      Exception: whatever tifffile raises, for files that are broken.
      ValueError: neither grey nor RGB, too large, or a range that cannot be told.
    """
    import tifffile  # takes a while to import

    with tifffile.TiffFile(io.BytesIO(content)) as file:
        page = file.pages.first
        if page.photometric not in (0, 1, 2) or page.axes not in ("YX", "YXS", "SYX"):
            raise ValueError(f"it is a TIFF of {page.photometric!r} and axes {page.axes}, neither grey nor RGB")
        limit = Image.MAX_IMAGE_PIXELS
        if limit is not None and page.imagewidth * page.imagelength > 2 * limit:
            raise ValueError(f"it is too large: {page.imagewidth} x {page.imagelength} pixels")
        values = page.asarray()
        if page.axes == "SYX":
            values = np.moveaxis(values, 0, -1)
        orientation, largest = page.tags.valueof(274, 1), page.tags.valueof(281)
        extra = len(page.extrasamples)
    bits = declared_bits(page.bitspersample, max(largest) if isinstance(largest, tuple) else largest)
    if extra:  # transparency has a range of its own
        colours, transparency = np.split(values, [values.shape[2] - extra], axis=2)
        return np.concatenate([eight_bits(colours, bits), eight_bits(transparency)], axis=2), orientation
    pixels = eight_bits(values, bits)
    return 255 - pixels if page.photometric == 0 else pixels, orientation
