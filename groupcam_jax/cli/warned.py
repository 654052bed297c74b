"""Warnings on the command line: one line each, with the picture that was being read."""

import warnings
from typing import TextIO

from rich.console import Console

from groupcam_jax.pictures.decode import READING


def print_warnings(console: Console) -> None:
    """From now on prints warnings to a console, without the code that they come from."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        picture = READING.get()
        console.print(f"warning: {f'{picture}: ' if picture else ''}{message}", style="yellow", markup=False)

    warnings.showwarning = show
