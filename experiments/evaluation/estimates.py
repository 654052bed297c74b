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


def estimate(values: Sequence[Any], statistic: Callable[[np.ndarray], Any] = mean, scale: float = 100.0) -> Estimate:
    """Estimates a statistic of the values of pictures.

    Args:
      values: one for each picture, a number or a row of numbers; None (which was no number) is left out.
      statistic: `[n, ...] -> number`.
      scale: what the figure is multiplied by; 100 gives per cent.
    """
    known = np.array([value for value in values if value is not None and None not in np.atleast_1d(value)])
    if len(known) == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    value, digits = scale * float(statistic(known)), 1 if scale >= 100 else 3
    if len(known) == 1:
        return Estimate(value, np.nan, np.nan, 1, digits)
    drawn = stats.bootstrap(
        (np.arange(len(known)),),
        lambda chosen: statistic(known[chosen]),
        n_resamples=RESAMPLES,
        method="percentile",
        vectorized=False,
        rng=0,
    )
    low, high = (scale * float(end) for end in drawn.confidence_interval)
    return Estimate(value, low, high, len(known), digits)
