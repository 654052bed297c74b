"""Reads a picture in any of Pillow's formats, or an array, as RGB; or says which cannot be read and why."""

import contextvars
import io
import stat
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from groupcam_jax.pictures.channels import rgb
from groupcam_jax.pictures.npy import MAGIC, read_npy
from groupcam_jax.pictures.orientation import turn_back
from groupcam_jax.pictures.tiff import is_misread, is_tiff, read_tiff

HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # brands, the first of a file

READING: contextvars.ContextVar[str | None] = contextvars.ContextVar("reading", default=None)
"""The picture that is being read: what warns meanwhile, Pillow also, does not know its name."""


class BrokenPicture(OSError):
    """A picture that cannot be read. Its `id` names it, its `reason` says why, its message has both."""

    def __init__(self, id: str, reason: str):
        super().__init__(f"{id}: {reason}")
        self.id, self.reason = id, reason


def decode(source: Path | bytes, id: str) -> tuple[np.ndarray, int]:
    """Reads a picture as it is stored.

    Grey and palette pictures become RGB. CMYK is converted without a colour profile. Transparent parts become white.
    16-bit channels keep their upper 8 bits, and animations their first frame. Fewer bits in more, and floats, are
    scaled as `groupcam_jax.pictures.depth` says.

    Args:
      source: a file, or its content: a picture, or an array `[h, w, 3]` of NumPy's (`.npy`).
      id: the picture's name, for errors.

    Returns:
      uint8 `[h, w, 3]`, not yet turned upright, and the EXIF orientation: 1 to 8, 1 where there is none.

    Raises:
      BrokenPicture: no such file, or it is cut short, or holds no picture.
    """
    token = READING.set(id)
    try:
        return _decode(source if isinstance(source, bytes) else _content(source))
    except UnidentifiedImageError as error:
        raise BrokenPicture(id, "is not a picture, or of an unknown format") from error
    except Exception as error:  # decoders raise anything, for broken files
        raise BrokenPicture(id, f"cannot be read: {error or type(error).__name__}") from error
    finally:
        READING.reset(token)


def _content(path: Path) -> bytes:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):  # a pipe or a device could be without end
        raise ValueError("it is a folder" if stat.S_ISDIR(mode) else "it is no file")
    return path.read_bytes()


def _decode(content: bytes) -> tuple[np.ndarray, int]:
    if content.startswith(b"version https://git-lfs"):
        raise ValueError("it is a pointer of Git LFS, not the picture itself; run git lfs pull")
    if content.startswith(MAGIC):
        return read_npy(content), 1
    try:
        image = _open(content)
    except UnidentifiedImageError:
        if not is_tiff(content):
            raise
        image = None
    if image is None or (is_tiff(content) and is_misread(image)):
        image, orientation = read_tiff(content)
        return rgb(image), _or_upright(orientation)
    with image:
        orientation = _orientation(image)
        pixels = rgb(image, _open(content))
        # Pillow turns a TIFF upright as it loads it, and drops the tag.
        return pixels if _orientation(image) == orientation else turn_back(pixels, orientation), orientation


def _open(content: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content))
    except UnidentifiedImageError:
        if content[4:8] != b"ftyp" or content[8:12] not in HEIC:
            raise
    try:
        import pillow_heif  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise ValueError("it is a picture in HEIC; pip install pillow-heif") from None
    pillow_heif.register_heif_opener()
    return Image.open(io.BytesIO(content))


def _orientation(image: Image.Image) -> int:
    try:
        return _or_upright(image.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # The EXIF data is broken, and Pillow raises anything; the picture itself is whole.
        return 1


def _or_upright(orientation: object) -> int:
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
