"""Class discrimination: whether a method's maps of the same picture distinguish two classes.

The rank correlation between the map of the picture's class and that of the likeliest other class is low if a method
distinguishes them. "Energy inside" is the share of either map that lies on the object of the picture's class: high for
its own map, low for the rival's.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from groupcam_jax.evaluation.data import Batch
from groupcam_jax.evaluation.estimates import Estimate, estimate
from groupcam_jax.evaluation.measuring import Labels, Maps, measuring
from groupcam_jax.evaluation.needs import need_class
from groupcam_jax.evaluation.records import Row, map_file
from groupcam_jax.evaluation.study import BatchProgram, Experiment, Item, Measured, Ranking, Study
from groupcam_jax.metrics.pointing_game import energy_inside
from groupcam_jax.metrics.similarity import spearman
from groupcam_jax.plots import methods_figure
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.types import Images, Model, Params

PICTURES = 6  # how many are drawn


def ask_both(model_apply: Model, params: Params, item: Item) -> tuple[Images, Labels]:
    """Asks for the picture's class and for its likeliest rival."""
    _, logits = cut_at_image(model_apply, params, item.image).classify(None)
    rival = jnp.argmax(logits.at[item.label].set(-jnp.inf))
    return jnp.stack([item.image] * 2), jnp.stack([item.label, rival])


def measure(model_apply: Model, params: Params, item: Item, labels: Labels, maps: Maps) -> Measured:
    """How far the maps of both classes are alike, and where they lie."""
    del model_apply, params
    own, other = maps
    return {
        "classes": labels,
        # A blank map resembles nothing, but does not distinguish classes either.
        "correlation": jnp.where((own.max() > 0) & (other.max() > 0), spearman(own, other), jnp.nan),
        "energy_own": energy_inside(own, item.mask),
        "energy_rival": energy_inside(other, item.mask),
        "maps": maps,
    }


def programs(study: Study) -> dict[str, BatchProgram]:
    """Both maps in one row; the picture and the names of the classes are added."""

    class_names = np.asarray(study.classifier.class_names)

    def with_picture(program: BatchProgram) -> BatchProgram:
        def run(batch: Batch) -> Mapping[str, np.ndarray]:
            values = program(batch)
            return {**values, "names": class_names[values["classes"]], "picture": batch.images}

        return run

    return {method: with_picture(program) for method, program in measuring(study, measure, ask_both).items()}


def summarize(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Means over the pictures."""
    return {
        "rank correlation of both maps": estimate(rows, "correlation", scale=1),
        "energy inside, own class": estimate(rows, "energy_own"),
        "energy inside, rival": estimate(rows, "energy_rival"),
    }


def draw(folder: Path, rows: Sequence[Row]) -> Mapping[str, Figure]:
    """One figure per picture: one row per class, one column per method."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    figures = {}
    for number in sorted({row["number"] for row in rows})[:PICTURES]:
        maps, pictures, titles = {}, [], []
        for row in rows:
            if row["number"] == number:
                with np.load(map_file(folder, row)) as kept:
                    maps[row["method"]] = list(kept["maps"].astype(np.float32))
                    pictures.append(kept["picture"].astype(np.uint8))
                titles = row["names"]
        if len(maps) == len(methods):
            figures[f"picture-{number}"] = methods_figure(pictures[0], maps, titles)
    return figures


EXPERIMENT = Experiment(
    "Class discrimination",
    ("grad-cam", "grad-cam-pp", "group-cam", "group-cam-released", "guided-grad-cam"),
    programs,
    summarize,
    Ranking("rank correlation of both maps", lambda row: row["correlation"], -1, lambda row, *_: row["classes"]),
    draw,
    needs=need_class,
)
