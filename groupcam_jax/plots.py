"""Pictures of explanations."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH = 3.4  # inches of one panel
COLORS = "inferno"


def explanation_figure(picture: Any, saliencies: Sequence[Any], titles: Sequence[str]) -> Figure:
    """Draws a picture, its saliency and the two overlaid, a row for each class.

    Args:
      picture: uint8 `[H, W, 3]`.
      saliencies: one map `[h, w]` in [0, 1] a class, stretched over the picture.
      titles: one a class.

    Returns:
      The figure; `figure.savefig(path)` writes it.
    """
    height, width = picture.shape[:2]
    panel = WIDTH * min(max(height / width, 0.4), 2.0)
    figure = Figure(figsize=(3 * WIDTH + 0.6, len(titles) * (panel + 0.45)), dpi=120, layout="constrained")
    rows = figure.subplots(len(titles), 3, squeeze=False)
    for row, saliency, title in zip(rows, saliencies, titles, strict=True):
        draw_explanation(figure, row, picture, np.asarray(saliency), title)
    return figure


def draw_explanation(figure: Figure, row: Sequence[Axes], picture: Any, saliency: Any, title: str) -> None:
    """Draws one class into the three axes of a row."""
    height, width = picture.shape[:2]
    heat = {"extent": (0, width, height, 0), "cmap": COLORS, "vmin": 0, "vmax": 1, "interpolation": "bilinear"}
    plain, alone, overlay = row
    plain.imshow(picture)
    shown = alone.imshow(saliency, **heat)
    # Grey under the heat: its colours then mean saliency and nothing else.
    overlay.imshow(picture.mean(2), extent=heat["extent"], cmap="gray", vmin=-60, vmax=315)
    overlay.imshow(saliency, alpha=0.6 * np.clip(saliency, 0, 1) ** 0.7, **heat)
    figure.colorbar(shown, cax=overlay.inset_axes((1.03, 0, 0.04, 1)), label="saliency")
    for axes, name in zip(row, ("picture", title, "overlay"), strict=True):
        axes.set_axis_off()
        axes.set_title(name, fontsize=11, fontweight="bold" if axes is alone else "normal")
