"""Brings channels of other depths to 8 bits, where their range can be told.

declared by a TIFF            fewer bits a sample, or a largest value of 10 to 15 ones: so many bits
integers of 16 or more bits   some value above 16,383, or all are multiples of 256 or 257: 16 bits, the upper 8 are kept
                              all up to 255: 8 bits;   all up to 4,095: 12 bits;   else 14 bits, or dark? refused
floats                        all from 0 to 1: shares of 255;   up to 255: 8 bits
all up to 15, but not 0       numbers of classes, or floats beyond 1? refused
"""

import warnings

import numpy as np

_SAVE = "save it with 8 bits a channel"
_LEAST = 16  # a picture in 0 to 255 is somewhere brighter than this


def declared_bits(bits: int, largest: int | tuple[int, ...] | None) -> int | None:
    """The depth that a TIFF declares, if it is another than that of the container.

    Args:
      bits: of a sample.
      largest: MaxSampleValue, one or one for each channel, which may be a range, or no more than what happens to be in
        the picture; None if missing.
    """
    if 8 < bits < 16:
        return bits
    largest = max(largest) if isinstance(largest, tuple) else largest
    if largest is not None and 0x3FF <= largest <= 0x7FFF and largest & (largest + 1) == 0:
        return largest.bit_length()
    return None


def eight_bits(values: np.ndarray, bits: int | None = None) -> np.ndarray:
    """Scales values to 0 to 255, and warns if the type does not tell their range.

    Args:
      values: integers or floats of any shape.
      bits: the depth of integers if the file declares it, from 8 on; None finds it.

    Returns:
      uint8 of the same shape.

    Raises:
      ValueError: other values than these, or a range that cannot be told.
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind not in "iuf" or values.dtype == np.int8 or not values.size:
        raise ValueError(f"it holds {values.size} values of type {values.dtype}; {_SAVE}")
    if values.dtype.kind == "f":
        return _floats(values)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 0xFFFF:
        raise ValueError(f"its values from {low} to {high} have no fixed range; {_SAVE}")
    if bits is not None and high >> bits:
        raise ValueError(f"it declares {bits} bits, but has values up to {high}; {_SAVE}")
    return (values >> (_depth(values, high) if bits is None else bits) - 8).astype(np.uint8)


def _depth(values: np.ndarray, high: int) -> int:
    if high > 0x3FFF or not (values % 257).any() or not (values % 256).any():
        return 16
    if high < _LEAST or high > 0xFFF:
        why = "a dark picture, or one of 14 bits?" if high > 0xFFF else "a picture, or numbers of classes?"
        raise ValueError(f"its {8 * values.itemsize}-bit values reach only {high}: {why} {_SAVE}")
    bits = 8 if high <= 0xFF else 12
    taken = f"{8 * values.itemsize}-bit values that reach only {'255' if bits == 8 else '4,095'}"
    warnings.warn(f"{taken} are taken for {bits} bits", stacklevel=1)
    return bits


def _floats(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and (high <= 1 or _LEAST <= high <= 255)):  # NaN is refused as well
        raise ValueError(f"its values from {low:g} to {high:g} have no fixed range; {_SAVE}")
    most = 1 if high <= 1 else 255
    warnings.warn(f"floating-point values are taken for a range from 0 to {most}", stacklevel=1)
    return (values.astype(np.float32) * np.float32(255 / most)).round().astype(np.uint8)
