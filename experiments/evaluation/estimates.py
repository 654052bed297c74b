"""A figure with its 95 % interval, by the bootstrap over pictures (Efron, 1979)."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from experiments.evaluation.records import Row

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
    rows: Sequence[Row],
    of: str | Callable[[Row], Any],
    statistic: Callable[[np.ndarray], Any] = mean,
    scale: float = 100.0,
) -> Estimate:
    """Estimates a statistic of the values in rows. The rows of one picture are drawn together.

    Args:
      rows: of one method.
      of: the column, or the function of a row, that gives its value: a number or a row of numbers; None (which was no
        number) is left out.
      statistic: `[n, ...] -> number`.
      scale: what the figure is multiplied by; 100 gives per cent.
    """
    values = [row[of] if isinstance(of, str) else of(row) for row in rows]
    places = [place for place, value in enumerate(values) if value is not None and None not in np.atleast_1d(value)]
    known = np.array([values[place] for place in places])
    if len(known) == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    value, digits = scale * float(statistic(known)), 1 if scale >= 100 else 3
    pictures: dict[str, int] = {}
    picture = np.array([pictures.setdefault(rows[place]["id"], len(pictures)) for place in places])
    if len(pictures) == 1:
        return Estimate(value, np.nan, np.nan, len(known), digits)
    ordered, counts = np.argsort(picture, kind="stable"), np.bincount(picture)
    starts = np.cumsum(counts) - counts

    def resampled(chosen: np.ndarray) -> Any:
        """The statistic of all values of the chosen pictures."""
        lengths = counts[chosen]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return statistic(known[ordered[np.repeat(starts[chosen], lengths) + within]])

    drawn = stats.bootstrap(
        (np.arange(len(pictures)),),
        resampled,
        n_resamples=RESAMPLES,
        method="percentile",
        vectorized=False,
        rng=0,
    )
    low, high = (scale * float(end) for end in drawn.confidence_interval)
    return Estimate(value, low, high, len(known), digits)
