"""Warnings on the command line: one line each, with the picture that was being read."""

import contextlib
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console

from groupcam_jax.pictures.decode import READING

NAMED = 5  # pictures with the same warning; the others are counted


@contextlib.contextmanager
def printed_warnings(console: Console) -> Iterator[None]:
    """Prints warnings to a console, without the code that they come from."""
    pictures: dict[str, set[str]] = defaultdict(set)

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
            told = pictures[str(message)]
            if picture in told or len(told) >= NAMED:
                told.add(picture)
                return
            told.add(picture)
        console.print(f"warning: {f'{picture}: ' if picture else ''}{message}", style="yellow", markup=False)

    with warnings.catch_warnings():
        warnings.showwarning = show
        if not sys.warnoptions:  # of every picture: Python's default shows the same words once
            for category in (UserWarning, RuntimeWarning):  # of Pillow, a picture's size is one of the second
                warnings.filterwarnings("always", category=category, module=r"(groupcam_jax\.pictures|PIL)\.")
        try:
            yield
        finally:
            for message, told in pictures.items():
                if len(told) > NAMED:
                    more = len(told) - NAMED
                    console.print(f"warning: {more} more pictures: {message}", style="yellow", markup=False)
