"""Which parts of a run are done, and which are left."""

import collections
from collections.abc import Iterable

from groupcam_jax.evaluation.records import Row

BROKEN = ""  # the method of a row that says why a picture could not be read


class Ledger:
    """The numbers of the pictures that are done, by method, according to the rows.

    Args:
      rows: those of the run so far; every run retries pictures that could not be read.
      methods: those to run.
      pictures: how many to measure, from the first on.
      batch: pictures per batch.
    """

    def __init__(self, rows: Iterable[Row], methods: Iterable[str], pictures: int, batch: int) -> None:
        self.methods, self.pictures, self.batch = list(methods), pictures, batch
        self.done: dict[str, set[int]] = collections.defaultdict(set)
        for row in rows:
            if row["method"] != BROKEN:
                self.done[row["method"]].add(row["number"])

    def missing(self, index: int, method: str) -> int:
        """How many pictures of a batch a method still has to do."""
        numbers = range(index * self.batch, min((index + 1) * self.batch, self.pictures))
        done, broken = self.done[method], self.done[BROKEN]
        return sum(number not in done and number not in broken for number in numbers)

    def left(self) -> dict[int, int]:
        """The unfinished batches, each with the number of pictures left to do, summed over the methods."""
        count = -(-self.pictures // self.batch)
        sums = {index: sum(self.missing(index, method) for method in self.methods) for index in range(count)}
        return {index: missing for index, missing in sums.items() if missing}
