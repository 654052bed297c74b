"""Reads a picture in any of Pillow's formats as RGB, or says which picture cannot be read and why."""

import io
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError


class BrokenPicture(OSError):
    """A picture that cannot be read. Its `id` names it, its `reason` says why, its message has both."""

    def __init__(self, id: str, reason: str):
        super().__init__(f"{id}: {reason}")
        self.id, self.reason = id, reason


def decode(source: Path | bytes, id: str) -> tuple[np.ndarray, int]:
    """Reads a picture as it is stored.

    Grey and palette pictures become RGB. CMYK is converted without a colour profile. Transparent parts become white.
    16-bit channels keep their upper 8 bits, and animations their first frame.

    Args:
      source: a file, or its content.
      id: the picture's name, for errors.

    Returns:
      uint8 `[h, w, 3]`, not yet turned upright, and the EXIF orientation: 1 to 8, 1 where there is none.

    Raises:
      BrokenPicture: no such file, or it is cut short, or holds no picture.
    """
    try:
        content = source if isinstance(source, bytes) else source.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(_rgb(image)), _orientation(image)
    except UnidentifiedImageError as error:
        raise BrokenPicture(id, "is not a picture, or of an unknown format") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # Pillow's, for broken files
        raise BrokenPicture(id, f"cannot be read: {error}") from error


def _orientation(image: Image.Image) -> int:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except SyntaxError:  # The EXIF data is broken; the picture itself is whole.
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image)
        if image.mode == "F" or values.min() < 0 or values.max() > 0xFFFF:
            raise ValueError(f"its mode {image.mode} has no fixed range; save it with 8 or 16 bits a channel")
        return Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")
