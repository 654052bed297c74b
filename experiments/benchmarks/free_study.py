"""A network and a study that cost nothing: what is left of a run is pictures, records and report."""

from collections.abc import Mapping
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from groupcam_jax.evaluation.contenders import build_methods
from groupcam_jax.evaluation.data import Batch, Dataset, Example, resize_straight
from groupcam_jax.evaluation.job import Job
from groupcam_jax.evaluation.measuring import make_study
from groupcam_jax.evaluation.studies.insertion_deletion import EXPERIMENT, STEPS
from groupcam_jax.evaluation.study import BatchProgram, Study
from groupcam_jax.types import Classifier

METHODS = (
    *("group-cam", "group-cam-released", "grad-cam", "grad-cam-pp", "hires-cam", "xgrad-cam", "layer-cam"),
    *("centre", "random", "random-pixels"),
)
SIZE, PATCH, CHANNELS, CLASSES = 224, 32, 32, 1000


def free_classifier() -> Classifier:
    """Random features of the mean colour of each patch, averaged, and a linear head."""

    def apply(params, images):
        patches = images.reshape(len(images), SIZE // PATCH, PATCH, SIZE // PATCH, PATCH, 3).mean((2, 4))
        return jnp.maximum(patches @ params["embed"], 0).mean((1, 2)) @ params["head"]

    rng = np.random.default_rng(0)
    shapes = {"embed": (3, CHANNELS), "head": (CHANNELS, CLASSES)}
    params = {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}
    names = [f"class {number}" for number in range(CLASSES)]
    return Classifier(apply, params, lambda pixels: jnp.asarray(pixels, jnp.float32) / 255, names, None, SIZE)


def free_programs(study: Study) -> Mapping[str, BatchProgram]:
    """For each method, random values in the place of insertion and deletion, as many as these have."""
    places = np.linspace(0, 1, STEPS + 1, dtype=np.float32)

    def program(method: str) -> BatchProgram:
        def values(batch: Batch) -> Mapping[str, np.ndarray]:
            curves = np.random.default_rng([batch.index, *method.encode()]).random((2, len(batch.ids), STEPS + 1))
            insertion, deletion = curves.mean(2)
            areas = ("insertion", "deletion", "overall", "deletion_to_blur", "overall_to_blur")
            overall = insertion - deletion
            return {
                **dict(zip(areas, (insertion, deletion, overall, deletion, overall), strict=True)),
                "places": np.broadcast_to(places, curves[0].shape),
                "insertion_curve": curves[0],
                "deletion_curve": curves[1],
            }

        return values

    return {method: program(method) for method in study.builders}


def free_job(folder: Path, dataset: Dataset, batch: int) -> Job:
    """A run of ten methods that measures nothing, and records and reports it all."""
    classifier = free_classifier()
    study = make_study(classifier, build_methods(METHODS, classifier, {"mask_batch": 8}), batch, 0)
    experiment = EXPERIMENT._replace(title="Random values", compile=free_programs)
    manifest = {"experiment": "random-values", "batch": batch}
    return Job(experiment, study, dataset, resize_straight, None, manifest, {}, folder, 0, 1)


def blank_pictures(count: int) -> Dataset:
    """Pictures that need no decoding: all are black."""
    black = Example("", np.zeros((SIZE, SIZE, 3), np.uint8), 0, np.zeros((0, 4), np.float32), np.zeros(0, np.int32))

    def read(number: int) -> Example:
        return black._replace(id=f"n01440764/ILSVRC2012_val_{number:08d}.JPEG")

    return Dataset(
        "blank", ("blank",), count, read, lambda number: 0, lambda number: (), lambda number: f"{number:016x}"
    )
