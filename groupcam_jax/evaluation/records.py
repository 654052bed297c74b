"""Rows of finished work, one JSON object per line, from which a killed run resumes.

The rows of a batch are written together and flushed to the disk. A killed process leaves at most one cut line, which is
ignored, and removed when a run next opens the file. Maps are stored beside the rows, each in a file of its own.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from groupcam_jax.files import whole_file

Row = dict[str, Any]
DIGITS = 6  # decimals of the values in a row


def read_rows(folder: Path) -> list[Row]:
    """Reads the rows of all processes that ever worked in a folder, one per picture and method, sorted."""
    rows = {}
    for file in folder.glob("rows-*.jsonl"):
        for line in file.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                row = json.loads(line)
                rows[row["number"], row["method"]] = row
    return [rows[place] for place in sorted(rows)]


def append_rows(path: Path, rows: Iterable[Row]) -> None:
    """Appends rows, and waits until they are on the disk."""
    text = "".join(f"{json.dumps(row, allow_nan=False)}\n" for row in rows)
    if not text:
        return
    with path.open("ab") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def mend(path: Path) -> None:
    """Removes the incomplete line that a killed process left, before more is appended."""
    if path.exists():
        with path.open("r+b") as file:
            whole = file.read().rpartition(b"\n")
            file.truncate(len(whole[0]) + len(whole[1]))


def make_row(folder: Path, place: Row, values: Mapping[str, np.ndarray]) -> Row:
    """Makes the row of one picture and method: numbers and lists of them; arrays of higher rank go into a file.

    Args:
      folder: the run's.
      place: number, id and method.
      values: what was measured; NaN and infinity become null.
    """
    maps = {name: value for name, value in values.items() if value.ndim > 1}
    if maps:
        with whole_file(map_file(folder, place)) as file:
            np.savez(file, allow_pickle=False, **{name: value.astype(np.float16) for name, value in maps.items()})
    return {**place, **{name: rounded(value.tolist()) for name, value in values.items() if name not in maps}}


def map_file(folder: Path, place: Row) -> Path:
    """The file for the maps of a picture and a method."""
    file = folder / "maps" / place["method"] / f"{place['number']}.npz"
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def rounded(value: Any) -> Any:
    """The value as stored in a row."""
    if isinstance(value, list):
        return [rounded(one) for one in value]
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    return value
