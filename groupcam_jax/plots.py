"""Pictures of explanations."""

import io
import itertools
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from groupcam_jax.files import whole_file
from groupcam_jax.types import Pixels

WIDTH = 3.4  # width of a panel, in inches
WIDTH_OF_MANY = 1.75  # the same where methods are side by side
GAP = 0.06  # inches between these panels
MOST_METHODS = 7  # side by side; the rest continue below
BRIGHTEST = 99.5  # percentile of a map that gets the brightest colour where methods are side by side
COLORS = "inferno"


class Shown(Figure):
    """A figure that a notebook shows. Those of pyplot are shown because it registers them, which bare ones are not."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()


def write_figure(path: Path, figure: Figure) -> None:
    """Writes a figure as PNG, whole or not at all."""
    with whole_file(path) as file:
        figure.savefig(file, format="png")


def explanation_figure(picture: Pixels, saliencies: Sequence[Any], titles: Sequence[str]) -> Figure:
    """Draws a picture, its saliency and the two overlaid, one row per class.

    Args:
      picture: uint8 `[H, W, 3]`.
      saliencies: one map `[h, w]` in [0, 1] per class, stretched over the picture; any arrays.
      titles: one per class.

    Returns:
      The figure; `figure.savefig(path)` writes it.
    """
    panel = WIDTH * panel_aspect(picture)
    above = [textwrap.fill(title, 32) for title in titles]
    height = len(titles) * (panel + 0.45) + 0.18 * sum(title.count("\n") for title in above)
    figure = Shown(figsize=(3 * WIDTH + 0.6, height), dpi=120, layout="constrained")
    rows = figure.subplots(len(titles), 3, squeeze=False)
    for row, saliency, title in zip(rows, saliencies, above, strict=True):
        draw_explanation(figure, row, picture, np.asarray(saliency, np.float32), title)
    return figure


def methods_figure(picture: Pixels, saliencies: Mapping[str, Sequence[Any]], titles: Sequence[str]) -> Figure:
    """Draws a picture beside the maps of several methods, one row per class: the paper's figure 2.

    Args:
      picture: uint8 `[H, W, 3]`.
      saliencies: by method name, one map `[h, w]` in [0, 1] per class, stretched over the picture; any arrays. Methods
        that do not fit side by side continue below, beside the picture again. The brightest colour stands for a high
        percentile of the map: otherwise one bright pixel would leave the rest of a fine-grained map dark.
      titles: one per class.

    Returns:
      The figure; `figure.savefig(path)` writes it.
    """
    lines = -(-len(saliencies) // MOST_METHODS)
    columns = -(-len(saliencies) // lines)  # as few as suffice, so that the last line is not nearly empty
    width, height = WIDTH_OF_MANY, WIDTH_OF_MANY * panel_aspect(picture)
    above = [textwrap.fill(name, 21) for name in ("picture", *saliencies)]  # long names break at their hyphens
    beside = [textwrap.fill(title, max(8, int(11 * height))) for title in titles]
    top, left = (0.14 + 0.16 * (1 + max(text.count("\n") for text in texts)) for texts in (above, beside))
    down = top + len(titles) * (height + GAP)  # from one line to the next
    across = left + (1 + columns) * (width + GAP)
    figure = Shown(figsize=(across + 0.6, lines * down + GAP), dpi=150)

    def place(x: float, y: float, width: float, height: float) -> Axes:
        """Axes placed in inches from the upper left."""
        whole_width, whole_height = figure.get_size_inches()
        box = (x / whole_width, 1 - (y + height) / whole_height, width / whole_width, height / whole_height)
        return figure.add_axes(box)

    def panel(line: int, column: int, row: int) -> Axes:
        """Axes for one class and one method, or the picture."""
        axes = place(left + column * (width + GAP), line * down + top + row * (height + GAP), width, height)
        axes.set_axis_off()
        if row == 0:
            axes.set_title(above[line * columns + column if column else 0], fontsize=9, pad=4, parse_math=False)
        return axes

    style = {"rotation": 90, "ha": "right", "va": "center", "multialignment": "center", "weight": "bold", "fontsize": 9}
    for line, (row, title) in itertools.product(range(lines), enumerate(beside)):
        axes = panel(line, 0, row)
        axes.imshow(picture, origin="upper")
        axes.text(-0.04, 0.5, title, transform=axes.transAxes, parse_math=False, **style)
    for number, maps in enumerate(saliencies.values()):
        line, column = divmod(number, columns)
        for row, saliency in enumerate(maps):
            draw_overlay(panel(line, column + 1, row), picture, brightened(np.asarray(saliency, np.float32)))
    bar = place(across + 0.04, top, 0.09, lines * down - top - GAP)
    figure.colorbar(ScalarMappable(Normalize(0, 1), COLORS), cax=bar)
    bar.set_yticks([0, 1], ["0", "high"], fontsize=9)
    bar.set_ylabel("saliency", fontsize=9, labelpad=-12)  # between the two tick labels
    return figure


def draw_explanation(figure: Figure, row: Sequence[Axes], picture: Pixels, saliency: np.ndarray, title: str) -> None:
    """Draws one class into the three axes of a row."""
    plain, alone, overlay = row
    plain.imshow(picture, origin="upper")
    shown = alone.imshow(saliency, **heat(picture))
    draw_overlay(overlay, picture, saliency)
    figure.colorbar(shown, cax=overlay.inset_axes((1.03, 0, 0.04, 1)), label="saliency")
    for axes, name in zip(row, ("picture", title, "overlay"), strict=True):
        axes.set_axis_off()
        axes.set_title(name, fontsize=11, fontweight="bold" if axes is alone else "normal", parse_math=False)


def brightened(saliency: np.ndarray) -> np.ndarray:
    """A map whose high percentile is 1, so that one bright pixel does not leave the rest dark."""
    brightest = np.percentile(saliency, BRIGHTEST)
    return np.clip(saliency / brightest, 0, 1) if brightest > 0 else saliency


def draw_overlay(axes: Axes, picture: Pixels, saliency: np.ndarray) -> None:
    """Draws a saliency over its picture in grey, so that colour means saliency only; where it is NaN, nothing."""
    colored = heat(picture)
    axes.imshow(picture.mean(2), extent=colored["extent"], origin="upper", cmap="gray", vmin=-60, vmax=315)
    axes.imshow(saliency, alpha=0.6 * np.clip(np.nan_to_num(saliency), 0, 1) ** 0.7, **colored)


def heat(picture: Pixels) -> dict[str, Any]:
    """How a saliency is drawn: stretched over its picture, in the same colours everywhere."""
    height, width = picture.shape[:2]
    extent = (0, width, height, 0)
    return {"extent": extent, "origin": "upper", "cmap": COLORS, "vmin": 0, "vmax": 1, "interpolation": "bilinear"}


def panel_aspect(picture: Pixels) -> float:
    """Height over width of a panel: the picture's, unless that is very wide or tall."""
    height, width = picture.shape[:2]
    return min(max(height / width, 0.4), 2.0)
