"""The loop over a data set: measures what is not done yet, writes the rows, and shows the progress."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from groupcam_jax.evaluation.data import Batch
from groupcam_jax.evaluation.ledger import BROKEN, Ledger
from groupcam_jax.evaluation.records import append_rows, make_row, mend
from groupcam_jax.evaluation.study import BatchProgram


class PictureColumn(ProgressColumn):
    """How many pictures are measured, and how many per second."""

    def render(self, task: Task) -> Text:
        """The text of the column."""
        speed = f", {task.speed:.2f} a second" if task.speed else ""
        return Text(f"{task.completed:,.0f} of {task.total or 0:,.0f} pictures{speed}", style="progress.download")


def run_share(
    programs: Mapping[str, BatchProgram],
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
      ledger: what is done already.
      folder: the run's.
      process: the number of this process; each writes its own file.
      total: pictures in the share, each counted once per method.
      console: where to show the progress.
    """
    file = folder / f"rows-{process}.jsonl"
    mend(file)
    columns = "{task.description}", BarColumn(), PictureColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        for batch in batches:
            rows = [{"number": one.number, "id": one.id, "method": BROKEN, "error": one.why} for one in batch.broken]
            for row in rows:
                bar.console.print(f"skipped {row['error']}", style="red", markup=False)
            append_rows(file, rows)
            ledger.done[BROKEN].update(row["number"] for row in rows)
            for method, program in programs.items() if batch.ids else ():
                missing = ledger.missing(batch.index, method)
                if not missing:
                    continue
                bar.update(task, description=method)
                values = program(batch)
                places = [
                    {"number": int(number), "id": name, "method": method}
                    for number, name in zip(batch.numbers, batch.ids, strict=True)
                ]
                append_rows(
                    file,
                    [
                        make_row(folder, place, {name: value[row] for name, value in values.items()})
                        for row, place in enumerate(places)
                        if place["number"] not in ledger.done[method]
                    ],
                )
                bar.advance(task, missing)
