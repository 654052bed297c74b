"""What the records of a folder hold for a run: rows of its own data and code count, whoever measured them."""

from pathlib import Path

from rich.console import Console

from groupcam_jax.evaluation.compact import compact_rows
from groupcam_jax.evaluation.ledger import Origin
from groupcam_jax.evaluation.records import Row


def adopt(folder: Path, origin: Origin, errors: Console | None = None) -> list[Row]:
    """The rows that count, see `Origin.sort_out`.

    Args:
      folder: the run's.
      origin: what its rows come from.
      errors: where to tell of rows that do not count any more, if they are to be told of.
    """
    rows, strange = origin.sort_out(compact_rows(*records(folder)))
    if strange and errors:
        changed = " and ".join(origin.differences(strange))
        errors.print(
            f"{folder}: {changed} changed since {len(strange)} rows were measured; they do not count any more, and "
            "what this run asks for is measured again",
            style="yellow",
            markup=False,
        )
    return rows


def records(folder: Path) -> list[Path]:
    """The records of all processes that ever worked in a folder."""
    return sorted(file for file in folder.glob("rows-*.jsonl") if file.stem.removeprefix("rows-").isdecimal())
