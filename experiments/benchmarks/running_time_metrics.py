"""Images a second: of explanations, and of every metric; and insertion and deletion beside the bare forward passes.

    python -m experiments.benchmarks.running_time metrics --model my_model.py:factory --output FILE.json

The third command of `running_time.py`. One image at a time, with the options that the experiments use; the saliency
is Grad-CAM's, computed before. "forward passes" is what the insertion and the deletion of an image cost at least: 58
passes for 224 x 224, in the same batches and nothing else.

Ours, MobileNetV2 on 2 cores of an AMD EPYC, medians of 5 runs, images a second (1 minute, with compilation;
experiments/results/running_time_metrics_cpu.json):

    explain by Grad-CAM     116     drop and increase              59
    explain by Group-CAM    1.75    ROAD                           0.37
    forward passes          2.43    infidelity                     1.38
    insertion and deletion  2.40    sensitivity of Grad-CAM        12
                                    pointing game                  902
                                    localization, 19 thresholds    21
                                    similarity of two maps         39

Insertion and deletion take 1.01 times the bare forward passes; the bound is 1.2.
"""

import functools
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import typer
from rich import box
from rich.console import Console
from rich.table import Table

import groupcam_jax.metrics as m
from experiments.benchmarks.timing import alternate, ratio
from groupcam_jax.batches import map_batched
from groupcam_jax.classifiers import load_classifier
from groupcam_jax.evaluation.contenders import build_methods
from groupcam_jax.evaluation.machine import write_measured
from groupcam_jax.evaluation.studies.insertion_deletion import STEP_BATCH, STEPS
from groupcam_jax.evaluation.studies.localization import THRESHOLDS
from groupcam_jax.types import Classifier

PASSES, CURVES = "forward passes", "insertion and deletion"
METHODS = ("grad-cam", "group-cam")


def contenders(classifier: Classifier) -> dict[str, Callable[[], Any]]:
    """What is timed, by name: compiled functions of nothing, which wait for their result."""
    size, key = classifier.image_size, jax.random.key(0)
    image = jax.random.normal(key, (size, size, 3))
    apply, label = classifier.apply, jnp.int32(0)
    explainers = {
        name: build(apply, classifier.params) for name, build in build_methods(METHODS, classifier, {}).items()
    }
    grad_cam = explainers["grad-cam"]
    saliency = jax.jit(grad_cam)(image, label)
    mask = jnp.zeros((size, size), bool).at[: size // 2, : size // 2].set(True)
    thresholds = jnp.asarray(THRESHOLDS, jnp.float32)

    def passes(params, image, saliency):
        del saliency
        images = jnp.broadcast_to(image, (2 * (STEPS + 1), *image.shape))
        return map_batched(lambda one: apply(params, one[None])[0], images, STEP_BATCH)

    def of_params(metric, attribute=lambda image, saliency: saliency, **options):
        """A metric of the classifier, with its weights as an argument."""
        return lambda params, image, saliency: metric(apply, params, **options)(
            image, attribute(image, saliency), label, key=key
        )

    functions = {
        **{
            f"explain by {name}": lambda params, image, saliency, explain=explain: explain(image, label)
            for name, explain in explainers.items()
        },
        PASSES: passes,
        CURVES: of_params(m.insertion_deletion, pixels_per_step=-(-size * size // STEPS), step_batch=STEP_BATCH),
        "drop and increase": of_params(m.confidence_change),
        "ROAD": of_params(m.road, step_batch=STEP_BATCH),
        "infidelity": of_params(
            m.infidelity, lambda image, saliency: image * saliency[:, :, None], sample_batch=STEP_BATCH
        ),
        "sensitivity of Grad-CAM": lambda params, image, saliency: m.max_sensitivity(grad_cam)(image, label, key=key),
        "pointing game": lambda params, image, saliency: (m.hit(saliency, mask), m.energy_inside(saliency, mask)),
        "localization, 19 thresholds": lambda params, image, saliency: jax.vmap(m.salient_box, (None, 0))(
            saliency, thresholds
        ),
        "similarity of two maps": lambda params, image, saliency: m.similarity(saliency, saliency.T),
    }
    return {
        name: functools.partial(waiting, jax.jit(function), classifier.params, image, saliency)
        for name, function in functions.items()
    }


def waiting(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function and waits for what it computes."""
    return jax.block_until_ready(function(*arguments))


def main(
    model: Annotated[str, typer.Option(help="A network's name, or FILE.py:factory for your own.")] = "shapes",
    runs: Annotated[int, typer.Option(help="Runs of each, after a warm-up.")] = 5,
    output: Annotated[Path | None, typer.Option(help="Where the figures go as JSON.")] = None,
) -> None:
    """Measure images a second, of explanations and of every metric."""
    seconds = alternate(contenders(load_classifier(model, None)), runs)
    shown = Table("one image", "seconds", "images a second", title=f"Metrics of {model}", box=box.MARKDOWN)
    for name, times in seconds.items():
        shown.add_row(name, f"{statistics.median(times):.4f}", f"{1 / statistics.median(times):.2f}")
    console = Console(width=120)
    console.print(shown)
    over = ratio(seconds[CURVES], seconds[PASSES])
    console.print(f"{CURVES} take {over:.2f} times the bare forward passes")
    median = {name: statistics.median(times) for name, times in seconds.items()}
    write_measured(
        output, {"model": model, "median_seconds": median, "curves_over_passes": over, "all_seconds": seconds}
    )
