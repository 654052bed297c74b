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
import re
from collections import Counter
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

AXES = ("groups", "percentile")
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
        options = inspect.signature(builder).parameters
        if "groups" not in options:
            raise ValueError(f"the ablation varies groups and percentile, which {method} has not; choose group-cam")
        channels = channel_count(study.classifier, builder)
        usual_groups, usual_percentile = options["groups"].default, options["percentile"].default
        settings = [(groups, usual_percentile) for groups in GROUPS if groups <= channels]
        settings += [(usual_groups, float(percentile)) for percentile in PERCENTILES]
        for groups, percentile in settings:
            build = functools.partial(builder, groups=groups, percentile=percentile)
            variants[variant(method, groups, percentile)] = build
    return measuring(study._replace(builders=variants), measure)


def variant(method: str, groups: int, percentile: float | None) -> str:
    """The name of a variant."""
    return f"{method}, {groups} groups, " + ("all kept" if percentile is None else f"percentile {percentile:g}")


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
    found: dict[str, dict[tuple[str, str], list[Row]]] = {}
    for row in rows:
        method, groups, percentile = row["method"].rsplit(", ", 2)
        found.setdefault(method, {}).setdefault((groups, percentile), []).append(row)

    def panel(value: str, varied: int) -> Panel:
        """One area by the groups (0) or the percentile (1), the other being the usual one."""
        curves, places = {}, []
        for method, by_setting in found.items():
            usual = Counter(setting[1 - varied] for setting in by_setting).most_common(1)[0][0]
            swept = {setting[varied]: rows for setting, rows in by_setting.items() if setting[1 - varied] == usual}
            places = sorted(swept, key=lambda name: int(re.sub(r"\D", "", name) or 0))
            curves[method] = common_values([swept[place] for place in places], value)
        return Panel([re.sub(r"\D", "", place) or place for place in places], AXES[varied], "area", curves)

    return {
        axis: curves_figure({f"{value} by {axis}": panel(value, varied) for value in AREAS.values()})
        for varied, axis in enumerate(AXES)
    }


def common_values(by_setting: Sequence[Sequence[Row]], value: str) -> np.ndarray:
    """The values `[n, settings]` of the pictures that all settings have."""
    known = [{row["number"]: row[value] for row in rows} for rows in by_setting]
    common = sorted(set.intersection(*map(set, known)))
    return np.array([[one[number] for one in known] for number in common], float).reshape(len(common), len(known))


EXPERIMENT = Experiment("Group-CAM by groups and percentile", ("group-cam",), programs, summarize, draw)

if __name__ == "__main__":
    from experiments.evaluate import main

    main("ablation")
