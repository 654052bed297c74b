"""Table 2 and figure 5: Group-CAM by its number of groups and its percentile.

    python -m experiments.ablation --model resnet50 --data imagenet2012 --limit 1000 --output results
    groupcam evaluate ablation ...        the same

The paper (ResNet-50, per cent; figure 5 is highest for insertion about the 70th percentile):

    groups       1      4      8      16     32     64     128    256
    insertion    61.72  64.27  64.94  65.38  65.48  65.77  65.81  65.84
    deletion     11.21  11.21  11.29  11.34  11.31  11.31  11.29  11.28
    over-all     50.51  53.07  53.65  54.04  54.17  54.46  54.52  54.56

Ours, MobileNetV2, the first 20 pictures of a sample of ImageNet's validation set (95 % intervals, about 8 points to
either side, in experiments/results; 2 cores of an AMD EPYC):

    groups       1      4      8      16     32     64     128
    insertion    42.8   43.4   43.5   44.1   44.5   45.4   45.0
    deletion     10.3   9.5    9.4    9.4    9.3    9.2    8.9
    over-all     32.5   33.9   34.1   34.7   35.2   36.2   36.1

    percentile   0      10     20     30     40     50     60     70     80     90
    over-all     34.9   34.9   35.0   34.7   35.1   35.5   35.3   35.2   35.0   35.2

As in the paper more groups are better, up to 64 of them. The percentile hardly matters here; the paper's insertion is
highest about the 70th.
"""

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.evaluation.estimates import Estimate, estimate
from experiments.evaluation.figures import Panel, curves_figure
from experiments.evaluation.programs import measuring
from experiments.evaluation.records import Row
from experiments.evaluation.study import Experiment, Item, Program, Study
from experiments.insertion_deletion import AREAS, STEP_BATCH, STEPS
from groupcam_jax.metrics.insertion_deletion import insertion_deletion
from groupcam_jax.program.flat import trace
from groupcam_jax.program.split import split_program
from groupcam_jax.targets import resolve_label

GROUPS = (1, 4, 8, 16, 32, 64, 128)
PERCENTILES = (0, 10, 20, 30, 40, 50, 60, 70, 80, 90)


def measure(model_apply: Any, params: Any, explain: Any, item: Item) -> dict[str, Any]:
    """The areas under both curves of one picture."""
    label = resolve_label(None, model_apply(params, item.image[None])[0])
    saliency = explain(item.image, label)
    pixels = -(-saliency.size // STEPS)
    metric = insertion_deletion(model_apply, params, pixels_per_step=pixels, step_batch=STEP_BATCH)
    curves = metric(item.image, saliency, label)
    return {"insertion": curves.insertion_auc, "deletion": curves.deletion_auc, "overall": curves.overall}


def programs(study: Study) -> dict[str, Program]:
    """Every variant, all else as the method was asked for; no more groups than the layer has channels."""
    variants = {}
    for method, builder in study.builders.items():
        if "groups" not in inspect.signature(builder).parameters:
            raise ValueError(f"the ablation varies groups and percentile, which {method} has not; choose group-cam")
        channels = channel_count(study.classifier, builder)
        for groups in GROUPS:
            if groups <= channels:
                variants[f"{method}, {groups} groups"] = functools.partial(builder, groups=groups)
        for percentile in PERCENTILES:
            variants[f"{method}, percentile {percentile}"] = functools.partial(builder, percentile=float(percentile))
    return measuring(study._replace(builders=variants), measure)


def summarize(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Areas under the curves, in per cent."""
    return {column: estimate([row[name] for row in rows]) for column, name in AREAS.items()}


def channel_count(classifier: Any, builder: Any) -> int:
    """The channels of the layer that a method explains."""
    images = jax.ShapeDtypeStruct((1, classifier.image_size, classifier.image_size, 3), jnp.float32)
    options = builder.keywords.get
    program = trace(classifier.apply, classifier.params, images)
    where = options("layer"), options("tokens_to_grid"), options("data_format", "NHWC")
    features, _ = split_program(program, *where)
    return jax.eval_shape(features, classifier.params, images)[0].shape[-1]


def draw(folder: Any, rows: Sequence[Row]) -> Mapping[str, Any]:
    """The areas by groups and by percentile, as in figure 5."""
    del folder  # the rows hold the areas
    methods = dict.fromkeys(row["method"].partition(", ")[0] for row in rows)

    counts = [count for count in GROUPS if any(row["method"].endswith(f", {count} groups") for row in rows)]

    def curves(variants: Sequence[str], value: str) -> dict[str, np.ndarray]:
        """For every method the values of the pictures that all variants have."""
        found = {}
        for method in methods:
            by_variant = [
                {row["id"]: row[value] for row in rows if row["method"] == f"{method}, {variant}"}
                for variant in variants
            ]
            common = set.intersection(*map(set, by_variant))
            found[method] = np.array([[one[name] for one in by_variant] for name in sorted(common)], float)
        return {method: values for method, values in found.items() if len(values)}

    panels = {}
    for value in ("insertion", "deletion", "overall"):
        groups = curves([f"{count} groups" for count in counts], value)
        panels[f"{value} by groups"] = Panel([str(count) for count in counts], "groups", "area", groups)
        cuts = curves([f"percentile {cut}" for cut in PERCENTILES], value)
        panels[f"{value} by percentile"] = Panel(PERCENTILES, "percentile", "area", cuts)
    return {
        "groups": curves_figure({title: panel for title, panel in panels.items() if "groups" in title}),
        "percentiles": curves_figure({title: panel for title, panel in panels.items() if "percentile" in title}),
    }


EXPERIMENT = Experiment("Group-CAM by groups and percentile", ("group-cam",), programs, summarize, draw)

if __name__ == "__main__":
    from experiments.evaluate import main

    main("ablation")
