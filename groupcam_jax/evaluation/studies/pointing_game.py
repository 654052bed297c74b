"""The pointing game: does the map of a category peak on it (arXiv:1608.00507)?

A picture counts once for every category that it shows: n counts those pairs, and the intervals draw pictures with all
of theirs. "Hit" is of the boxes, as in Group-CAM's paper; "on the object" is of outlines, which COCO's folder has;
"within 15" counts what is less than 15 pixels from the outline, or else from the boxes, as TorchRay does with outlines.
Difficult are objects below a quarter of the picture with others beside them. A blank map, in which nothing speaks for
the category, points to the first pixel, and mostly misses.
"""

import functools
from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.evaluation.estimates import Estimate, Statistic, estimate
from groupcam_jax.evaluation.programs import measuring
from groupcam_jax.evaluation.records import Row
from groupcam_jax.evaluation.study import BatchProgram, Experiment, Explain, Item, Study, Values
from groupcam_jax.metrics.pointing_game import energy_inside, hit, is_difficult, mask_of_boxes, pointing_accuracy
from groupcam_jax.types import Model, Params, Scalar

TORCHRAY = 14.99  # pixels from centre to centre: its code counts what is less than 15 away


def measure(model_apply: Model, params: Params, explain: Explain, item: Item) -> Values:
    """Whether the saliency of the true category peaks on it, and the share that lies there."""
    del model_apply, params  # a category that is shown is asked for, not the predicted one
    saliency = explain(item.image, item.label)
    boxes = mask_of_boxes(item.boxes, saliency.shape)
    return {
        "category": item.label,
        "hit": hit(saliency, boxes),
        "energy": energy_inside(saliency, boxes),
        "on_object": jnp.where(item.outlined, hit(saliency, item.mask), jnp.nan),
        "energy_on_object": jnp.where(item.outlined, energy_inside(saliency, item.mask), jnp.nan),
        "near": hit(saliency, item.mask, tolerance=TORCHRAY),
        "difficult": is_difficult(boxes, item.others),
        "cover": jnp.mean(boxes, dtype=jnp.float32),
        "blank": jnp.where(jnp.isfinite(saliency).all(), (saliency.max() == 0).astype(jnp.float32), jnp.nan),
    }


def programs(study: Study) -> dict[str, BatchProgram]:
    """The explanation and the game in one program."""
    return measuring(study, measure)


def summarize(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Shares of hits, of energy and of blank maps, in per cent: of all, of small objects and of difficult ones."""

    def by_category(name: str, of: Sequence[Row]) -> Estimate:
        return estimate(of, lambda row: [row[name], row["category"]], mean_over_categories(count))

    count = 1 + max(row["category"] for row in rows)

    small = [row for row in rows if row["cover"] <= 0.5]
    difficult = [row for row in rows if row["difficult"]]
    return {
        "hit": estimate(rows, "hit"),
        "hit, over categories": by_category("hit", rows),
        "on the object": estimate(rows, "on_object"),
        "within 15": estimate(rows, "near"),
        "within 15, over categories": by_category("near", rows),
        "energy inside": estimate(rows, "energy"),
        "energy on the object": estimate(rows, "energy_on_object"),
        "hit, at most half": estimate(small, "hit"),
        "energy, at most half": estimate(small, "energy"),
        "difficult, hit": estimate(difficult, "hit"),
        "difficult, over categories": by_category("hit", difficult),
        "difficult, within 15": estimate(difficult, "near"),
        "difficult, within 15, over categories": by_category("near", difficult),
        "blank maps": estimate(rows, "blank"),
    }


@functools.cache  # the same function for the same number: it is compiled once
def mean_over_categories(count: int) -> Statistic:
    """The mean of the categories' accuracies, of hits and categories `[n, 2]`."""

    def statistic(values: Float[Array, "n 2"], weights: Float[Array, " n"]) -> Scalar:
        hits, categories = values.T
        return pointing_accuracy(hits, categories.astype(jnp.int32), count, weights).mean

    return statistic


EXPERIMENT = Experiment(
    "Pointing game",
    ("group-cam", "group-cam-released", "grad-cam", "grad-cam-pp", "centre", "random"),
    programs,
    summarize,
    version=2,
)
