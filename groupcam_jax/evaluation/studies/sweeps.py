"""The figures of the ablation: the areas by number of groups and by percentile (arXiv:2103.13859, figure 5).

The rows are those of `ablation`, one per picture and setting; they hold the setting as numbers.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from groupcam_jax.evaluation.figures import Panel, curves_figure
from groupcam_jax.evaluation.records import Row
from groupcam_jax.evaluation.studies.insertion_deletion import AREAS

GROUPS = (1, 4, 8, 16, 32, 64, 128)
PERCENTILES = (0, 10, 20, 30, 40, 50, 60, 70, 80, 90)


def draw(folder: Path | None, rows: Sequence[Row]) -> Mapping[str, Figure]:
    """The areas by groups and by percentile, as in figure 5."""
    del folder  # the rows hold the areas
    by_method: dict[str, list[Row]] = {}
    for row in rows:
        by_method.setdefault(row["method"].partition(", ")[0], []).append(row)
    sweeps = {
        "groups": {method: sweep(found, "groups", GROUPS[0], "percentile") for method, found in by_method.items()},
        "percentile": {
            method: sweep(found, "percentile", PERCENTILES[0], "groups") for method, found in by_method.items()
        },
    }

    def panel(value: str, axis: str) -> Panel:
        places = sorted(set.intersection(*map(set, sweeps[axis].values())))
        curves = {
            method: common_values([by_place[place] for place in places], value)
            for method, by_place in sweeps[axis].items()
        }
        return Panel([f"{place:g}" for place in places], axis, "area", curves)

    return {
        axis: curves_figure({f"{value} by {axis}": panel(value, axis) for value in AREAS.values()})
        for axis, by_place in sweeps.items()
        if all(by_place.values())
    }


def sweep(rows: Sequence[Row], varied: str, first: int, fixed: str) -> dict[float, list[Row]]:
    """The rows of a method by the varied setting; only its own sweep reaches `first`, which gives the fixed one."""
    usual = [row[fixed] for row in rows if row[varied] == first][:1]
    by_place: dict[float, list[Row]] = {}
    for row in rows:
        if row[fixed] in usual and row[varied] is not None:
            by_place.setdefault(row[varied], []).append(row)
    return by_place


def common_values(by_setting: Sequence[Sequence[Row]], value: str) -> np.ndarray:
    """The values `[n, settings]` of the pictures measured at all settings."""
    known = [{row["number"]: row[value] for row in rows} for rows in by_setting]
    common = sorted(set.intersection(*map(set, known)))
    return np.array([[one[number] for one in known] for number in common], float).reshape(len(common), len(known))
