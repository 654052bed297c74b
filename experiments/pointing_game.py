"""Table 4: the pointing game.

    python -m experiments.pointing_game --model resnet50 --data coco/2017 --category-classes FILE.json --output results
    groupcam evaluate pointing-game ...        the same

The paper (ResNet-50, MS COCO 2017 val, tolerance 0, mean accuracy in per cent): Grad-CAM 56.7, Grad-CAM++ 57.2,
RISE 54.3, XRAI 55.1, Score-CAM 51.0, Group-CAM 57.5.

A picture counts once for every category that it shows: n counts those pairs, and the intervals take them for
independent. `--category-classes` names a JSON file, category -> classes of
the network that mean it: the score of a category is then the probability of any of them.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments.evaluation.estimates import Estimate, estimate
from experiments.evaluation.programs import measuring
from experiments.evaluation.records import Row
from experiments.evaluation.study import Experiment, Item, Program, Study
from groupcam_jax.metrics.pointing_game import energy_inside, hit, is_difficult

TORCHRAY = 15  # pixels; less than so far away is near


def measure(model_apply: Any, params: Any, explain: Any, item: Item) -> dict[str, Any]:
    """Whether the saliency of the true category peaks on it, and the share that lies there."""
    del model_apply, params  # a category that is shown is asked for, not the predicted one
    saliency = explain(item.image, item.label)
    return {
        "category": item.label,
        "hit": hit(saliency, item.mask),
        "near": hit(saliency, item.mask, tolerance=TORCHRAY - 0.01),
        "energy": energy_inside(saliency, item.mask),
        "difficult": is_difficult(item.mask, item.others),
        "cover": jnp.mean(item.mask, dtype=jnp.float32),
    }


def programs(study: Study) -> dict[str, Program]:
    """The explanation and the game in one program."""
    return measuring(study, measure)


def summarize(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Shares of hits, in per cent: of all, by category, of the small objects and of the difficult ones."""
    small = [row for row in rows if row["cover"] <= 0.5]
    difficult = [row for row in rows if row["difficult"]]
    return {
        "hit": estimate([row["hit"] for row in rows]),
        "mean over categories": estimate([[row["hit"], row["category"]] for row in rows], mean_over_categories),
        f"within {TORCHRAY} pixels": estimate([row["near"] for row in rows]),
        "energy inside": estimate([row["energy"] for row in rows]),
        "hit, object at most half": estimate([row["hit"] for row in small]),
        "energy, object at most half": estimate([row["energy"] for row in small]),
        "hit, difficult": estimate([row["hit"] for row in difficult]),
        f"difficult, within {TORCHRAY}": estimate([row["near"] for row in difficult]),
    }


def mean_over_categories(values: np.ndarray) -> float:
    """The mean of the categories' accuracies, from hits and categories `[n, 2]`."""
    hits, categories = values.T
    found, places = np.unique(categories, return_inverse=True)
    counts = np.bincount(places, minlength=len(found))
    return float((np.bincount(places, hits, minlength=len(found)) / counts).mean())


EXPERIMENT = Experiment(
    "Pointing game",
    ("group-cam", "group-cam-released", "grad-cam", "grad-cam-pp", "centre", "random"),
    programs,
    summarize,
)

if __name__ == "__main__":
    from experiments.evaluate import main

    main("pointing-game")
