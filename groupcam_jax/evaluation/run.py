"""One run of an experiment: measures what is left, then makes the table and figures from all rows."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from groupcam_jax.evaluation.data import Dataset, Example, batches
from groupcam_jax.evaluation.devices import wait_for_others
from groupcam_jax.evaluation.ledger import BROKEN, Ledger
from groupcam_jax.evaluation.manifest import claim
from groupcam_jax.evaluation.records import Row, read_rows
from groupcam_jax.evaluation.report import WIDTH, summary_table, write_report
from groupcam_jax.evaluation.runner import run_share
from groupcam_jax.evaluation.study import Experiment, Study
from groupcam_jax.files import whole_file


class Job(NamedTuple):
    """What to run, and in which process.

    Attributes:
      experiment: what is measured.
      study: the network and the methods.
      dataset: the pictures; only the first `limit` of them, if that is not None.
      transform: brings the pictures to one size.
      manifest: what distinguishes this run from others.
      options: other settings, written beside the table.
      folder: where the results go.
      process: which of `processes` this is.
    """

    experiment: Experiment
    study: Study
    dataset: Dataset
    transform: Callable[[Example], Example]
    limit: int | None
    manifest: Mapping[str, object]
    options: Mapping[str, object]
    folder: Path
    process: int
    processes: int


def run(job: Job, console: Console, errors: Console) -> bool:
    """Runs the share of this process; process 0 then reports. Returns whether all is done.

    Raises:
      ValueError: the folder holds another run.
      KeyboardInterrupt: after reporting what is done so far.
    """
    claim(job.folder, job.manifest)
    programs = job.experiment.programs(job.study)
    pictures = min(len(job.dataset), job.limit or len(job.dataset))
    ledger = Ledger(read_rows(job.folder), programs, pictures, job.study.batch)
    left = ledger.left()
    share = sum(missing for index, missing in left.items() if index % job.processes == job.process)
    done = set(range(-(-pictures // job.study.batch))) - set(left)
    parts = batches(
        job.dataset,
        job.transform,
        job.study.batch,
        skip=done,
        process=job.process,
        processes=job.processes,
        limit=job.limit,
    )
    try:
        run_share(programs, parts, ledger, job.folder, job.process, share, errors)
    except KeyboardInterrupt:
        report(job, list(programs), pictures, console, errors)
        raise
    if job.process != 0:
        console.print(f"process {job.process} of {job.processes} has done its share of {job.folder.name}")
    wait_for_others(job.folder.name)
    return job.process != 0 or report(job, list(programs), pictures, console, errors)


def report(job: Job, methods: list[str], pictures: int, console: Console, errors: Console) -> bool:
    """Prints and writes the table, draws the figures, and says what is missing. Returns True if nothing is."""
    rows = [row for row in read_rows(job.folder) if row["number"] < pictures]
    ledger = Ledger(rows, methods, pictures, job.study.batch)
    by_method: dict[str, list[Row]] = {method: [] for method in methods}
    for row in rows:
        by_method.setdefault(row["method"], []).append(row)
    measured = {row["number"] for row in rows if row["method"] != BROKEN}
    broken = [row for row in by_method.pop(BROKEN, []) if row["number"] not in measured]
    ledger.done[BROKEN] = {row["number"] for row in broken}
    summary = {method: job.experiment.summarize(found) for method, found in by_method.items() if found}
    if summary:
        console.print(summary_table(job.experiment.title, summary), width=WIDTH)
        told = {**job.manifest, **job.options, "broken": [row["id"] for row in broken]}
        write_report(job.folder, job.experiment.title, summary, told)
        drawn = [row for found in by_method.values() for row in found]
        for name, figure in (job.experiment.draw(job.folder, drawn) if job.experiment.draw else {}).items():
            with whole_file(job.folder / f"{name}.png") as file:
                figure.savefig(file, format="png")
    if broken:
        errors.print(f"{len(broken)} pictures could not be read and were left out", style="red")
    left = ledger.left()
    if left:
        shares = sorted({index % job.processes for index in left})
        of = f", the shares of the processes {', '.join(map(str, shares))}," if job.processes > 1 else ""
        errors.print(
            f"{sum(left.values())} of {pictures * len(methods)} measurements{of} are missing; "
            "the same command goes on with them",
            style="red",
        )
    return not left
