"""Random crops of training pictures, mirrored or not, as networks of ImageNet are trained (arXiv:1409.4842)."""

import math

import numpy as np
from PIL import Image

RATIOS = (3 / 4, 4 / 3)  # width to height
TRIES = 10


def random_crop(
    image: np.ndarray, mask: np.ndarray | None, size: int, smallest: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray | None]:
    """Resizes a random part of a picture, and of the mask of its object, and mirrors every second one.

    The part covers `smallest` to all of the area, with a ratio of 3 : 4 to 4 : 3, as torchvision's RandomResizedCrop.

    Args:
      image: uint8 `[h, w, 3]`.
      mask: bool `[h, w]`, if there is one.
      size: height and width of what is returned.
      smallest: share of the area.
      random: where and how is drawn from it.
    """
    box = random_box(image.shape[0], image.shape[1], smallest, random)
    mirrored = random.random() < 0.5

    def cropped(pixels: np.ndarray, filter: Image.Resampling) -> np.ndarray:
        part = np.asarray(Image.fromarray(pixels).resize((size, size), filter, box))
        return part[:, ::-1] if mirrored else part

    whole = None if mask is None else cropped(mask, Image.Resampling.NEAREST)
    return cropped(image, Image.Resampling.BILINEAR), whole


def random_box(
    height: int, width: int, smallest: float, random: np.random.Generator
) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a random part; the largest one in the middle where none of ten tries fits."""
    for _ in range(TRIES):
        area = random.uniform(smallest, 1) * height * width
        ratio = math.exp(random.uniform(*np.log(RATIOS)))
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            left, top = int(random.integers(width - wide + 1)), int(random.integers(height - high + 1))
            return left, top, left + wide, top + high
    wide, high = min(width, height * RATIOS[1]), min(height, width / RATIOS[0])
    left, top = (width - wide) / 2, (height - high) / 2
    return left, top, left + wide, top + high
