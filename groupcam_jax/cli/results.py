"""The results of a run: lines on the screen, and raw maps with all that is needed to reproduce them."""

import datetime
import pathlib
import shlex
import sys
from collections.abc import Sequence
from importlib import metadata

import numpy as np
from rich.table import Table

from groupcam_jax.cli.pictures import Picture
from groupcam_jax.cli.program import Explanation
from groupcam_jax.cli.run import Request
from groupcam_jax.compiler import default_device
from groupcam_jax.files import whole_file, write_json
from groupcam_jax.program.find import list_layers
from groupcam_jax.spelled import spelled
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
        if not np.isfinite(saliency).all():
            where = "the map is NaN: the image that preprocess makes, the weights or the logits are not finite"
        elif not saliency.max() > 0:
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
        "device": default_device().device_kind,
        "versions": {name: metadata.version(name) for name in ("groupcam-jax", "jax", "jaxlib", "numpy")},
    }
    write_json(path.with_suffix(".json"), manifest, default=spelled)
