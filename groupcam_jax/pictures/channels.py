"""The channels of a picture that Pillow has opened, as RGB of 8 bits."""

import sys
from typing import Any

import numpy as np
from PIL import Image

from groupcam_jax.pictures.depth import declared_bits, eight_bits

# Of 16 bits Pillow keeps the upper 8, which it finds by their order; in the other order it keeps the lower 8.
OTHER_ORDER = {"16L": "16B", "16B": "16L", "16N": "16B" if sys.byteorder == "little" else "16L"}


def rgb(image: Image.Image, again: Image.Image | None = None) -> np.ndarray:
    """The channels of a picture as RGB; transparent parts become white.

    Args:
      image: what was opened.
      again: the same file, opened again and not loaded, where its channels may have 16 bits.

    Returns:
      uint8 `[h, w, 3]`.

    Raises:
      ValueError: values whose range cannot be told.
    """
    if image.mode.startswith(("I", "F")):
        return np.repeat(_grey(image)[..., None], 3, axis=2)
    if again is not None and _is_deep(again):
        image = _sixteen_bits(image, again)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        straight = image.convert(image.mode.upper())  # of La and RGBa, whose colours are multiplied by the transparency
        image = Image.alpha_composite(white, straight.convert("RGBA"))
    return np.asarray(image.convert("RGB"))


def _grey(image: Image.Image) -> np.ndarray:
    grey = eight_bits(np.asarray(image), _declared(image))
    return 255 - grey if getattr(image, "tag_v2", {}).get(262) == 0 else grey  # white is zero: Pillow knows in 8 bits


def _declared(image: Image.Image) -> int | None:
    tags = getattr(image, "tag_v2", {})
    return declared_bits(max(tags.get(258, (16,))), tags.get(281))


def _is_deep(image: Any) -> bool:
    return any(_raw_mode(tile)[-3:] in OTHER_ORDER for tile in image.tile)


def _sixteen_bits(image: Image.Image, again: Any) -> Image.Image:
    upper, colours = np.asarray(image), len(image.getbands()) - image.mode.endswith("A")
    if upper[..., :colours].max() > 0x3F:  # certainly 16 bits, of which Pillow has kept the upper 8
        return image
    if any(_raw_mode(tile).startswith("LA") for tile in again.tile):  # of which Pillow knows one order alone
        raise ValueError(
            f"its values of 16 bits, grey and transparent, reach only {upper[..., :colours].max()} of 255: dark, or of "
            "fewer bits? save it with 8 bits a channel"
        )
    again.tile = [_in_other_order(tile) for tile in again.tile]
    values = upper.astype(np.uint16) << 8 | np.asarray(again)
    scaled = [eight_bits(values[..., :colours], _declared(again))]
    if colours < values.shape[2]:
        scaled.append(eight_bits(values[..., colours:]))
    return Image.frombytes(image.mode, image.size, np.concatenate(scaled, axis=2).tobytes())


def _raw_mode(tile: Any) -> str:
    return tile.args if isinstance(tile.args, str) else str((tile.args or ("",))[0])


def _in_other_order(tile: Any) -> Any:
    mode = _raw_mode(tile)
    other = mode[:-3] + OTHER_ORDER[mode[-3:]]
    return tile._replace(args=other if isinstance(tile.args, str) else (other, *tile.args[1:]))
