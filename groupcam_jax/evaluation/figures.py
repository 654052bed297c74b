"""Curves of several methods with their bands."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from groupcam_jax.plots import Shown


class Panel(NamedTuple):
    """One pair of axes.

    Attributes:
      x: the positions along the x axis, numbers or names.
      across: label of the x axis.
      up: label of the y axis.
      curves: by method name, `[n, len(x)]`: one curve per picture.
    """

    x: Sequence[float] | Sequence[str]
    across: str
    up: str
    curves: Mapping[str, np.ndarray]


def curves_figure(panels: Mapping[str, Panel]) -> Figure:
    """Draws panels of mean curves side by side; bands show two standard errors of the mean either way.

    Each curve carries, as JSON in its `gid`, what a page says at each of its points; see `groupcam_jax.report.chart`.
    """
    figure = Shown(figsize=(5.2 * len(panels), 4.2), dpi=120, layout="constrained")
    rows = figure.subplots(1, len(panels), squeeze=False)
    for axes, (title, panel) in zip(rows[0], panels.items(), strict=True):
        for method, curves in panel.curves.items():
            known = np.ma.masked_invalid(curves)  # as in the table, NaN is left out
            if (known.count(0) < 2).all():
                continue
            middle = known.mean(0).filled(np.nan)
            reach = 2 * (known.std(0, ddof=1) / np.sqrt(known.count(0))).filled(np.nan)
            (line,) = axes.plot(panel.x, middle, label=method, linewidth=1.5, marker="o", markersize=2)
            line.set_gid(json.dumps([method, *said(method, panel, middle, reach)]))
            axes.fill_between(panel.x, middle - reach, middle + reach, color=line.get_color(), alpha=0.15, linewidth=0)
        axes.set_title(title, fontsize=11, weight="bold")
        axes.set_xlabel(panel.across)
        axes.set_ylabel(panel.up)
        axes.spines[["top", "right"]].set_visible(False)
        if isinstance(panel.x[0], str):
            axes.tick_params("x", rotation=90, labelsize=7)
    handles, names = rows[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right upper", frameon=False, fontsize=9)
    return figure


def said(method: str, panel: Panel, middle: np.ndarray, reach: np.ndarray) -> list[str]:
    """What is said at each point of a curve that is drawn."""
    return [
        f"{method}: {value:.3f} ({value - beside:.3f} to {value + beside:.3f}) at "
        + (place if isinstance(place, str) else f"{place:.2f}")
        for place, value, beside in zip(panel.x, middle, reach, strict=True)
        if np.isfinite(value)
    ]
