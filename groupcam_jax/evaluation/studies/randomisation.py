"""The figures of the sanity checks: how maps change as a network loses its weights (arXiv:1810.03292, figures 2 to 4).

The rows are those of `sanity_check`, one per picture, method and way of randomising.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from groupcam_jax.evaluation.figures import Panel, curves_figure
from groupcam_jax.evaluation.records import Row, map_file
from groupcam_jax.plots import methods_figure

CASCADING, INDEPENDENT = "cascading", "independent"
AXES = {CASCADING: "randomised down to", INDEPENDENT: "randomised"}
MEASURES = {"spearman": "Spearman", "ssim": "SSIM", "hog": "HOG"}


def draw(folder: Path, rows: Sequence[Row]) -> Mapping[str, Figure]:
    """For each way of randomising, the curves of all pictures and the maps of the first."""
    figures = {}
    for way, axis in AXES.items():
        by_method: dict[str, list[Row]] = {}
        for row in rows:
            method, _, its_way = row["method"].rpartition(", ")
            if its_way == way:
                by_method.setdefault(method, []).append(row)
        if by_method:
            figures[f"{way}-curves"] = similarity_curves(by_method, axis)
            figures[f"{way}-maps"] = strips(folder, by_method)
    return figures


def similarity_curves(by_method: Mapping[str, Sequence[Row]], axis: str) -> Figure:
    """The similarity to the map of the trained network over the modules, one panel per measure."""

    def panel(name: str) -> Panel:
        curves = {method: np.array([row[name] for row in rows], float) for method, rows in by_method.items()}
        return Panel(module_names(by_method), axis, "similarity", curves)

    return curves_figure({title: panel(name) for name, title in MEASURES.items()})


def strips(folder: Path, by_method: Mapping[str, Sequence[Row]]) -> Figure:
    """The maps of the first picture: one row per method that has it, one column per module."""
    firsts = [rows[0] for rows in by_method.values()]
    number = min(row["number"] for row in firsts)
    maps, names, pictures = [], [], []
    for method, row in zip(by_method, firsts, strict=True):
        if row["number"] == number:
            with np.load(map_file(folder, row)) as kept:
                maps.append(kept["maps"].astype(np.float32))
                pictures.append(kept["picture"].astype(np.uint8))
            names.append(method)
    columns = {
        stage: [strip[place] for strip in maps] for place, stage in enumerate(["trained", *module_names(by_method)])
    }
    return methods_figure(pictures[0], columns, names)


def module_names(by_method: Mapping[str, Sequence[Row]]) -> list[str]:
    """The modules that are randomised, by name, in order."""
    first = next(iter(by_method.values()))[0]
    return ["/".join(re.findall(r"\w+", path)) for path in first["modules"]]
