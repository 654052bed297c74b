"""Methods by measures: every method, by measures of different kinds, on the same pictures.

Published measures disagree on the order of methods. The table shows how far, and the figure of ranks where: a method
that is first by one measure alone has not been shown to be good.

The predicted class is explained. The measures of its place are of the pictures that the network gets right.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
from matplotlib.figure import Figure

import groupcam_jax.metrics as m
from groupcam_jax.evaluation.estimates import Estimate, estimate
from groupcam_jax.evaluation.measuring import Labels, Maps, ask_predicted, measuring
from groupcam_jax.evaluation.ranks import ranks_figure
from groupcam_jax.evaluation.records import Row
from groupcam_jax.evaluation.study import BatchProgram, Experiment, Item, Measured, Ranking, Study, predicted_class
from groupcam_jax.metrics.sensitivity import random_change, relative_move
from groupcam_jax.stages.perturb import gaussian_blur
from groupcam_jax.types import Images, Model, Params

STEPS, BATCH = 14, 8
RADIUS = 0.02  # of the change that a map should not feel, as average_sensitivity has it
SOFT = gaussian_blur(kernel_size=31, sigma=10.0)  # that no method follows


class Column(NamedTuple):
    """A measure: whether high values are good, and what they are multiplied with; 100 gives per cent."""

    better: int
    scale: float = 100.0


FIRST = "insertion and deletion"
COLUMNS = {
    FIRST: Column(1),
    "relevance gain": Column(1),
    "ROAD": Column(1),
    "single deletion": Column(1, 1),
    "faithfulness correlation": Column(1, 1),
    "average gain": Column(1),
    "hit": Column(1),
    "energy": Column(1),
    "rank accuracy": Column(1),
    "ROC-AUC": Column(1),
    "sparseness": Column(1, 1),
    "average sensitivity": Column(-1, 1),
}


def programs(study: Study) -> dict[str, BatchProgram]:
    """One program per method, and one that measures the maps of all."""
    return measuring(study, measure, ask_twice)


def ask_twice(model_apply: Model, params: Params, item: Item) -> tuple[Images, Labels]:
    """Asks for the predicted class, and for the same when the image has hardly changed."""
    [image], [label] = ask_predicted(model_apply, params, item)
    changed = random_change(image, jax.random.fold_in(jax.random.key(1), item.number), RADIUS)
    return jnp.stack([image, changed]), jnp.stack([label, label])


def measure(model_apply: Model, params: Params, item: Item, labels: Labels, maps: Maps) -> Measured:
    """All measures of one map."""
    image, mask, label, [saliency, moved] = item.image, item.mask, labels[0], maps
    right = (label == item.label) & mask.any()
    per_step = -(-saliency.size // STEPS)
    by_score = {
        "insertion and deletion": m.insertion_deletion(model_apply, params, pixels_per_step=per_step, step_batch=BATCH),
        "relevance gain": m.symmetric_relevance_gain(
            model_apply, params, pixels_per_step=per_step, baseline=SOFT, step_batch=BATCH
        ),
        "ROAD": m.road(model_apply, params, percentages=(20, 40, 60, 80), step_batch=BATCH),
        "single deletion": m.single_deletion(model_apply, params, patch_batch=BATCH),
        "faithfulness correlation": m.faithfulness_correlation(model_apply, params, samples=50),
        "average gain": m.confidence_change(model_apply, params),
    }
    keys = jax.random.split(jax.random.fold_in(jax.random.key(0), item.number), len(by_score))
    found = {
        name: one(image, saliency, label, key=key) for (name, one), key in zip(by_score.items(), keys, strict=True)
    }
    place = {
        "hit": m.hit(saliency, mask),
        "energy": m.energy_inside(saliency, mask),
        "rank accuracy": m.relevance_rank_accuracy(saliency, mask),
        "ROC-AUC": m.roc_auc(saliency, mask),
    }
    return {
        **found,
        "insertion and deletion": found["insertion and deletion"].overall,
        "relevance gain": found["relevance gain"].gain,
        "ROAD": found["ROAD"].combined,
        "average gain": found["average gain"].gain,
        **{name: jnp.where(right, value, jnp.nan) for name, value in place.items()},
        "sparseness": m.sparseness(saliency),
        "average sensitivity": relative_move(saliency, moved),
    }


def summarize(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Means over the pictures."""
    return {name: estimate(rows, name, scale=column.scale) for name, column in COLUMNS.items()}


def draw(folder: Path, rows: Sequence[Row]) -> Mapping[str, Figure]:
    """The ranks of the methods by each measure."""
    del folder  # the rows hold the values
    return {"ranks": ranks_figure(rows, {name: column.better for name, column in COLUMNS.items()})}


EXPERIMENT = Experiment(
    "Methods by measures",
    ("group-cam", "refined-fast", "grad-cam", "grad-cam-pp", "integrated-gradients", "centre", "random"),
    programs,
    summarize,
    Ranking(FIRST, lambda row: row[FIRST], classes=predicted_class),
    draw,
    version=2,
)
