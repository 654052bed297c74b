"""Tables as files of Markdown."""

import io
from pathlib import Path

from rich.console import Console
from rich.table import Table

from groupcam_jax.files import whole_file

WIDTH = 500  # of a table, in characters; a terminal may be narrower, but not a file


def write_markdown(path: Path, table: Table) -> None:
    """Writes a table whose box is `rich.box.MARKDOWN`, without the blanks that fill up its lines."""
    text = io.StringIO()
    Console(file=text, width=WIDTH).print(table)
    with whole_file(path) as file:
        file.write("".join(f"{line.rstrip()}\n" for line in text.getvalue().strip().splitlines()).encode())
