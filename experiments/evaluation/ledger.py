"""What is done of a run, and what is left."""

import collections
from collections.abc import Iterable

from experiments.evaluation.records import Row

BROKEN = ""  # the method of a row that tells why a picture could not be read


class Ledger:
    """The pictures done of every batch, by method, as the rows tell."""

    def __init__(self, rows: Iterable[Row], methods: Iterable[str], pictures: int, batch: int) -> None:
        self.methods, self.pictures, self.batch = list(methods), pictures, batch
        self.ids: dict[tuple[int, str], set[str]] = collections.defaultdict(set)
        for row in rows:
            self.ids[row["batch"], row["method"]].add(row["id"])

    def missing(self, index: int, method: str) -> int:
        """How many pictures of a batch a method has still to do."""
        size = min(self.batch, self.pictures - index * self.batch)
        return size - len(self.ids[index, method] | self.ids[index, BROKEN])

    def left(self) -> dict[int, int]:
        """The batches that are not done, with the pictures that they have still to do, summed over the methods."""
        count = -(-self.pictures // self.batch)
        sums = {index: sum(self.missing(index, method) for method in self.methods) for index in range(count)}
        return {index: missing for index, missing in sums.items() if missing}
