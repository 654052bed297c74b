"""Table 1 and figure 4: insertion and deletion.

    python -m experiments.insertion_deletion --model resnet50 --data imagenet2012 --limit 5000 --output results
    groupcam evaluate insertion-deletion ...        the same

The paper (VGG19, 5,000 pictures of ImageNet, per cent):

                 Grad-CAM  Grad-CAM++  RISE  XRAI  Score-CAM  Group-CAM
    insertion    53.5      50.0        54.0  43.1  55.1       56.8
    deletion     13.3      14.8        11.7  15.8  11.5       12.3
    over-all     40.2      35.2        42.3  27.3  43.6       44.5

Ours, MobileNetV2, the 280 pictures of a sample of ImageNet's validation set (95 % intervals, and the deletion to the
blurred picture, in experiments/results; 2 cores of an AMD EPYC: about 50 minutes beside other work):

                 Grad-CAM  Grad-CAM++  released  Group-CAM  centre  random
    insertion    41.1      39.3        41.0      41.6       32.1    20.0
    deletion     8.9       9.8         9.0       9.1        8.5     16.5
    over-all     32.2      29.5        32.1      32.6       23.6    3.5

and on the first 40 of them also the slow ones, RISE with 1,000 masks, Score-CAM of the 64 channels that vary most:

                 Grad-CAM  Grad-CAM++  RISE  XRAI  Score-CAM  released  Group-CAM  centre  random  random pixels
    insertion    42.2      40.5        41.4  42.0  41.7       42.0      42.9       33.6    20.7    16.7
    deletion     9.5       10.3        8.0   10.0  9.4        9.3       9.4        9.9     17.8    11.6
    over-all     32.7      30.2        33.4  32.0  32.2       32.7      33.6       23.7    2.9     5.1

As in the paper Group-CAM comes first and RISE above Grad-CAM. Otherwise than there Score-CAM, in its fast form alone,
is behind Grad-CAM instead of second, and XRAI ahead of Grad-CAM++ instead of last. The margins are smaller than the
paper's: on the same 280 pictures Group-CAM is 3.0 points above Grad-CAM++ (2.2 to 3.8) and 0.4 above Grad-CAM (-0.3 to
1.0). Guessed pixels delete nearly as well as a method, and the centre better than most: deletion alone tells little.

The predicted class is followed, 224 * 8 pixels a step. Pixels are deleted to zeros, as in the authors' code, and to the
blurred picture, as the paper's text says: both are reported.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments.evaluation.estimates import Estimate, estimate
from experiments.evaluation.figures import Panel, curves_figure
from experiments.evaluation.programs import measuring
from experiments.evaluation.records import Row
from experiments.evaluation.study import Experiment, Item, Program, Study
from groupcam_jax.metrics.confidence import confidence_like
from groupcam_jax.metrics.insertion_deletion import area, pixel_curves
from groupcam_jax.stages.perturb import gaussian_blur
from groupcam_jax.targets import probability, resolve_label

STEPS, STEP_BATCH = 28, 8  # 224 * 8 pixels a step at 224 x 224; other sizes have as many steps
AREAS = {"insertion": "insertion", "deletion": "deletion", "over-all": "overall"}  # column -> value of a row


def measure(model_apply: Any, params: Any, explain: Any, item: Item) -> dict[str, Any]:
    """Both curves of one picture, and the deletion to the blurred picture, in one go."""
    image = item.image
    label = resolve_label(None, model_apply(params, image[None])[0])
    confidence = confidence_like(model_apply, params, probability, image, label)
    saliency = explain(image, label)
    blurred, zeros = gaussian_blur(kernel_size=51, sigma=50.0)(image, None), jnp.zeros_like(image)
    start, end = jnp.stack([blurred, image, image]), jnp.stack([image, zeros, blurred])
    curves = pixel_curves(confidence, start, end, saliency, -(-saliency.size // STEPS), STEP_BATCH)
    insertion, deletion, to_blur = map(area, curves)
    return {
        "insertion": insertion,
        "deletion": deletion,
        "overall": insertion - deletion,
        "deletion_to_blur": to_blur,
        "overall_to_blur": insertion - to_blur,
        "insertion_curve": curves[0],
        "deletion_curve": curves[1],
    }


def programs(study: Study) -> dict[str, Program]:
    """The explanation and all curves in one program."""
    return measuring(study, measure)


def summarize(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Areas under the curves, in per cent."""
    columns = {**AREAS, "deletion to blur": "deletion_to_blur", "over-all to blur": "overall_to_blur"}
    return {column: estimate(rows, name) for column, name in columns.items()}


def draw(folder: Any, rows: Sequence[Row]) -> Mapping[str, Any]:
    """The curves of figure 4."""
    del folder  # the rows hold the curves
    methods = list(dict.fromkeys(row["method"] for row in rows))
    panels = {}
    for name, across in (("insertion", "share of the pixels shown"), ("deletion", "share of the pixels removed")):
        curves = {
            method: np.array([row[f"{name}_curve"] for row in rows if row["method"] == method], float)
            for method in methods
        }
        steps = np.linspace(0, 1, next(iter(curves.values())).shape[1]).tolist()
        panels[name] = Panel(steps, across, "probability of the class", curves)
    return {"curves": curves_figure(panels)}


EXPERIMENT = Experiment(
    "Insertion and deletion",
    ("group-cam", "group-cam-released", "grad-cam", "grad-cam-pp", "centre", "random", "random-pixels"),
    programs,
    summarize,
    draw,
)

if __name__ == "__main__":
    from experiments.evaluate import main

    main("insertion-deletion")
