"""One run of an experiment: measures what is left, then makes the table and figures from all rows."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure
from rich.console import Console

from groupcam_jax.evaluation.adoption import adopt, records
from groupcam_jax.evaluation.contenders import method_version
from groupcam_jax.evaluation.data import Dataset, Example, batches
from groupcam_jax.evaluation.data.examples import digest
from groupcam_jax.evaluation.ledger import BROKEN, Ledger, Origin, shortened
from groupcam_jax.evaluation.manifest import check, wait_for_others
from groupcam_jax.evaluation.records import Row, mend
from groupcam_jax.evaluation.report import WIDTH, Summary, summary_table, write_report
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


class Outcome(NamedTuple):
    """What has come of a run.

    Attributes:
      whole: whether all is done, with a result.
      rows: what was measured, by method; of process 0 alone.
      summary: the figures of each method.
      figures: by name.
    """

    whole: bool
    rows: Mapping[str, list[Row]]
    summary: Summary
    figures: Mapping[str, Figure]


def run(job: Job, console: Console, errors: Console) -> Outcome:
    """Runs the share of this process; process 0 then reports.

    Every process that has begun must hold its folder (`manifest.hold`): process 0 waits for those that do.

    Raises:
      ValueError: the folder holds another run.
      KeyboardInterrupt: after reporting what is done so far.
    """
    check(job.folder, job.manifest)
    for file in records(job.folder):
        number = file.stem.removeprefix("rows-")  # of the process that wrote it, and maybe writes it now
        if int(number) % job.processes == job.process and (damaged := mend(file)):
            errors.print(damaged, style="red", markup=False)
    programs = job.experiment.programs(job.study)
    pictures = min(len(job.dataset), job.limit or len(job.dataset))
    version = functools.cache(functools.partial(method_version, job.experiment.programs.__module__))
    origin = Origin(job.dataset.identities(), version)
    rows = adopt(job.folder, origin, errors)
    ledger = Ledger(rows, programs, pictures, job.study.batch)
    left = ledger.left()
    share = sum(missing for index, missing in left.items() if index % job.processes == job.process)
    done = set(range(-(-pictures // job.study.batch))) - set(left)

    def transform(example: Example) -> Example:
        shown = job.transform(example)
        job.experiment.needs(shown, len(job.study.classifier.class_names))
        return shown

    parts = batches(
        job.dataset,
        transform,
        job.study.batch,
        skip=done,
        process=job.process,
        processes=job.processes,
        limit=job.limit,
    )
    if left:
        rows = []  # they would take memory while more is measured
    try:
        run_share(programs, parts, ledger, origin, job.folder, job.process, share, errors)
    except KeyboardInterrupt:
        report(job, list(programs), pictures, adopt(job.folder, origin), origin, console, errors)
        raise
    if job.process != 0:
        console.print(f"process {job.process} of {job.processes} has done its share of {job.folder.name}")
        return Outcome(True, {}, {}, {})
    wait_for_others(job.folder, job.processes, functools.partial(errors.print, markup=False))
    if left:
        rows = adopt(job.folder, origin)
    return report(job, list(programs), pictures, rows, origin, console, errors)


def report(
    job: Job,
    methods: list[str],
    pictures: int,
    rows: list[Row],
    origin: Origin,
    console: Console,
    errors: Console,
) -> Outcome:
    """Prints and writes the table, draws the figures, and says what is missing."""
    rows = [row for row in rows if row["number"] < pictures]
    ledger = Ledger(rows, methods, pictures, job.study.batch)
    by_method: dict[str, list[Row]] = {method: [] for method in methods}
    for row in rows:
        by_method.setdefault(row["method"], []).append(row)
    measured = {row["number"] for row in rows if row["method"] != BROKEN}
    broken = [row for row in by_method.pop(BROKEN, []) if row["number"] not in measured]
    ledger.done[BROKEN] = {row["number"] for row in broken}
    summary = {method: job.experiment.summarize(found) for method, found in by_method.items() if found}
    empty = [method for method, columns in summary.items() if not any(column.n for column in columns.values())]
    figures: Mapping[str, Figure] = {}
    if summary:
        console.print(summary_table(job.experiment.title, summary), width=WIDTH)
        told = {"pictures": len(job.dataset), "contents": digest(*origin.pictures)}
        told = {**job.manifest, **job.options, **told, "broken": [row["id"] for row in broken]}
        write_report(job.folder, job.experiment.title, summary, told)
        drawn = [row for found in by_method.values() for row in found]
        figures = job.experiment.draw(job.folder, drawn) if job.experiment.draw else {}
        for name, figure in figures.items():
            with whole_file(job.folder / f"{name}.png") as file:
                figure.savefig(file, format="png")
    by_reason: dict[str, list[str]] = {}
    for row in broken:
        by_reason.setdefault(row["error"].removeprefix(f"{row['id']}: "), []).append(row["id"])
    for reason, ids in by_reason.items():
        errors.print(
            f"{len(ids)} of {pictures} pictures were left out ({shortened(ids)}): {reason}", style="red", markup=False
        )
    left = ledger.left()
    if left:
        shares = sorted({index % job.processes for index in left})
        of = f", the shares of the processes {', '.join(map(str, shares))}," if job.processes > 1 else ""
        errors.print(
            f"{sum(left.values())} of {pictures * len(methods)} measurements{of} are missing; "
            "the same command goes on with them",
            style="red",
        )
    elif not summary:
        errors.print(f"{job.experiment.title}: no picture could be measured", style="red")
    for method in empty:
        errors.print(
            f"{job.experiment.title}, {method}: no value is finite; its maps, or the logits, are NaN", style="red"
        )
    return Outcome(not left and bool(summary) and not empty, by_method, summary, figures)
