"""Measures as much as a budget of seconds has room for; what fails or has no room is told by name."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Row = dict[str, Any]
UNKNOWN = 60.0  # seconds that the first piece of a kind is expected to take


class Piece(NamedTuple):
    """Something to measure.

    Attributes:
      place: what it is, by name; "contender" is its kind. It becomes part of the piece's row.
      measure: returns the figures.
    """

    place: Mapping[str, Any]
    measure: Callable[[], Row]


def within(budget: float, pieces: Iterable[Piece], tell: Callable[[str], object]) -> Iterator[Row]:
    """Measures one piece after the other.

    A piece is expected to take as long as the longest of its kind has, and the first of its kind a minute.

    Args:
      budget: seconds, from the first piece on; a piece that has begun is not stopped.
      pieces: the most important first.
      tell: is called with a line before each piece.

    Yields:
      the place of each piece with its figures and the seconds that it `took`; or with `left_out`, which says why there
      are none.
    """
    started = time.perf_counter()
    longest: dict[str, float] = {}
    for place, measure in pieces:
        begun = time.perf_counter()
        left = budget - (begun - started)
        expected = longest.get(place["contender"], UNKNOWN)
        if left < expected:
            yield {**place, "left_out": f"no time: about {expected:.0f} s needed, {max(left, 0):.0f} s left"}
            continue
        tell(f"{begun - started:.0f} s: {', '.join(map(str, place.values()))}")
        try:
            found = measure()
        except Exception as error:  # JAX, PyTorch and their compilers raise anything, for want of memory too
            found = {"left_out": f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"}
        took = time.perf_counter() - begun
        longest[place["contender"]] = max(took, longest.get(place["contender"], 0.0))
        yield {**place, **found, "took": took}
