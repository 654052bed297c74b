"""Files that appear under their names only when complete."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Opens a binary file to write; it appears at `path`, replacing any older file, only once it is complete.

    Raises:
      OSError: it cannot be written; the message has the path.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(part)):  # a full disk has no name
            error.filename = str(path)
        raise
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, content: object, **options: Any) -> None:
    """Writes a whole file of indented JSON, with such options of `json.dumps` as `default`.

    Raises:
      TypeError: the content holds something that JSON has no form for.
    """
    with whole_file(path) as file:
        file.write(f"{json.dumps(content, indent=2, **options)}\n".encode())
