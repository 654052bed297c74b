"""What is known after each epoch: one JSON object a line, and, where TensorBoard is installed, event files."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import optax

from groupcam_jax.files import whole_file
from groupcam_jax.training.step import Sums

Epoch = dict[str, Any]


def read_log(file: Path, epochs: int) -> list[Epoch]:
    """Reads the first epochs; what a run that was stopped wrote of later ones is left out.

    Raises:
      ValueError: a line is not as it was written.
    """
    lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
    rows = []
    for number, line in enumerate(lines, start=1):
        if line.endswith(b"\n"):
            try:
                rows += [row] if (row := json.loads(line))["epoch"] <= epochs else []
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                raise ValueError(f"{file}, line {number}: not as written; leave out this line ({error})") from error
    return rows


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


def epoch_of(
    rate: optax.Schedule, epoch: int, step: int, trained: Sums, measured: Sums, speed: float | None, broken: int
) -> Epoch:
    """What is told of an epoch; that before the first one trained on nothing."""
    loss, accuracy = means(trained)
    held_out_loss, held_out_accuracy = means(measured)
    return {
        "epoch": epoch,
        "step": step,
        "rate": float(np.asarray(rate(max(step - 1, 0)))),
        "loss": loss,
        "accuracy": accuracy,
        "validation_loss": held_out_loss,
        "validation_accuracy": held_out_accuracy,
        "validation_pictures": int(measured.pictures),
        "broken": broken,
        "pictures_per_second": None if speed is None else round(speed, 1),
    }


def means(sums: Sums) -> tuple[float | None, float | None]:
    """The mean loss and the share of right answers; None of no picture."""
    pictures = int(sums.pictures)
    return (float(sums.loss) / pictures, int(sums.right) / pictures) if pictures else (None, None)


def described(row: Epoch, epochs: int) -> str:
    """An epoch as a line."""
    accuracy = row["validation_accuracy"]
    right = "no picture held out can be read" if accuracy is None else f"{accuracy:.1%} right of those held out"
    if row["loss"] is None:
        return f"before training: {right}"
    speed = f"; {row['pictures_per_second']} pictures a second" if row["pictures_per_second"] else ""
    return f"epoch {row['epoch']} of {epochs}: loss {row['loss']:.3f}, {row['accuracy']:.1%} right; {right}{speed}"
