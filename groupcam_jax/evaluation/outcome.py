"""What comes of a run: the table and figures of all its rows, and what is missing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from matplotlib.figure import Figure
from rich.console import Console

from groupcam_jax.evaluation.job import Job
from groupcam_jax.evaluation.ledger import BROKEN, Ledger
from groupcam_jax.evaluation.markdown import WIDTH
from groupcam_jax.evaluation.records import Row
from groupcam_jax.evaluation.report import Summary, summary_table, write_report
from groupcam_jax.evaluation.study import Experiment
from groupcam_jax.plots import write_figure
from groupcam_jax.some import some


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


def conclude(
    job: Job, methods: Sequence[str], rows: Sequence[Row], contents: str, console: Console, errors: Console
) -> Outcome:
    """Prints and writes the table, draws the figures, and says what is missing.

    Args:
      job: what was to do.
      methods: what was to be measured.
      rows: what was measured.
      contents: the digest of the pictures.
      console: for the table.
      errors: for what is missing.
    """
    rows = [row for row in rows if row["number"] < job.pictures]
    by_method: dict[str, list[Row]] = {method: [] for method in methods}
    for row in rows:
        by_method.setdefault(row["method"], []).append(row)
    measured = {row["number"] for row in rows if row["method"] != BROKEN}
    broken = [row for row in by_method.pop(BROKEN, []) if row["number"] not in measured]
    ledger = Ledger(rows, methods, job.pictures, job.study.batch)
    ledger.done[BROKEN] = {row["number"] for row in broken}
    summary = {method: job.experiment.summarize(found) for method, found in by_method.items() if found}
    figures: Mapping[str, Figure] = {}
    if summary:
        console.print(summary_table(job.experiment.title, summary), width=WIDTH)
        told = {"pictures": len(job.dataset), "contents": contents, "broken": [row["id"] for row in broken]}
        write_report(job.folder, job.experiment.title, summary, {**job.manifest, **job.options, **told})
        drawn = [row for found in by_method.values() for row in found]
        figures = job.experiment.draw(job.folder, drawn) if job.experiment.draw else {}
        for name, figure in figures.items():
            write_figure(job.folder / f"{name}.png", figure)
    gaps = list(missing(job, ledger, summary))
    for message in [*left_out(broken, job.pictures), *without_value(job.experiment, by_method), *gaps]:
        errors.print(message, style="red", markup=False)
    return Outcome(not gaps, by_method, summary, figures)


def left_out(broken: Sequence[Row], pictures: int) -> Iterator[str]:
    """Tells of pictures that could not be read, by reason."""
    by_reason: dict[str, list[str]] = {}
    for row in broken:
        by_reason.setdefault(row["error"].removeprefix(f"{row['id']}: "), []).append(row["id"])
    for reason, ids in by_reason.items():
        yield f"{len(ids)} of {pictures} pictures were left out ({some(ids)}): {reason}"


def without_value(experiment: Experiment, by_method: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """Tells of pictures that have not the value that ranks them, by method: a table says nothing of them but in n."""
    for method, rows in by_method.items():
        ids = [row["id"] for row in rows if experiment.ranking.value(row) is None]
        if ids:
            yield (
                f"{experiment.title}, {method}: {len(ids)} of {len(rows)} pictures were left out ({some(ids)}): "
                f"their {experiment.ranking.name} is NaN"
            )


def missing(job: Job, ledger: Ledger, summary: Summary) -> Iterator[str]:
    """Tells what keeps a run from being whole: measurements that are left to do, and methods without a result."""
    left = ledger.left()
    if left:
        shares = sorted({index % job.processes for index in left})
        of = f", the shares of the processes {', '.join(map(str, shares))}," if job.processes > 1 else ""
        every = job.pictures * len(ledger.methods)
        yield f"{sum(left.values())} of {every} measurements{of} are missing; the same command goes on with them"
    elif not summary:
        yield f"{job.experiment.title}: no picture could be measured"
    for method, columns in summary.items():
        if not any(column.n for column in columns.values()):
            yield f"{job.experiment.title}, {method}: no value is finite; its maps, or the logits, are NaN"
