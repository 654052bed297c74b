"""A figure with its 95 % interval, by the bootstrap over pictures (Efron, 1979).

A statistic is a function of values and weights: a resample weights each picture by how often it was drawn.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from groupcam_jax.evaluation.records import Row
from groupcam_jax.types import Scalar

RESAMPLES = 1000
Values = Float[Array, "n ..."]
Weights = Float[Array, " n"]
Statistic: TypeAlias = Callable[[Values, Weights], Scalar]


class Estimate(NamedTuple):
    """A figure and its interval.

    Attributes:
      value: the figure; NaN if there are no values.
      low: the lower end of the interval; NaN for a single picture.
      high: the upper end.
      n: how many values the figure is computed from.
      digits: to print after the decimal point.
    """

    value: float
    low: float
    high: float
    n: int
    digits: int = 1


def mean(values: Values, weights: Weights) -> Scalar:
    """The mean over pictures."""
    return (values * weights).sum() / weights.sum()


def estimate(
    rows: Sequence[Row], of: str | Callable[[Row], Any], statistic: Statistic = mean, scale: float = 100.0
) -> Estimate:
    """Estimates a statistic of the values in rows. The rows of one picture are drawn together.

    Args:
      rows: those of one method.
      of: the column, or the function of a row, that gives its value: a number or a list of numbers; None (NaN or
        infinity in the data) is left out.
      statistic: `(values [n, ...], weights [n]) -> number`; the same function object is compiled once.
      scale: factor for the figure; 100 gives per cent.
    """
    values = [row[of] if isinstance(of, str) else of(row) for row in rows]
    lacking = [value is None or (isinstance(value, list) and None in value) for value in values]
    places = [place for place, lacks in enumerate(lacking) if not lacks]
    digits = 1 if scale >= 100 else 3
    if not places:
        return Estimate(np.nan, np.nan, np.nan, 0, digits)
    known = jnp.asarray(np.array([values[place] for place in places], np.float32))
    ids = [rows[place]["id"] for place in places]
    numbers = {id: number for number, id in enumerate(sorted(set(ids)))}
    value = scale * float(statistic(known, jnp.ones(len(known))))
    if len(numbers) == 1:
        return Estimate(value, np.nan, np.nan, len(known), digits)
    picture = jnp.asarray(np.array([numbers[id] for id in ids], np.int32))
    low, high = scale * np.percentile(resample(statistic, known, picture, draws(len(numbers))), (2.5, 97.5))
    return Estimate(value, float(low), float(high), len(known), digits)


@functools.partial(jax.jit, static_argnames="statistic")
def resample(
    statistic: Statistic, values: Values, picture: Int[Array, " n"], drawn: UInt8[Array, "resamples pictures"]
) -> Float[Array, " resamples"]:
    """The statistic of each of many resamples, from how often each picture was drawn."""
    return jax.lax.map(lambda counts: statistic(values, counts[picture].astype(jnp.float32)), drawn)


@functools.lru_cache(maxsize=4)  # the columns of a table have few numbers of pictures; 50,000 take 48 MiB
def draws(pictures: int) -> UInt8[Array, "resamples pictures"]:
    """How often each picture is drawn in each resample: as many as there are, with replacement.

    A byte is enough: 256 times the same one of more than 255 pictures does not happen.
    """

    @jax.jit
    def draw(key):
        drawn = jax.random.randint(key, (pictures,), 0, pictures, jnp.int32)
        return jnp.zeros(pictures, jnp.uint8).at[drawn].add(jnp.uint8(1))

    return jax.lax.map(draw, jax.random.split(jax.random.key(0), RESAMPLES))
