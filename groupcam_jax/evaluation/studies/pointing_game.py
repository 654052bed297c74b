"""The pointing game: does the map of a category peak on its object (arXiv:1608.00507)?

A picture counts once per category that it shows: n counts these pairs, and the intervals resample pictures with all
their pairs. "Hit" uses boxes, as in Group-CAM's paper. "On the object" uses outlines, which COCO's folder has. "Within
15" counts peaks less than 15 pixels from the outline, as TorchRay does, or from the boxes if there is no outline.
Objects are difficult if they cover less than a quarter of the picture and other categories are present. A blank map, in
which nothing speaks for the category, points to the first pixel and mostly misses.
"""

import functools
from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.evaluation.estimates import Estimate, Statistic, estimate
from groupcam_jax.evaluation.measuring import Labels, Maps, measuring
from groupcam_jax.evaluation.needs import need_box
from groupcam_jax.evaluation.records import Row
from groupcam_jax.evaluation.study import BatchProgram, Experiment, Item, Measured, Ranking, Study
from groupcam_jax.metrics.pointing_game import energy_inside, hit, is_difficult, mask_of_boxes, pointing_accuracy
from groupcam_jax.types import Model, Params, Scalar

TORCHRAY = 14.99  # pixels between centres: its code counts peaks less than 15 away


def measure(model_apply: Model, params: Params, item: Item, labels: Labels, maps: Maps) -> Measured:
    """Whether the saliency of the true category peaks on the object, and the share that lies there."""
    del model_apply, params, labels
    [saliency] = maps
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
    """A category that is shown is explained, not the predicted one."""
    return measuring(study, measure)


def summarize(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Shares of hits, energy and blank maps, in per cent: for all objects, small ones and difficult ones."""

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


@functools.cache  # the same count gives the same function, which is compiled once
def mean_over_categories(count: int) -> Statistic:
    """The mean of the categories' accuracies, from hits and categories `[n, 2]`."""

    def statistic(values: Float[Array, "n 2"], weights: Float[Array, " n"]) -> Scalar:
        hits, categories = values.T
        return pointing_accuracy(hits, categories.astype(jnp.int32), count, weights).mean

    return statistic


EXPERIMENT = Experiment(
    "Pointing game",
    ("group-cam", "group-cam-released", "grad-cam", "grad-cam-pp", "centre", "random"),
    programs,
    summarize,
    Ranking("energy inside", lambda row: row["energy"]),
    version=2,
    needs=need_box,
)
