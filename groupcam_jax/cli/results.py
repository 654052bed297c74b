"""What a run leaves behind: lines on the screen, a picture, and raw maps with all that is needed to make them again."""

import datetime
import json
import pathlib
import shlex
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from groupcam_jax.cli.explain import Explanation
from groupcam_jax.cli.pictures import Picture
from groupcam_jax.plots import explanation_figure
from groupcam_jax.program.layers import list_layers
from pretrained.files import whole_file


def report(console: Console, classifier: Any, picture: Picture, explanations: Sequence[Explanation], top: int) -> None:
    """Prints the top classes of a picture, and where the saliency of each explained class peaks."""
    probabilities = explanations[0].probabilities
    table = Table(title=picture.source, title_justify="left", show_header=False, box=None)
    for rank, label in enumerate(np.argsort(-probabilities)[:top], start=1):
        table.add_row(str(rank), f"{probabilities[label]:.1%}", classifier.class_names[label], f"class {label}")
    console.print(table)
    height, width = picture.pixels.shape[:2]
    for explanation in explanations:
        saliency, name = explanation.saliency, classifier.class_names[explanation.label]
        row, column = np.unravel_index(saliency.argmax(), saliency.shape)
        x, y = (column + 0.5) / saliency.shape[1] * width, (row + 0.5) / saliency.shape[0] * height
        where = f"peaks at x {x:.0f}, y {y:.0f} of {width} x {height}"
        if not saliency.max() > 0:
            where = "nothing in the picture speaks for it at this layer: the map is zero"
        console.print(f"  {name} ({explanation.probability:.1%}): {where}")


def layers_table(classifier: Any) -> Table:
    """Lists the layers of a classifier as a table."""
    table = Table("index", "scope", "operation", "shape", "cut", box=None, header_style="bold")
    shape = (classifier.image_size, classifier.image_size, 3)
    for layer in list_layers(classifier.apply, classifier.params, shape):
        cut = "cut" if layer.is_cut else ""
        table.add_row(str(layer.index), layer.scope, layer.operation, " x ".join(map(str, layer.shape)), cut)
    return table


def save_figure(path: pathlib.Path, classifier: Any, picture: Picture, explanations: Sequence[Explanation]) -> None:
    """Draws the explanations of a picture into one PNG."""
    names = [classifier.class_names[explanation.label].replace("_", " ") for explanation in explanations]
    titles = [f"{name}  {e.probability:.1%}" for name, e in zip(names, explanations, strict=True)]
    figure = explanation_figure(picture.pixels, [e.saliency for e in explanations], titles)
    with whole_file(path) as file:
        figure.savefig(file, format="png")


def save_raw(path: pathlib.Path, classifier: Any, explanation: Explanation, options: dict[str, Any]) -> None:
    """Writes a map as float32 `.npy`, and beside it, as `.json`, from what and how it was made."""
    with whole_file(path) as file:
        np.save(file, explanation.saliency.astype(np.float32))
    manifest = {
        **options,
        "label": explanation.label,
        "class": classifier.class_names[explanation.label],
        "probability": explanation.probability,
        "command": shlex.join(["groupcam", *sys.argv[1:]]),
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": jax.devices()[0].device_kind,
        "versions": {name: metadata.version(name) for name in ("groupcam-jax", "jax", "jaxlib", "numpy")},
    }
    with whole_file(path.with_suffix(".json")) as file:
        file.write(json.dumps(manifest, indent=2).encode())
