"""What a page shows of a run: its table, its figures, and the best and the worst pictures of each method."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from groupcam_jax.evaluation.again import explain_again
from groupcam_jax.evaluation.job import Job
from groupcam_jax.evaluation.outcome import Outcome
from groupcam_jax.evaluation.records import Row
from groupcam_jax.evaluation.report import Cells, tabulate
from groupcam_jax.evaluation.study import Ranking
from groupcam_jax.report.chart import chart
from groupcam_jax.report.encode import picture_url

SHOWN = 2  # of the worst pictures of a method, and as many of the best
THUMBNAIL = 72  # pixels along the longer side


class Link(NamedTuple):
    """A small picture that leads to its explanation: its card, a `data:` address, and what it shows."""

    anchor: str
    url: str
    told: str


class Section(NamedTuple):
    """What a page shows of a run, ready for its template.

    Attributes:
      title: of the experiment.
      table: with a row per method.
      charts: SVG.
      ranking: by what pictures are better or worse.
      extremes: by method, its worst pictures and its best.
      cards: of all these pictures, see `groupcam_jax.report.Explained.card`.
    """

    title: str
    table: Cells
    charts: Sequence[str]
    ranking: str
    extremes: Mapping[str, Sequence[Sequence[Link]]]
    cards: Sequence[Mapping[str, Any]]


def section(job: Job, outcome: Outcome) -> Section:
    """Explains the best and the worst pictures of a run again, and gathers what there is to show."""
    experiment = job.experiment
    ranking, study = experiment.ranking, experiment.variants(job.study)
    ends = {method: extremes(outcome.rows[method], ranking) for method in study.builders if method in outcome.rows}
    chosen = {row["number"]: row for both in ends.values() for rows in both for row in rows}
    found = dict(explain_again(study, ranking, job.dataset, job.transform, chosen))
    anchors = {number: f"{job.manifest['experiment']}-{number}" for number in found}

    def link(row: Row) -> Link:
        number = row["number"]
        url = picture_url(found[number].picture, THUMBNAIL)
        return Link(anchors[number], url, f"{row['id']}: {ranking.value(row):.3f}")

    scores: dict[int, dict[str, str]] = {number: {} for number in found}
    for method, rows in outcome.rows.items():
        for row in rows:
            if row["number"] in found and (value := ranking.value(row)) is not None:
                scores[row["number"]][method] = f"{ranking.name} {value:.3f}"
    return Section(
        experiment.title,
        tabulate(outcome.summary),
        [chart(f"{experiment.title}: {name}", figure) for name, figure in outcome.figures.items()],
        ranking.name,
        {
            method: [[link(row) for row in rows if row["number"] in found] for rows in both]
            for method, both in ends.items()
        },
        [
            {**one.card(), "anchor": anchors[number], "section": experiment.title, "scores": scores[number]}
            for number, one in found.items()
        ],
    )


def extremes(rows: Sequence[Row], ranking: Ranking) -> tuple[list[Row], list[Row]]:
    """The worst pictures of a method and its best, from the outside in; none is both."""
    valued = [(value, row) for row in rows if (value := ranking.value(row)) is not None]
    ordered = [row for _, row in sorted(valued, key=lambda one: ranking.better * one[0])]
    few = min(SHOWN, len(ordered) // 2)
    return ordered[:few], ordered[::-1][:few]
