"""Warnings on the command line: one line each, with the picture that was being read."""

import contextlib
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console

from groupcam_jax.pictures.decode import READING

NAMED = 5  # pictures with the same warning; the others are counted


@contextlib.contextmanager
def printed_warnings(console: Console) -> Iterator[None]:
    """Prints warnings to a console, without the code that they come from."""
    pictures: Counter[str] = Counter()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        picture = READING.get()
        if picture is not None:
            pictures[str(message)] += 1
            if pictures[str(message)] > NAMED:
                return
        console.print(f"warning: {f'{picture}: ' if picture else ''}{message}", style="yellow", markup=False)

    warnings.showwarning = show
    # Of every picture: Python's default shows the same words once.
    warnings.filterwarnings("always", module=r"(groupcam_jax\.pictures|PIL)\.")
    try:
        yield
    finally:
        for message, count in pictures.items():
            if count > NAMED:
                console.print(f"warning: {count - NAMED} more pictures: {message}", style="yellow", markup=False)
