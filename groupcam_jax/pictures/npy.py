"""Reads an array in NumPy's format `.npy` as a picture."""

import io

import numpy as np

from groupcam_jax.pictures.depth import eight_bits

MAGIC = b"\x93NUMPY"


def read_npy(content: bytes) -> np.ndarray:
    """Reads an array `[h, w, 3]`; what executes code (pickles) is refused.

    Returns:
      uint8 `[h, w, 3]`.

    Raises:
      ValueError: a broken file, another shape, or a range that cannot be told.
    """
    values = np.load(io.BytesIO(content), allow_pickle=False)
    if values.ndim != 3 or values.shape[2] != 3 or not values.size:
        raise ValueError(f"expected an array [h, w, 3], got {[*values.shape]}")
    return eight_bits(values)
