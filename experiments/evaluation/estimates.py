"""A figure with its 95 % interval, by the bootstrap over pictures (Efron, 1979)."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

RESAMPLES = 1000


class Estimate(NamedTuple):
    """A figure, the ends of its interval, the values behind it (of none all is NaN), and the digits to tell it with."""

    value: float
    low: float
    high: float
    n: int
    digits: int = 1


def mean(values: np.ndarray) -> Any:
    """The mean over pictures."""
    return values.mean(0)


def estimate(
    values: Sequence[Any],
    statistic: Callable[[np.ndarray], Any] = mean,
    scale: float = 100.0,
    pictures: Sequence[str] | None = None,
) -> Estimate:
    """Estimates a statistic of the values of pictures.

    Args:
      values: one for each picture, a number or a row of numbers; None (which was no number) is left out.
      statistic: `[n, ...] -> number`.
      scale: what the figure is multiplied by; 100 gives per cent.
      pictures: the picture of each value, where one has several: those are drawn together.
    """
    places = [place for place, value in enumerate(values) if value is not None and None not in np.atleast_1d(value)]
    known = np.array([values[place] for place in places])
    if len(known) == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    value, digits = scale * float(statistic(known)), 1 if scale >= 100 else 3
    names = np.arange(len(known)) if pictures is None else np.array(pictures)[places]
    _, picture_of = np.unique(names, return_inverse=True)
    if (count := picture_of.max() + 1) == 1:
        return Estimate(value, np.nan, np.nan, len(known), digits)
    of_picture = [np.flatnonzero(picture_of == picture) for picture in range(count)]
    drawn = stats.bootstrap(
        (np.arange(count),),
        lambda chosen: statistic(known[np.concatenate([of_picture[picture] for picture in chosen])]),
        n_resamples=RESAMPLES,
        method="percentile",
        vectorized=False,
        rng=0,
    )
    low, high = (scale * float(end) for end in drawn.confidence_interval)
    return Estimate(value, low, high, len(known), digits)
