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

from experiments.data import Batch
from experiments.evaluation.estimates import Estimate, estimate
from experiments.evaluation.programs import measuring
from experiments.evaluation.records import Row
from experiments.evaluation.study import Experiment, Item, Program, Study
from experiments.evaluation.sweeps import GROUPS, PERCENTILES, draw
from experiments.insertion_deletion import AREAS, STEP_BATCH, STEPS
from groupcam_jax.metrics.insertion_deletion import insertion_deletion
from groupcam_jax.program.flat import trace
from groupcam_jax.program.split import split_program
from groupcam_jax.targets import resolve_label


def measure(model_apply: Any, params: Any, explain: Any, item: Item) -> dict[str, Any]:
    """The areas under both curves of one picture."""
    label = resolve_label(None, model_apply(params, item.image[None])[0])
    saliency = explain(item.image, label)
    pixels = -(-saliency.size // STEPS)
    metric = insertion_deletion(model_apply, params, pixels_per_step=pixels, step_batch=STEP_BATCH)
    curves = metric(item.image, saliency, label)
    return {"insertion": curves.insertion_auc, "deletion": curves.deletion_auc, "overall": curves.overall}


def programs(study: Study) -> dict[str, Program]:
    """Every setting, all else as the method was asked for; no more groups than the layer has channels."""
    settings: dict[str, tuple[int, float | None]] = {}
    variants = {}
    for method, builder in study.builders.items():
        options = inspect.signature(builder).parameters
        if "groups" not in options:
            raise ValueError(f"the ablation varies groups and percentile, which {method} has not; choose group-cam")
        channels = channel_count(study.classifier, builder)
        usual_groups, usual_percentile = options["groups"].default, options["percentile"].default
        swept = [(groups, usual_percentile) for groups in GROUPS if groups <= channels]
        swept += [(usual_groups, float(percentile)) for percentile in PERCENTILES]
        for groups, percentile in swept:
            kept = "all kept" if percentile is None else f"percentile {percentile:g}"
            name = f"{method}, {groups} groups, {kept}"
            settings[name] = groups, percentile
            variants[name] = functools.partial(builder, groups=groups, percentile=percentile)

    def with_setting(program: Program, groups: int, percentile: float | None) -> Program:
        def run(batch: Batch) -> Mapping[str, np.ndarray]:
            count = len(batch.ids)
            columns = {"groups": np.full(count, groups), "percentile": np.full(count, percentile, float)}
            return {**program(batch), **columns}

        return run

    measured = measuring(study._replace(builders=variants), measure)
    return {name: with_setting(program, *settings[name]) for name, program in measured.items()}


def summarize(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Areas under the curves, in per cent."""
    return {column: estimate(rows, name) for column, name in AREAS.items()}


def channel_count(classifier: Any, builder: Any) -> int:
    """The channels of the layer that a method explains."""
    images = jax.ShapeDtypeStruct((1, classifier.image_size, classifier.image_size, 3), jnp.float32)
    options = builder.keywords.get
    program = trace(classifier.apply, classifier.params, images)
    where = options("layer"), options("tokens_to_grid"), options("data_format", "NHWC")
    features, _ = split_program(program, *where)
    return jax.eval_shape(features, classifier.params, images)[0].shape[-1]


EXPERIMENT = Experiment("Group-CAM by groups and percentile", ("group-cam",), programs, summarize, draw, version=2)

if __name__ == "__main__":
    from experiments.evaluate import main

    main("ablation")
