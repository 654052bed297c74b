"""The share of one process of a run: measures what is not done yet, writes the rows, and shows the progress."""

from collections.abc import Iterable, Mapping

from rich.console import Console

from groupcam_jax.evaluation.data import Batch
from groupcam_jax.evaluation.job import Job
from groupcam_jax.evaluation.ledger import BROKEN, Ledger, Origin
from groupcam_jax.evaluation.records import Row, make_row, recording
from groupcam_jax.evaluation.study import BatchProgram
from groupcam_jax.progress_line import progress_line


def run_share(
    job: Job,
    programs: Mapping[str, BatchProgram],
    batches: Iterable[Batch],
    ledger: Ledger,
    origin: Origin,
    total: int,
    console: Console,
) -> None:
    """Measures batches and appends their rows.

    Args:
      job: says in which process this is; each writes its own file.
      programs: by method.
      batches: the share of this process.
      ledger: what is done already.
      origin: what the rows come from.
      total: pictures in the share, each counted once per method.
      console: where to show the progress.
    """
    file = job.folder / f"rows-{job.process}.jsonl"
    told: set[str] = set()

    def place(number: int, id: str, method: str) -> Row:
        return {"number": number, "id": id, "method": method, **origin.of(number, method)}

    with progress_line(console, "pictures", digits=2) as bar, recording(file) as record:
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
                    make_row(job.folder, place, {name: value[row] for name, value in values.items()})
                    for row, place in enumerate(places)
                    if place["number"] not in ledger.done[method]
                )
                bar.advance(task, missing)
