"""Group-CAM by number of groups and by percentile: table 2 and figure 5 of its paper."""

import functools
import inspect
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from groupcam_jax.evaluation.data import Batch
from groupcam_jax.evaluation.estimates import Estimate, estimate
from groupcam_jax.evaluation.measuring import Labels, Maps, ask_predicted, make_study, measuring
from groupcam_jax.evaluation.records import Row
from groupcam_jax.evaluation.studies.insertion_deletion import AREAS, STEP_BATCH, STEPS
from groupcam_jax.evaluation.studies.sweeps import GROUPS, PERCENTILES, draw
from groupcam_jax.evaluation.study import BatchProgram, Experiment, Item, Measured, Ranking, Study, predicted_class
from groupcam_jax.metrics.insertion_deletion import insertion_deletion
from groupcam_jax.program.split import split
from groupcam_jax.types import Classifier, Explainer, Model, Params


def measure(model_apply: Model, params: Params, item: Item, labels: Labels, maps: Maps) -> Measured:
    """The areas under both curves of one picture."""
    [label], [saliency] = labels, maps
    pixels = -(-saliency.size // STEPS)
    metric = insertion_deletion(model_apply, params, pixels_per_step=pixels, step_batch=STEP_BATCH)
    curves = metric(item.image, saliency, label)
    return {"insertion": curves.insertion_auc, "deletion": curves.deletion_auc, "overall": curves.overall}


def variants(study: Study) -> Study:
    """The method with each setting, other options unchanged; no more groups than the layer has channels."""
    found = {}
    for method, builder in study.builders.items():
        options = inspect.signature(builder).parameters
        if not {"groups", "percentile"} <= options.keys():
            raise ValueError(f"the ablation varies groups and percentile, which {method} has not; choose group-cam")
        channels = channel_count(study.classifier, builder)
        usual_groups, usual_percentile = options["groups"].default, options["percentile"].default
        swept = [(groups, usual_percentile) for groups in GROUPS if groups <= channels]
        swept += [(usual_groups, float(percentile)) for percentile in PERCENTILES]
        for groups, percentile in swept:
            kept = "all kept" if percentile is None else f"percentile {percentile:g}"
            name = f"{method}, {groups} groups, {kept}"
            found[name] = functools.partial(builder, groups=groups, percentile=percentile)
    return make_study(study.classifier, found, study.batch, study.seed)


def programs(study: Study) -> dict[str, BatchProgram]:
    """One program per setting."""
    varied = variants(study)

    def with_setting(program: BatchProgram, groups: int, percentile: float | None) -> BatchProgram:
        def run(batch: Batch) -> Mapping[str, np.ndarray]:
            count = len(batch.ids)
            columns = {"groups": np.full(count, groups), "percentile": np.full(count, percentile, float)}
            return {**program(batch), **columns}

        return run

    settings = {name: builder.keywords for name, builder in varied.builders.items()}
    return {
        name: with_setting(program, settings[name]["groups"], settings[name]["percentile"])
        for name, program in measuring(varied, measure, ask_predicted).items()
    }


def summarize(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Areas under the curves, in per cent."""
    return {column: estimate(rows, name) for column, name in AREAS.items()}


def channel_count(classifier: Classifier, builder: functools.partial[Explainer]) -> int:
    """The number of channels of the layer that a method explains."""
    images = jax.ShapeDtypeStruct((1, classifier.image_size, classifier.image_size, 3), jnp.float32)
    features, _ = split(classifier.apply, classifier.params, images, builder.keywords.get("layer"))
    return jax.eval_shape(features, classifier.params, images)[0].shape[-1]


EXPERIMENT = Experiment(
    "Group-CAM by groups and percentile",
    ("group-cam",),
    programs,
    summarize,
    Ranking("over-all", lambda row: row["overall"], classes=predicted_class),
    draw,
    version=3,
    variants=variants,
)
