"""Tables in Markdown, and the files that they are made of."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "experiments" / "results"


def read_results(name: str) -> Any:
    """What an experiment has written, `experiments/results/NAME.json`."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, a list of cells a row."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def machine(told: dict[str, Any]) -> str:
    """The machine and the versions of a measurement, in a line."""
    versions = ", ".join(f"{name} {told['versions'][name]}" for name in ("jax", "torch") if name in told["versions"])
    return f"{told['device'].replace('cpu', 'CPU')}: {told['processor']}, {told['cores']} cores; {versions}"
