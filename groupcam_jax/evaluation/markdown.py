"""Tables as files of Markdown, and their figures beside them."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from groupcam_jax.evaluation.machine import write_measured
from groupcam_jax.files import whole_file

WIDTH = 500  # of a table, in characters; a terminal may be narrower, but not a file


def write_table(path: Path, table: Table, figures: Mapping[str, Any]) -> None:
    """Writes a table as `path.md`, and its figures as `path.json`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_measured(path.with_suffix(".json"), figures)
    write_markdown(path.with_suffix(".md"), table)


def write_markdown(path: Path, table: Table) -> None:
    """Writes a table whose box is `rich.box.MARKDOWN`, without the blanks that fill up its lines."""
    text = io.StringIO()
    Console(file=text, width=WIDTH).print(table)
    with whole_file(path) as file:
        file.write("".join(f"{line.rstrip()}\n" for line in text.getvalue().strip().splitlines()).encode())
