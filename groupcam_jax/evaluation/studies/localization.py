"""Weakly supervised localization: the errors and MaxBoxAcc of every method (arXiv:1610.02391, arXiv:2001.07437)."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from matplotlib.figure import Figure

from groupcam_jax.evaluation.estimates import Estimate, estimate
from groupcam_jax.evaluation.figures import Panel, curves_figure
from groupcam_jax.evaluation.measuring import Labels, Maps, measuring
from groupcam_jax.evaluation.needs import need_box
from groupcam_jax.evaluation.records import Row
from groupcam_jax.evaluation.study import BatchProgram, Experiment, Item, Measured, Ranking, Study
from groupcam_jax.metrics.localization import (
    best_overlap,
    is_located,
    localization_error,
    mask_overlap,
    max_box_accuracy,
    salient_box,
)
from groupcam_jax.metrics.pointing_game import mask_of_boxes
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.types import Model, Params, Scalar

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))  # shares of the maximum
PAPERS = {15: THRESHOLDS.index(0.15), 20: THRESHOLDS.index(0.2)}  # Grad-CAM's and CAM's own, in per cent
TOPS = (1, 5)
ENOUGH = 0.5  # the overlap from which on an object counts as found


def measure(model_apply: Model, params: Params, item: Item, labels: Labels, maps: Maps) -> Measured:
    """How well the box of the true class fits, at every threshold, and whether the class also ranks high."""
    _, logits = cut_at_image(model_apply, params, item.image).classify(None)
    [label], [saliency] = labels, maps
    boxes = jax.vmap(lambda threshold: salient_box(saliency, threshold))(jnp.array(THRESHOLDS, jnp.float32))
    overlaps = jax.vmap(lambda box: best_overlap(box, item.boxes))(boxes)
    left, upper, right, lower = boxes[PAPERS[15]]
    return {
        **{
            f"located_top{top}_at_{name}": is_located(logits, label, overlaps[place], top=top)
            for top, (name, place) in itertools.product(TOPS, PAPERS.items())
        },
        "overlaps": overlaps,
        "box_area": (right - left) * (lower - upper) / saliency.size,
        "mask_overlap": mask_overlap(saliency, item.mask, THRESHOLDS[PAPERS[15]]),
        # The map counts as well: a row of NaN alone tells that nothing was measured.
        "cover": jnp.mean(mask_of_boxes(item.boxes, saliency.shape), dtype=jnp.float32) + 0 * saliency.max(),
    }


def programs(study: Study) -> dict[str, BatchProgram]:
    """One program per method, and one that measures the boxes of all."""
    return measuring(study, measure)


def summarize(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Errors and accuracies in per cent."""
    small = [row for row in rows if row["cover"] is not None and row["cover"] <= 0.5]
    errors = {
        f"top-{top} error at {name} %": estimate(rows, f"located_top{top}_at_{name}", localization_error)
        for name, top in itertools.product(PAPERS, TOPS)
    }
    return {
        **errors,
        "MaxBoxAcc": estimate(rows, "overlaps", best_accuracy),
        "MaxBoxAcc, object at most half": estimate(small, "overlaps", best_accuracy),
        "IoU with the outline (or boxes)": estimate(rows, "mask_overlap"),
        "box at 15 %, share of the picture": estimate(rows, "box_area"),
        "objects' boxes, share of the picture": estimate(rows, "cover"),
    }


def best_accuracy(overlaps: Float[Array, "n thresholds"], weights: Float[Array, " n"]) -> Scalar:
    """MaxBoxAcc."""
    accuracy, _ = max_box_accuracy(overlaps, weights=weights)
    return accuracy


def draw(folder: Path, rows: Sequence[Row]) -> Mapping[str, Figure]:
    """The share of pictures whose object is found, by the threshold of the box."""
    del folder  # the rows hold the overlaps
    by_method: dict[str, list[list[float]]] = {}
    for row in rows:
        by_method.setdefault(row["method"], []).append(row["overlaps"])
    overlaps = {method: np.array(measured, float) for method, measured in by_method.items()}
    found = {method: np.where(np.isnan(one), np.nan, one >= ENOUGH) for method, one in overlaps.items()}
    panel = Panel(THRESHOLDS, "threshold, share of the map's maximum", f"boxes with an overlap from {ENOUGH} on", found)
    return {"thresholds": curves_figure({"objects found": panel})}


EXPERIMENT = Experiment(
    "Weakly supervised localization",
    ("group-cam", "group-cam-released", "grad-cam", "grad-cam-pp", "centre", "random"),
    programs,
    summarize,
    Ranking("overlap of the boxes at 15 %", lambda row: row["overlaps"][PAPERS[15]]),
    draw,
    version=3,
    needs=need_box,
)
