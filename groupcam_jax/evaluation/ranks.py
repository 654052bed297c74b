"""The ranks of methods by several measures, with what other pictures would change."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import rankdata

from groupcam_jax.evaluation.estimates import RESAMPLES
from groupcam_jax.evaluation.records import DIGITS, Row
from groupcam_jax.plots import Shown


def ranks_figure(rows: Sequence[Row], measures: Mapping[str, int]) -> Figure:
    """Draws a table of ranks, 1 for the best: a row per method, a column per measure, the mean value beside each.

    Args:
      rows: of all methods.
      measures: the columns that are ranked; 1 if high values are good, -1 if low ones are.
    """
    methods = list(dict.fromkeys(row["method"] for row in rows))
    found = {measure: ranks(rows, methods, measure, better) for measure, better in measures.items()}
    known = {measure: one for measure, one in found.items() if one is not None}
    figure = Shown(figsize=(2.6 + 1.15 * max(1, len(known)), 1.5 + 0.5 * len(methods)), dpi=130, layout="constrained")
    axes = figure.subplots()
    if known:
        shown = np.stack([middle for middle, _, _ in known.values()], axis=1)
        axes.imshow(shown, cmap="cividis_r", vmin=1, vmax=len(methods), aspect="auto", origin="upper")
        for column, (middle, low, high) in enumerate(known.values()):
            for row in range(len(methods)):
                bright = middle[row] > (len(methods) + 1) / 2
                style: dict[str, Any] = {"ha": "center", "color": "white" if bright else "black"}
                axes.text(column, row, f"{middle[row]:g}", va="bottom", fontsize=10, weight="bold", **style)
                axes.text(column, row, f"{low[row]:g} to {high[row]:g}", va="top", fontsize=7, **style)
    axes.set_xticks(range(len(known)), known, rotation=35, ha="left", fontsize=9)
    axes.set_yticks(range(len(methods)), methods, fontsize=9)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("rank, 1 is best; below it 95 % of the ranks when pictures are drawn again", fontsize=8)
    return figure


def ranks(
    rows: Sequence[Row], methods: Sequence[str], measure: str, better: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The rank of each method's mean, and its 95 % interval by the bootstrap over pictures, with all rows of each.

    Only rows that the measure knows for every method count; None if there are none. Equal means share their ranks.
    """
    by_place = {(row["method"], row["number"]): row[measure] for row in rows}
    ids = {row["number"]: row["id"] for row in rows}  # a picture has a row for each of its categories
    table = np.array([[by_place.get((method, number)) for number in ids] for method in methods], float)
    known = np.isfinite(table).all(0)
    if not known.any():
        return None
    table = table[:, known]
    pictures, picture = np.unique(np.array([*ids.values()])[known], return_inverse=True)
    drawn = np.random.default_rng(0).multinomial(len(pictures), [1 / len(pictures)] * len(pictures), RESAMPLES)

    def ranked(weights: np.ndarray) -> np.ndarray:
        # Rounded as the rows are: the order of a sum decides no rank.
        return rankdata(-better * np.round(table @ weights / weights.sum(0), DIGITS), axis=0)

    low, high = np.percentile(ranked(drawn[:, picture].T), (2.5, 97.5), axis=1, method="nearest")
    return ranked(np.ones(len(picture))), low, high
