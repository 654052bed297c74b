"""The table: per cent, and what each method gains over Group-CAM on the same pictures, with its 95 % interval."""

from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from experiments.refined.measure import LEVELS
from groupcam_jax.evaluation.estimates import estimate

BASE = "group-cam"
COLUMNS = (
    *("standard", "noise", "soft", "photo", "mean", "ROAD", "other network", "moved", "blurred"),
    *("hit", "energy", "IoU"),
)
Rows = list[dict[str, Any]]


def summary(rows: Rows) -> Table:
    """A row per method, a column per measure."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    best = {method: best_level([row for row in rows if row["method"] == method]) for method in methods}
    rows = [row | {"IoU": row[best[row["method"]]]} for row in rows]
    bases = {row["id"]: row for row in rows if row["method"] == BASE}
    table = Table("method", *COLUMNS, "n", box=box.MARKDOWN)
    for method in methods:
        own = [row for row in rows if row["method"] == method]
        table.add_row(method, *(cell(own, bases, column) for column in COLUMNS), str(len(own)))
    return table


def best_level(rows: Rows) -> str:
    """The column of the overlap that is largest over all pictures of a method."""
    columns = [f"IoU above {level}" for level in LEVELS]
    return max(columns, key=lambda column: np.mean([row[column] for row in rows if row[column] is not None] or [0]))


def cell(rows: Rows, bases: dict[str, dict[str, Any]], column: str) -> str:
    """The mean of a method, and its gain where both are known."""
    text = f"{estimate(rows, column).value:.1f}"
    pairs = [(row, bases[row["id"]]) for row in rows if row["method"] != BASE and row["id"] in bases]
    gains = [
        {"id": row["id"], "gain": row[column] - base[column]}
        for row, base in pairs
        if row[column] is not None and base[column] is not None
    ]
    if not gains:
        return text
    gain = estimate(gains, "gain")
    return f"{text} ({gain.value:+.1f}, {gain.low:+.1f} to {gain.high:+.1f})"
