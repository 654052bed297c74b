"""The results of a run: lines on the screen, a figure, and raw maps with all that is needed to reproduce them.

Matplotlib is imported where it is used: that takes as long as the rest of an explanation of a small network.
"""

import datetime
import json
import pathlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import jax
import numpy as np
from rich.table import Table

from groupcam_jax.cli.pictures import Picture
from groupcam_jax.cli.program import Explanation
from groupcam_jax.cli.run import Request
from groupcam_jax.files import whole_file
from groupcam_jax.program.find import list_layers
from groupcam_jax.types import Classifier


def classes_table(classifier: Classifier, picture: Picture, probabilities: np.ndarray, top: int) -> Table:
    """Lists the most probable classes of a picture as a table."""
    table = Table(title=picture.source, title_justify="left", show_header=False, box=None)
    for rank, label in enumerate(np.argsort(-probabilities)[:top], start=1):
        table.add_row(str(rank), f"{probabilities[label]:.1%}", classifier.class_names[int(label)], f"class {label}")
    return table


def peaks(classifier: Classifier, picture: Picture, explanations: Sequence[Explanation], beside: str) -> str:
    """Says where in a picture the saliency of each class peaks, one line per class; `beside` begins the first."""
    height, width = picture.pixels.shape[:2]
    lines = []
    for explanation in explanations:
        saliency, name = explanation.saliency, classifier.class_names[explanation.label]
        row, column = np.unravel_index(saliency.argmax(), saliency.shape)
        x, y = (column + 0.5) / saliency.shape[1] * width, (row + 0.5) / saliency.shape[0] * height
        where = f"peaks at x {x:.0f}, y {y:.0f} of {width} x {height}"
        if not saliency.max() > 0:
            where = "the map is zero: by this method nothing at this layer speaks for it; others may tell"
        lines.append(f"{name} ({explanation.probability:.1%}): {where}")
    return beside + f"\n{' ' * len(beside)}".join(lines)


def layers_table(classifier: Classifier) -> Table:
    """Lists the layers of a classifier as a table."""
    table = Table("index", "scope", "operation", "shape", "cut", "source", "", box=None, header_style="bold")
    for column in table.columns:
        column.overflow = "fold"  # --layer needs whole names
    shape = (classifier.image_size, classifier.image_size, 3)
    for layer in list_layers(classifier.apply, classifier.params, shape):
        cut = "cut" if layer.is_cut else ""
        sides = " x ".join(map(str, layer.shape))
        table.add_row(str(layer.index), layer.scope, layer.operation, sides, cut, layer.source, layer.remark)
    return table


def save_figure(
    path: pathlib.Path,
    classifier: Classifier,
    picture: Picture,
    explanations: Mapping[str, Sequence[Explanation]],
    *,
    grid: bool,
) -> None:
    """Draws the explanations of a picture, by method name, into one PNG: a grid, or one method in detail."""
    from groupcam_jax.plots import explanation_figure, methods_figure

    first = next(iter(explanations.values()))
    names = [classifier.class_names[explanation.label].replace("_", " ") for explanation in first]
    titles = [f"{name}  {e.probability:.1%}" for name, e in zip(names, first, strict=True)]
    if grid:
        maps = {method: [e.saliency for e in classes] for method, classes in explanations.items()}
        figure = methods_figure(picture.pixels, maps, titles)
    else:
        figure = explanation_figure(picture.pixels, [e.saliency for e in first], titles)
    with whole_file(path) as file:
        figure.savefig(file, format="png")


def picture_card(
    classifier: Classifier, picture: Picture, explanations: Mapping[str, Sequence[Explanation]], top: int
) -> dict[str, Any]:
    """The explanations of a picture, by method name, for a page; its likeliest classes are listed as well."""
    from groupcam_jax.report import Explained

    first = next(iter(explanations.values()))
    labels, probabilities = [one.label for one in first], first[0].probabilities
    likeliest = [int(label) for label in np.argsort(-probabilities)[:top]]
    explained = Explained(
        picture.pixels,
        {method: [one.saliency for one in classes] for method, classes in explanations.items()},
        [classifier.class_names[label] for label in labels],
        [one.probability for one in first],
        picture.source,
        [(classifier.class_names[one], float(probabilities[one])) for one in likeliest if one not in labels],
    )
    return explained.card()


def save_raw(path: pathlib.Path, request: Request, picture: Picture, method: str, explanation: Explanation) -> None:
    """Writes a map as float32 `.npy`, with a `.json` beside it that says how it was made."""
    with whole_file(path) as file:
        np.save(file, explanation.saliency.astype(np.float32))
    manifest = {
        "picture": picture.source,
        "model": request.model,
        "method": method,
        "options": request.builders[method].keywords,
        "seed": request.seed,
        "label": explanation.label,
        "class": request.classifier.class_names[explanation.label],
        "probability": explanation.probability,
        "command": shlex.join(["groupcam", *sys.argv[1:]]),
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": jax.devices()[0].device_kind,
        "versions": {name: metadata.version(name) for name in ("groupcam-jax", "jax", "jaxlib", "numpy")},
    }
    with whole_file(path.with_suffix(".json")) as file:
        file.write(json.dumps(manifest, indent=2, default=repr).encode())
