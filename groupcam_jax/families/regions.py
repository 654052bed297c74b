"""Regions of an image, on the host: its segments at several scales, and their order by attribution (arXiv:1906.02825).

The constants are those of the authors' code. They fit because images are segmented at one size and range.
"""

import numpy as np

SCALES = (50, 100, 150, 250, 500, 1200)
SIGMA = 0.8
SMALLEST_SEGMENT = 150  # pixels of 224 x 224
SIZE = (224, 224)
DILATION = 5
FEWEST_NEW_PIXELS = 50


def require_scikit_image() -> None:
    """Raises ModuleNotFoundError, with what to install, if scikit-image is missing."""
    try:
        import skimage  # noqa: F401
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            'xrai needs scikit-image to segment images: pip install "groupcam-jax[regions]", or pass segments [s, h, w]'
        ) from None


def felzenszwalb_segments(image: np.ndarray) -> np.ndarray:
    """Segments an image at several scales.

    Args:
      image: float `[h, w, c]` of any range.

    Returns:
      bool `[s, h, w]`: the segments of all scales, each dilated by a disk of 5 pixels.
    """
    from skimage.morphology import dilation, disk
    from skimage.segmentation import felzenszwalb
    from skimage.transform import resize

    if np.abs(image).max() > np.finfo(image.dtype).max / 4:
        image = image / 8  # else twice the span overflows
    span = np.ptp(image)
    flat = 2 * (image - image.min()) / (1 if span == 0 else span) - 1
    flat = resize(flat, SIZE, order=3, mode="constant", preserve_range=True, anti_aliasing=True)
    footprint, masks = disk(DILATION), []
    for scale in SCALES:
        labels = felzenszwalb(flat, scale=scale, sigma=SIGMA, min_size=SMALLEST_SEGMENT)
        labels = resize(labels, image.shape[:2], order=0, mode="constant", preserve_range=True, anti_aliasing=False)
        masks += [dilation(labels == label, footprint) for label in np.unique(np.asarray(labels))]
    return np.stack(masks)


def grow_regions(density: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Adds masks to a region, each time the one whose new pixels have the highest mean, and gives them that mean.

    Args:
      density: attribution `[h, w]`.
      masks: bool `[s, h, w]`.

    Returns:
      float64 `[h, w]`: for each pixel the mean of what was added with it; pixels that no mask adds get their own mean.
    """
    density = density.astype(np.float64)
    shape, values = density.shape, density.ravel()
    masks = masks.reshape(len(masks), -1)
    counts, sums = masks.sum(1), masks @ values  # of what each mask would add
    free, result = np.ones(values.size, bool), np.zeros(values.size)
    # A small picture has small segments: the largest may join.
    fewest = min(FEWEST_NEW_PIXELS, counts.max())
    while (usable := counts >= max(fewest, 1)).any():
        means = np.where(usable, sums / np.maximum(counts, 1), -np.inf)
        best = means.argmax()
        added = np.flatnonzero(masks[best] & free)
        result[added] = means[best]
        free[added] = False
        counts = counts - masks[:, added].sum(1)
        sums = sums - masks[:, added] @ values[added]
    result[free] = values[free].mean() if free.any() else 0
    return result.reshape(shape)
