"""Rows of finished work, one JSON object per line, from which a killed run resumes.

The rows of a batch are written together, and flushed to the disk once a second. Each line ends with its checksum: one
that was cut or damaged is no row. When a run next opens the file, the cut line that a killed process left is removed,
and damaged ones go into a file beside it. Maps are stored beside the rows, each in a file of its own.
"""

import contextlib
import json
import math
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from groupcam_jax.files import whole_file
from groupcam_jax.some import some

Row = dict[str, Any]
DIGITS = 6  # decimals of the values in a row
FLUSHED_EVERY = 1  # second
CHECK = b', "crc": "'  # what the last entry of a line begins with


def read_rows(*files: Path) -> list[Row]:
    """Reads the whole rows of files, in order; missing files have none."""
    return [json.loads(text) for text in whole_lines(*files)]


def whole_lines(*files: Path) -> Iterator[bytes]:
    """The JSON of the whole rows of files, in order, one at a time; missing files have none."""
    for file in files:
        if file.exists():
            with file.open("rb") as lines:
                yield from (text for line in lines if (text := whole(line.removesuffix(b"\n"))))


def whole(line: bytes) -> bytes | None:
    """The JSON of a line, without its checksum; None if it is not as it was written."""
    text = line.rpartition(CHECK)[0] + b"}"
    return text if sealed(text) == line else None


def sealed(text: bytes) -> bytes:
    """The line of a JSON object: it ends with the checksum of the rest."""
    return text[:-1] + CHECK + b'%08x"}' % zlib.crc32(text)


def append_rows(path: Path, rows: Iterable[Row]) -> None:
    """Appends rows, and waits until they are on the disk."""
    with recording(path) as record:
        record(rows)


@contextlib.contextmanager
def recording(path: Path) -> Iterator[Callable[[Iterable[Row]], None]]:
    """Gives `record(rows)`, which appends rows: a process that is killed loses none of them.

    They are flushed to the disk at the end, and before that with the first rows of each second: a machine that loses
    its power loses what one second has measured.
    """
    with path.open("ab") as file:
        flushed = time.monotonic()

        def record(rows: Iterable[Row]) -> None:
            nonlocal flushed
            texts = [json.dumps(row, allow_nan=False).encode() for row in rows]
            with named(path):
                file.write(b"".join(sealed(text) + b"\n" for text in texts))
                file.flush()
                if time.monotonic() - flushed >= FLUSHED_EVERY:
                    os.fsync(file.fileno())
                    flushed = time.monotonic()

        try:
            yield record
        finally:
            with named(path):
                os.fsync(file.fileno())


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Names the file in an error of the disk: that it is full comes without one."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def mend(path: Path) -> str | None:
    """Puts damaged lines aside, and removes the incomplete one that a killed process left, before more is appended.

    Returns:
      what to tell of damaged lines, if there are any.
    """
    if not path.exists():
        return None
    strange: dict[int, bytes] = {}
    line = b"\n"
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not whole(line.removesuffix(b"\n")):
                strange[number] = line
    damaged = [number for number, one in strange.items() if one.endswith(b"\n")]
    aside = path.with_suffix(".damaged")
    if damaged:
        with aside.open("ab") as file:
            file.writelines(strange[number] for number in damaged)
            file.flush()
            os.fsync(file.fileno())
    if damaged or not line.endswith(b"\n"):
        with path.open("rb") as lines, whole_file(path) as file:
            kept = (one for number, one in enumerate(lines, start=1) if number not in strange)
            file.writelines(one.removesuffix(b"\n") + b"\n" for one in kept)
    if not damaged:
        return None
    return (
        f"{path}, line {some(damaged, 5)}: not as written; {len(damaged)} such lines are in {aside.name} now, "
        "to be measured again"
    )


def make_row(folder: Path, place: Row, values: Mapping[str, np.ndarray]) -> Row:
    """Makes the row of one picture and method: numbers and lists of them; arrays of higher rank go into a file.

    Args:
      folder: the run's.
      place: number, id and method, and what they came from.
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
    """The value as stored in a row: a number, or a list of an array's, all floats or none."""
    if isinstance(value, list) and value and isinstance(value[0], float):
        return [round(one, DIGITS) if math.isfinite(one) else None for one in value]
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    return value
