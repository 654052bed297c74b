"""Pictures and maps as text for a page: pictures compressed for the eye, maps exact to 1/255 of their range."""

import base64
import io
import zlib
from typing import Any

import numpy as np
from PIL import Image

from groupcam_jax.plots import BRIGHTEST
from groupcam_jax.types import Pixels

LONGEST = 640  # pixels along the longer side of a picture
SMALL = 96  # up to these, a page draws pixels so large that compression shows
QUALITY = 80


def picture_url(picture: Pixels, longest: int = LONGEST) -> str:
    """A picture as a `data:` address: WebP, its longer side cut to so many pixels."""
    image = Image.fromarray(picture)
    image.thumbnail((longest, longest))
    return webp_url(image, lossless=max(picture.shape[:2]) <= SMALL)


def webp_url(image: Image.Image, *, lossless: bool = False) -> str:
    """An image as a `data:` address, compressed for the eye or without loss."""
    file = io.BytesIO()
    image.save(file, "WEBP", quality=QUALITY, lossless=lossless)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def encoded_map(saliency: np.ndarray) -> dict[str, Any] | None:
    """A map `[h, w]` in bytes from `low` to `high`; None if it is not finite, and must not look like a map.

    The bytes are differences along both axes, deflated: smooth maps become as small as in WebP, and a browser that
    blurs what it reads back from pictures, against tracking, cannot change them.
    """
    if not np.isfinite(saliency).all():
        return None
    low, high = min(0.0, float(saliency.min())), max(1.0, float(saliency.max()))
    levels = np.rint((saliency - low) / (high - low) * 255).astype(np.uint8)
    steps = np.diff(np.diff(levels, axis=0, prepend=np.uint8(0)), axis=1, prepend=np.uint8(0))
    return {
        "height": saliency.shape[0],
        "width": saliency.shape[1],
        "low": low,
        "high": high,
        "blank": bool(saliency.max() == saliency.min()),
        "brightest": float(np.percentile(saliency, BRIGHTEST)) or high,
        "data": base64.b64encode(zlib.compress(steps.tobytes(), 9)).decode(),
    }
