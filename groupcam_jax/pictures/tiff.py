"""Reads the TIFFs that Pillow cannot read, or misreads.

These are floats in colour, halves, channels of 16 bits one after the other, and grey with transparency where white is
zero or the channels lie one after the other.
"""

import io
import logging

import numpy as np
from PIL import Image

from groupcam_jax.pictures.depth import declared_bits, eight_bits

# tifffile says by its logger what is wrong, and raises it as well: once is enough.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

WHITE_IS_ZERO = 0
MODES = {WHITE_IS_ZERO: "L", 1: "L", 2: "RGB", 5: "CMYK"}  # by the tag PhotometricInterpretation
TRANSPARENT = {(): "A", (1,): "a", (2,): "A"}  # by the tag ExtraSamples; where it is 1, colours are multiplied by it


def is_tiff(content: bytes) -> bool:
    """Whether a file begins as a TIFF or a BigTIFF."""
    return content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_misread(image: Image.Image) -> bool:
    """Whether a TIFF has channels one after the other that Pillow misreads: of more than 8 bits, or of transparency."""
    tags = getattr(image, "tag_v2", {})
    return tags.get(284) == 2 and (max(tags.get(258, (1,))) > 8 or 338 in tags)


def read_tiff(content: bytes) -> tuple[Image.Image, int]:
    """Reads the first page of a TIFF as it is stored.

    Returns:
      a picture of 8 bits, L, RGB or CMYK, or L and RGB with transparency (LA and RGBA; La and RGBa if the colours are
      multiplied by it); and the orientation, 1 if there is none.

    Raises:
      Exception: whatever tifffile raises, for files that are broken.
      ValueError: other channels than these, too large, or a range that cannot be told.
    """
    import tifffile  # takes a while to import

    with tifffile.TiffFile(io.BytesIO(content)) as file:
        page = file.pages.first
        mode = MODES.get(page.photometric, "")
        extra = page.samplesperpixel - len(mode)
        if not mode or page.axes not in ("YX", "YXS", "SYX") or not 0 <= extra <= (mode != "CMYK"):
            raise ValueError(
                f"it is a TIFF of {page.samplesperpixel} channels, {page.photometric!r} and axes {page.axes}; expected "
                "grey or RGB, maybe with one channel of transparency, or CMYK"
            )
        limit = Image.MAX_IMAGE_PIXELS
        if limit is not None and page.imagewidth * page.imagelength > 2 * limit:
            raise ValueError(f"it is too large: {page.imagewidth} x {page.imagelength} pixels")
        values = page.asarray()
        if page.axes == "SYX":
            values = np.moveaxis(values, 0, -1)
        orientation, largest = page.tags.valueof(274, 1), page.tags.valueof(281)
    values = values.reshape(*values.shape[:2], -1)
    bits = declared_bits(page.bitspersample, largest)
    pixels, lightest = eight_bits(values[..., : len(mode)], bits), np.array(255, np.uint8)
    transparent = TRANSPARENT.get(page.extrasamples, "") if extra else ""
    parts = []
    if transparent:
        parts = [eight_bits(values[..., len(mode) :])]  # which has a range of its own
        lightest = parts[0] if transparent == "a" else lightest
    if page.photometric == WHITE_IS_ZERO:
        pixels = lightest - np.minimum(pixels, lightest)
    channels = np.concatenate([pixels, *parts], axis=2)
    return Image.frombytes(mode + transparent, channels.shape[1::-1], channels.tobytes()), orientation
