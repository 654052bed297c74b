"""Insertion and deletion: the areas under both curves for every method (RISE, arXiv:1806.07421).

The score is that of the predicted class, at 224 * 8 pixels per step. Two deletions are reported: to zeros, as in the
code of Group-CAM's authors, and to the blurred picture, as in their paper.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from groupcam_jax.evaluation.estimates import Estimate, estimate
from groupcam_jax.evaluation.figures import Panel, curves_figure
from groupcam_jax.evaluation.measuring import Labels, Maps, ask_predicted, measuring
from groupcam_jax.evaluation.records import Row
from groupcam_jax.evaluation.study import BatchProgram, Experiment, Item, Measured, Ranking, Study, predicted_class
from groupcam_jax.metrics.insertion_deletion import curve_places, pixel_curves
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.stages.perturb import gaussian_blur
from groupcam_jax.targets import probability
from groupcam_jax.types import Model, Params

STEPS, STEP_BATCH = 28, 8  # 224 * 8 pixels per step at 224 x 224; other sizes have as many steps
AREAS = {"insertion": "insertion", "deletion": "deletion", "over-all": "overall"}  # column -> value of a row


def measure(model_apply: Model, params: Params, item: Item, labels: Labels, maps: Maps) -> Measured:
    """Both curves of one picture, and the deletion to the blurred picture, in one go."""
    image, [label], [saliency] = item.image, labels, maps
    confidence = cut_at_image(model_apply, params, image).confidence(probability, label)
    blurred, zeros = gaussian_blur(kernel_size=51, sigma=50.0)(image, None), jnp.zeros_like(image)
    start, end = jnp.stack([blurred, image, image]), jnp.stack([image, zeros, blurred])
    pixels_per_step = -(-saliency.size // STEPS)
    curves = pixel_curves(confidence, start, end, saliency[None], pixels_per_step, STEP_BATCH)
    places = curve_places(saliency.size, pixels_per_step)
    insertion, deletion, to_blur = (jnp.trapezoid(curve, places) for curve in curves)
    return {
        "insertion": insertion,
        "deletion": deletion,
        "overall": insertion - deletion,
        "deletion_to_blur": to_blur,
        "overall_to_blur": insertion - to_blur,
        "places": places,
        "insertion_curve": curves[0],
        "deletion_curve": curves[1],
    }


def programs(study: Study) -> dict[str, BatchProgram]:
    """One program per method, and one that measures the curves of all."""
    return measuring(study, measure, ask_predicted)


def summarize(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Areas under the curves, in per cent."""
    columns = {**AREAS, "deletion to blur": "deletion_to_blur", "over-all to blur": "overall_to_blur"}
    return {column: estimate(rows, name) for column, name in columns.items()}


def draw(folder: Path, rows: Sequence[Row]) -> Mapping[str, Figure]:
    """The curves of figure 4."""
    del folder  # the rows hold the curves
    methods = list(dict.fromkeys(row["method"] for row in rows))
    panels = {}
    for name, across in (("insertion", "share of the pixels shown"), ("deletion", "share of the pixels removed")):
        curves = {
            method: np.array([row[f"{name}_curve"] for row in rows if row["method"] == method], float)
            for method in methods
        }
        panels[name] = Panel(rows[0]["places"], across, "probability of the class", curves)
    return {"curves": curves_figure(panels)}


EXPERIMENT = Experiment(
    "Insertion and deletion",
    ("group-cam", "group-cam-released", "grad-cam", "grad-cam-pp", "centre", "random", "random-pixels"),
    programs,
    summarize,
    Ranking("over-all", lambda row: row["overall"], classes=predicted_class),
    draw,
    version=2,
)
