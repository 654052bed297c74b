"""The report of a run: a table in Markdown, and the same in JSON with all that is needed to reproduce it."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rich import box
from rich.table import Table

from groupcam_jax.evaluation.estimates import Estimate
from groupcam_jax.evaluation.machine import machine
from groupcam_jax.evaluation.markdown import write_markdown
from groupcam_jax.files import write_json

Summary = Mapping[str, Mapping[str, Estimate]]  # method -> column -> figure


class Cells(NamedTuple):
    """A table: its columns but for the method, and by method a text and a number to sort by for each of them."""

    columns: Sequence[str]
    rows: Mapping[str, Sequence[tuple[str, float]]]


def tabulate(summary: Summary) -> Cells:
    """One row per method: its figures with their 95 % intervals, and how many pictures are behind them."""
    columns = list(dict.fromkeys(column for figures in summary.values() for column in figures if figures[column].n))
    rows = {}
    for method, figures in summary.items():
        counts = sorted({figures[column].n for column in columns if column in figures} or {0})
        known = [(cell(one), one.value) if (one := figures.get(column)) else ("", math.nan) for column in columns]
        rows[method] = [*known, (" to ".join(dict.fromkeys([str(counts[0]), str(counts[-1])])), float(counts[-1]))]
    return Cells([*columns, "n"], rows)


def summary_table(title: str, summary: Summary) -> Table:
    """The table as a terminal shows it."""
    cells = tabulate(summary)
    table = Table("method", *cells.columns, title=title, title_justify="left", box=box.MARKDOWN)
    for method, row in cells.rows.items():
        table.add_row(method, *(text for text, _ in row))
    return table


def cell(estimate: Estimate) -> str:
    """A figure and its interval."""
    if math.isnan(estimate.value):
        return ""
    value, low, high = (f"{one:.{estimate.digits}f}" for one in estimate[:3])
    return f"{value} ({low} to {high})" if math.isfinite(estimate.low) else value


def write_report(folder: Path, title: str, summary: Summary, manifest: Mapping[str, object]) -> None:
    """Writes `table.md` and `table.json`."""
    figures = {
        method: {
            column: {name: None if value != value else value for name, value in one._asdict().items()}
            for column, one in columns.items()
        }
        for method, columns in summary.items()
    }
    report = {"title": title, "figures": figures, **manifest, "machine": machine()}
    write_json(folder / "table.json", report, default=str, allow_nan=False)
    write_markdown(folder / "table.md", summary_table(title, summary))
