"""The loop over a data set: what is not done yet is done, written, and counted."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from experiments.data import Batch
from experiments.evaluation.ledger import BROKEN, Ledger
from experiments.evaluation.records import append_rows, make_row
from experiments.evaluation.study import Program


class PictureColumn(ProgressColumn):
    """How many pictures are measured, and how many a second."""

    def render(self, task: Task) -> Text:
        """What stands in the line."""
        speed = f", {task.speed:.2f} a second" if task.speed else ""
        return Text(f"{task.completed:,.0f} of {task.total or 0:,.0f} pictures{speed}", style="progress.download")


def run_share(
    programs: Mapping[str, Program],
    batches: Iterable[Batch],
    ledger: Ledger,
    folder: Path,
    process: int,
    total: int,
    console: Console,
) -> None:
    """Measures batches and appends their rows.

    Args:
      programs: by method.
      batches: the share of this process.
      ledger: what there is no need to do again.
      folder: of the run.
      process: which of several; it writes a file of its own.
      total: pictures in the share, each counted once for every method.
      console: where the progress is shown.
    """
    file = folder / f"rows-{process}.jsonl"
    columns = "{task.description}", BarColumn(), PictureColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        for batch in batches:
            rows = [{"batch": batch.index, "id": name, "method": BROKEN, "error": why} for name, why in batch.broken]
            for row in rows:
                bar.console.print(f"skipped {row['id']}: {row['error']}", style="red", markup=False)
            append_rows(file, rows)
            ledger.ids[batch.index, BROKEN].update(row["id"] for row in rows)
            for method, program in programs.items() if batch.ids else ():
                missing = ledger.missing(batch.index, method)
                if not missing:
                    continue
                bar.update(task, description=method)
                values = program(batch)
                places = [{"batch": batch.index, "id": name, "method": method} for name in batch.ids]
                known = ledger.ids[batch.index, method]
                append_rows(
                    file,
                    [
                        make_row(folder, place, {name: value[number] for name, value in values.items()})
                        for number, place in enumerate(places)
                        if place["id"] not in known
                    ],
                )
                bar.advance(task, missing)
