"""Which parts of a run are done, and which are left."""

import collections
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from groupcam_jax.evaluation.records import Row
from groupcam_jax.some import some

BROKEN = ""  # the method of a row that says why a picture could not be read


class Origin(NamedTuple):
    """What the rows of a run come from.

    Attributes:
      pictures: `Dataset.identity` of all of them.
      version: of the code, by method.
      run: identifies the model and all else that the manifest says of the run.
    """

    pictures: Sequence[str]
    version: Callable[[str], str]
    run: str

    def of(self, number: int, method: str) -> Row:
        """What a row says of it; a row of other data or code, or of another run, says something else."""
        picture = self.pictures[number] if number < len(self.pictures) else None
        return {"picture": picture, "code": self.version(method), "run": self.run}

    def sort_out(self, rows: Iterable[Row]) -> tuple[list[Row], list[Row]]:
        """The latest row of each picture and method from here, sorted; and others, which none of these replaces."""
        own, strange = {}, {}
        for row in rows:
            place = row["number"], row["method"]
            before = {"run": self.run}  # rows of earlier versions do not tell: their folder's manifest speaks for them
            (own if (before | row).items() >= self.of(*place).items() else strange)[place] = row
        return [own[place] for place in sorted(own)], [strange[place] for place in sorted({*strange} - {*own})]

    def differences(self, rows: Iterable[Row]) -> list[str]:
        """What has changed since rows were measured."""
        names: dict[str, dict[str, None]] = {
            "the picture or annotation": {},
            "the code": {},
            "the model, its weights or the options": {},
        }
        for row in rows:
            now = self.of(row["number"], row["method"])
            for what, name, key in zip(names, (row["id"], row["method"], row["method"]), now, strict=True):
                if row.get(key, now[key]) != now[key]:
                    names[what][name] = None
        return [f"{what} of {some(changed)}" for what, changed in names.items() if changed]


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
