"""Figures 2 and 3: what the methods make of the same pictures, and whether their maps tell two classes apart.

    python -m experiments.class_discrimination --model resnet50 --data imagenet2012 --limit 10 --output results
    groupcam evaluate class-discrimination ...        the same

The paper shows pictures. Beside them here: the rank correlation between the map of the picture's class and that of the
likeliest other class, low where a method tells them apart.

Ours, MobileNetV2, 8 pictures of ImageNet's validation set (experiments/results; 3 minutes on 2 cores of an AMD EPYC
beside other work): Grad-CAM 0.73, Group-CAM 0.80, released 0.83, Guided Grad-CAM 0.87, Grad-CAM++ 0.92. Grad-CAM tells
classes apart best; n is small and the intervals overlap. On a picture of skiers, "ski" lies on the skis and "alp" on
the mountains.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments.data import Batch
from experiments.evaluation.estimates import Estimate, estimate
from experiments.evaluation.programs import measuring
from experiments.evaluation.records import Row, map_file
from experiments.evaluation.study import Experiment, Item, Program, Study
from groupcam_jax.metrics.pointing_game import energy_inside
from groupcam_jax.metrics.similarity import spearman
from groupcam_jax.plots import methods_figure

PICTURES = 6  # that are drawn


def measure(model_apply: Any, params: Any, explain: Any, item: Item) -> dict[str, Any]:
    """The maps of the picture's class and of its likeliest rival."""
    logits = model_apply(params, item.image[None])[0]
    rival = jnp.argmax(logits.at[item.label].set(-jnp.inf))
    own, other = explain(item.image, item.label), explain(item.image, rival)
    return {
        "classes": jnp.stack([item.label, rival]),
        # A map of nothing resembles nothing, which tells nothing apart.
        "correlation": jnp.where((own.max() > 0) & (other.max() > 0), spearman(own, other), jnp.nan),
        "energy_own": energy_inside(own, item.mask),
        "energy_rival": energy_inside(other, item.mask),
        "maps": jnp.stack([own, other]),
    }


def programs(study: Study) -> dict[str, Program]:
    """Both explanations in one program; the picture and the names of the classes go with them."""

    class_names = np.asarray(study.classifier.class_names)

    def with_picture(program: Program) -> Program:
        def run(batch: Batch) -> Mapping[str, np.ndarray]:
            values = program(batch)
            return {**values, "names": class_names[values["classes"]], "picture": batch.images}

        return run

    return {method: with_picture(program) for method, program in measuring(study, measure).items()}


def summarize(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Means over the pictures."""
    return {
        "rank correlation of both maps": estimate(rows, "correlation", scale=1),
        "energy inside, own class": estimate(rows, "energy_own"),
        "energy inside, rival": estimate(rows, "energy_rival"),
    }


def draw(folder: Any, rows: Sequence[Row]) -> Mapping[str, Any]:
    """A picture in two rows, one for each class, with a column for each method."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    figures = {}
    for number in sorted({row["number"] for row in rows})[:PICTURES]:
        maps, picture, titles = {}, None, []
        for row in rows:
            if row["number"] == number:
                with np.load(map_file(folder, row)) as kept:
                    maps[row["method"]] = list(kept["maps"].astype(np.float32))
                    picture = kept["picture"].astype(np.uint8)
                titles = row["names"]
        if len(maps) == len(methods):
            figures[f"picture-{number}"] = methods_figure(picture, maps, titles)
    return figures


EXPERIMENT = Experiment(
    "Class discrimination",
    ("grad-cam", "grad-cam-pp", "group-cam", "group-cam-released", "guided-grad-cam"),
    programs,
    summarize,
    draw,
)

if __name__ == "__main__":
    from experiments.evaluate import main

    main("class-discrimination")
