"""The loop over a data set: measures what is not done yet, writes the rows, and shows the progress."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from groupcam_jax.evaluation.data import Batch
from groupcam_jax.evaluation.ledger import BROKEN, Ledger, Origin
from groupcam_jax.evaluation.records import Row, make_row, recording
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
    origin: Origin,
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
      origin: what the rows come from.
      folder: the run's.
      process: the number of this process; each writes its own file.
      total: pictures in the share, each counted once per method.
      console: where to show the progress.
    """
    file = folder / f"rows-{process}.jsonl"
    told: set[str] = set()

    def place(number: int, id: str, method: str) -> Row:
        return {"number": number, "id": id, "method": method, **origin.of(number, method)}

    columns = "{task.description}", BarColumn(), PictureColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar, recording(file) as record:
        task = bar.add_task("", total=total)
        for batch in batches:
            rows = [{**place(one.number, one.id, BROKEN), "error": one.why} for one in batch.broken]
            for one in batch.broken:
                if (reason := one.why.removeprefix(one.id)) not in told:
                    told.add(reason)
                    bar.console.print(f"skipped {one.why}", style="red", markup=False)
            record(rows)
            ledger.done[BROKEN].update(row["number"] for row in rows)
            for method, program in programs.items() if batch.ids else ():
                missing = ledger.missing(batch.index, method)
                if not missing:
                    continue
                bar.update(task, description=method)
                values = program(batch)
                places = [
                    place(number, name, method) for number, name in zip(batch.numbers.tolist(), batch.ids, strict=True)
                ]
                record(
                    make_row(folder, place, {name: value[row] for name, value in values.items()})
                    for row, place in enumerate(places)
                    if place["number"] not in ledger.done[method]
                )
                bar.advance(task, missing)
