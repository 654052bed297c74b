"""What is known after each epoch: one JSON object a line, and, where TensorBoard is installed, event files."""

import importlib.util
import json
from pathlib import Path
from typing import Any

from groupcam_jax.files import whole_file

Epoch = dict[str, Any]


def read_log(file: Path, epochs: int) -> list[Epoch]:
    """Reads the first epochs; what a run that was stopped wrote of later ones is left out."""
    lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
    rows = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return [row for row in rows if row["epoch"] <= epochs]


def write_log(file: Path, rows: list[Epoch]) -> None:
    """Writes all epochs, whole or not at all."""
    with whole_file(file) as lines:
        lines.write("".join(f"{json.dumps(row, allow_nan=False)}\n" for row in rows).encode())


def write_events(folder: Path, row: Epoch) -> None:
    """Writes an epoch for TensorBoard, if the user has it."""
    if importlib.util.find_spec("tensorboard") is None:
        return
    from tensorboard.summary import Writer

    writer = Writer(str(folder))
    for name, value in row.items():
        if name not in ("epoch", "step") and value is not None:
            writer.add_scalar(name, float(value), row["epoch"])
    writer.close()
