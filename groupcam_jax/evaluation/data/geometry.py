"""Makes pictures square, along with their boxes and masks.

Pictures are resized as torchvision does with Pillow: bilinear, and if they shrink, each pixel is a weighted mean of all
that it covers. Boxes are clipped to the part of the picture that is left; a box with nothing left is dropped, and its
category too. Masks are resized by nearest neighbour.
"""

import numpy as np
from PIL import Image

from groupcam_jax.evaluation.data.examples import Example
from groupcam_jax.pictures.decode import BrokenPicture

LARGEST = 2**26  # pixels of a resized picture before the crop: a quarter of a gigabyte


def resize_straight(example: Example, size: int = 224) -> Example:
    """Resizes a picture to `[size, size, 3]`, whatever its shape, as Group-CAM's authors do."""
    return _resize_and_crop(example, (size, size), (0, 0), size)


def resize_shorter_and_crop(example: Example, resize: int = 256, size: int = 224) -> Example:
    """Resizes a picture so that its shorter side has `resize` pixels and crops `[size, size, 3]` from the middle.

    Lengths and margins are rounded as torchvision's `Resize` and `CenterCrop` do.

    Raises:
      ValueError: the crop is larger than the resized picture.
      BrokenPicture: the picture is a thousand times longer than wide and would not fit in memory.
    """
    if size > resize:
        raise ValueError(f"cannot crop {size} x {size} pixels from a picture whose shorter side has {resize}")
    height, width = example.image.shape[:2]
    wide, high = (int(resize * side / min(height, width)) for side in (width, height))
    if wide * high > LARGEST:
        raise BrokenPicture(example.id, f"is too long and narrow to resize: {width} x {height} pixels")
    return _resize_and_crop(example, (wide, high), (round((wide - size) / 2), round((high - size) / 2)), size)


def _resize_and_crop(example: Example, resized: tuple[int, int], corner: tuple[int, int], size: int) -> Example:
    height, width = example.image.shape[:2]
    left, top = corner
    crop = (left, top, left + size, top + size)
    image = Image.fromarray(example.image).resize(resized, Image.Resampling.BILINEAR).crop(crop)
    scale = np.array([resized[0] / width, resized[1] / height] * 2)
    boxes = (example.boxes * scale - np.array([left, top] * 2)).clip(0, size).astype(np.float32)
    shown = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    masks = example.masks
    if masks is not None:
        whole = [Image.fromarray(mask).resize(resized, Image.Resampling.NEAREST) for mask in masks[shown]]
        masks = np.array([np.asarray(mask.crop(crop)) for mask in whole], bool).reshape(-1, size, size)
    return example._replace(
        image=np.asarray(image), boxes=boxes[shown], categories=example.categories[shown], masks=masks
    )
