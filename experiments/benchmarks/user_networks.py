"""Networks as people write them, in Flax, Keras and transformers, against PyTorch's in the same process: Group-CAM, the
gradient of the image, SmoothGrad of 24 samples, and the insertion and the deletion of a map.

    python -m experiments.benchmarks.running_time user-networks --output experiments/results/user_networks_cpu.json

No network here knows of this library. "ours" takes the faster forms of convolutions, see `groupcam_jax.forms`; "as
written" leaves them out; "all at once" has all masks, samples or steps in one batch, which is not the default on a CPU;
"torch tuned" is channels-last, all in one batch, for Group-CAM differentiated above the layer alone, in inference mode.
PyTorch's networks other than ResNet-50 and VGG19 are those of transformers.
"""

import functools
import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import jax
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from experiments.benchmarks.compiled import LABEL, SIZE
from experiments.benchmarks.timing import alternate, matrix_product_rate, ratio
from experiments.benchmarks.torch_user_networks import pytorch
from experiments.benchmarks.user_models import NETWORKS, Network
from groupcam_jax import as_written, gradient, group_cam, smooth_grad
from groupcam_jax.evaluation.machine import write_measured
from groupcam_jax.evaluation.studies.insertion_deletion import STEPS
from groupcam_jax.metrics import insertion_deletion
from groupcam_jax.types import Model, Params

GROUPS = 32
SAMPLES = 24
PIXELS_PER_STEP = math.ceil(SIZE**2 / STEPS)


def compiled(build: Callable[..., Any], model: Model, params: Params) -> Callable[[], Any]:
    """A function that explains an image, or measures its map, and waits."""
    image = jax.random.normal(jax.random.key(1), (SIZE, SIZE, 3))
    explain = jax.jit(lambda params, image: build(model, params)(image, LABEL))
    return lambda: explain(params, image).block_until_ready()


def our_smooth_grad(model: Model, params: Params, *, sample_batch: int | None = None) -> Callable[..., Any]:
    """SmoothGrad, always of the same noise."""
    return functools.partial(
        smooth_grad(model, params, samples=SAMPLES, sample_batch=sample_batch), key=jax.random.key(0)
    )


def our_curves(model: Model, params: Params, *, step_batch: int | None = None) -> Callable[..., Any]:
    """The insertion and the deletion of the red channel as a map."""
    measure = insertion_deletion(model, params, pixels_per_step=PIXELS_PER_STEP, step_batch=step_batch)
    return lambda image, label: measure(image, image[:, :, 0], label, key=jax.random.key(0)).overall


OURS: dict[str, Callable[..., Any]] = {
    "Group-CAM": functools.partial(group_cam, groups=GROUPS),
    "gradient": gradient,
    "SmoothGrad": our_smooth_grad,
    "insertion and deletion": our_curves,
}
ALL_AT_ONCE = {
    "Group-CAM": {"mask_batch": GROUPS + 1},
    "gradient": {},
    "SmoothGrad": {"sample_batch": SAMPLES},
    "insertion and deletion": {"step_batch": 2 * STEPS + 2},
}
CONTENDERS = ("ours", "all at once", "as written", "torch tuned")


def measure(network: Network, runs: int, whats: list[str], whos: list[str]) -> dict[str, Any]:
    """Seconds of what is measured, by each contender, in turns."""
    model, params = network.ours()
    theirs = pytorch(network, GROUPS, SAMPLES, PIXELS_PER_STEP) if "torch tuned" in whos else {}
    figures = {}
    for what in whats:
        build, batch = OURS[what], ALL_AT_ONCE[what]
        contenders = {
            "ours": lambda build=build: compiled(build, model, params),
            "as written": lambda build=build: compiled(build, as_written(model), params),
            "torch tuned": lambda what=what: theirs[what],
        }
        if batch:
            whole = functools.partial(build, **batch)
            contenders["all at once"] = lambda whole=whole: compiled(whole, model, params)
        seconds = alternate({who: contenders[who]() for who in whos if who in contenders}, runs)
        figures[what] = {
            "median_seconds": {who: statistics.median(times) for who, times in seconds.items()},
            "times_as_fast_as": {who: ratio(times, seconds["ours"]) for who, times in seconds.items() if who != "ours"},
            "all_seconds": seconds,
        }
    return figures


def table(results: dict[str, Any]) -> Table:
    """The figures as a table: seconds, and how many times as fast ours is."""
    shown = Table("network", "", *CONTENDERS, box=box.MARKDOWN)
    for network, figures in results.items():
        for what, found in figures.items():
            seconds, times = found["median_seconds"], found["times_as_fast_as"]
            cells = {who: f"{seconds[who]:.2f} ({times.get(who, 1):.2f})" for who in seconds}
            shown.add_row(network, what, *(cells.get(who, "") for who in CONTENDERS))
    return shown


def main(
    network: Annotated[list[str], typer.Option(help="Networks to measure; repeatable.")] = [*NETWORKS],
    what: Annotated[list[str], typer.Option(help="What to measure; repeatable.")] = [*OURS],
    contender: Annotated[list[str], typer.Option(help="Who takes turns with ours; repeatable.")] = [*CONTENDERS[1:]],
    runs: Annotated[int, typer.Option(help="Runs of each contender, after a warm-up.")] = 5,
    output: Annotated[Path | None, typer.Option(help="Where the figures go as JSON.")] = None,
) -> None:
    """Measure networks as people write them against PyTorch."""
    rate, results = matrix_product_rate(), {}
    for name in network:
        results[name] = measure(NETWORKS[name], runs, what, ["ours", *contender])
        write_measured(output, {"networks": results, "runs": runs, "matrix_product_rate": rate})
    Console(width=120).print(table(results))
