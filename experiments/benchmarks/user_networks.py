"""Networks as people write them, in Flax, Keras and transformers, against PyTorch's in the same process: Group-CAM, the
gradient of the image, and the insertion and the deletion of a map.

    python -m experiments.benchmarks.running_time user-networks --output experiments/results/user_networks_cpu.json

No network here knows of this library. "ours" takes the faster forms of convolutions, see `groupcam_jax.forms`; "as
written" leaves them out; "torch tuned" is channels-last, all masks in one batch, differentiated above the layer alone,
in inference mode. Insertion and deletion are in no figures yet. PyTorch's networks other than ResNet-50 and VGG19 are
those of transformers.
"""

import functools
import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from experiments.benchmarks.compiled import LABEL, SIZE
from experiments.benchmarks.timing import alternate, matrix_product_rate, ratio
from experiments.benchmarks.user_models import NETWORKS, Network
from groupcam_jax import as_written, gradient, group_cam
from groupcam_jax.evaluation.machine import machine
from groupcam_jax.evaluation.studies.insertion_deletion import STEPS
from groupcam_jax.files import write_json
from groupcam_jax.metrics import insertion_deletion
from groupcam_jax.types import Model, Params

GROUPS = 32
PIXELS_PER_STEP = math.ceil(SIZE**2 / STEPS)


def compiled(build: Callable[..., Any], model: Model, params: Params) -> Callable[[], Any]:
    """A function that explains an image, or measures its map, and waits."""
    image = jax.random.normal(jax.random.key(1), (SIZE, SIZE, 3))
    explain = jax.jit(lambda params, image: build(model, params)(image, LABEL))
    return lambda: explain(params, image).block_until_ready()


def pytorch(network: Network) -> dict[str, Callable[[], Any]]:
    """The same in PyTorch."""
    import torch
    from transformers import AutoConfig, AutoModelForImageClassification

    from experiments.benchmarks import torch_curves, torch_group_cam, torch_networks

    if network.torch_class in torch_networks.NETWORKS:
        model: Any = torch_networks.NETWORKS[network.torch_class][0]()
    else:
        b0 = {"width_coefficient": 1.0, "depth_coefficient": 1.0, "hidden_dim": 1280}
        sizes = b0 if network.torch_class == "efficientnet" else {}
        config = AutoConfig.for_model(network.torch_class, num_labels=1000, **sizes)
        model = torch_networks.Logits(AutoModelForImageClassification.from_config(config))
    model = model.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    image = torch.from_numpy(np.random.default_rng(1).standard_normal((3, SIZE, SIZE), np.float32))
    grid = as_grid if network.tokens else None

    def of_image() -> Any:
        shown = image[None].clone().requires_grad_()
        return torch.autograd.grad(model(shown)[0, LABEL], shown)

    layer = model.get_submodule(network.torch_layer)
    cam = functools.partial(torch_group_cam.group_cam, model, layer, image, LABEL, groups=GROUPS, spatial=grid)
    curves = functools.partial(
        torch_curves.insertion_deletion, model, image, image[0], LABEL, pixels_per_step=PIXELS_PER_STEP
    )
    return {"Group-CAM": cam, "gradient": of_image, "insertion and deletion": torch.inference_mode()(curves)}


def measured(model: Model, params: Params) -> Callable[..., Any]:
    """The insertion and the deletion of the red channel as a map."""
    measure = insertion_deletion(model, params, pixels_per_step=PIXELS_PER_STEP)
    return lambda image, label: measure(image, image[:, :, 0], label, key=jax.random.key(0)).overall


def as_grid(tokens: Any) -> Any:
    """Tokens `[1 + n, k]` as a map `[k, sqrt n, sqrt n]`."""
    side = round((len(tokens) - 1) ** 0.5)
    return tokens[1:].T.reshape(-1, side, side)


OURS: dict[str, Callable[..., Any]] = {
    "Group-CAM": functools.partial(group_cam, groups=GROUPS),
    "gradient": gradient,
    "insertion and deletion": measured,
}


def measure(network: Network, runs: int, torch: bool) -> dict[str, Any]:
    """Seconds of an explanation, of a gradient of the image, and of both curves, in turns."""
    model, params = network.ours()
    figures = {}
    theirs = pytorch(network) if torch else {}
    for name, build in OURS.items():
        contenders = {"ours": compiled(build, model, params), "as written": compiled(build, as_written(model), params)}
        if torch:
            contenders["torch tuned"] = theirs[name]
        seconds = alternate(contenders, runs)
        figures[name] = {
            "median_seconds": {who: statistics.median(times) for who, times in seconds.items()},
            "times_as_fast_as": {who: ratio(times, seconds["ours"]) for who, times in seconds.items() if who != "ours"},
            "all_seconds": seconds,
        }
    return figures


def table(results: dict[str, Any]) -> Table:
    """The figures as a table."""
    shown = Table("network", "", "ours, s", "as written", "times", "torch tuned", "times", box=box.MARKDOWN)
    for network, figures in results.items():
        for what, found in figures.items():
            seconds, times = found["median_seconds"], found["times_as_fast_as"]
            cells = [f"{one[who]:.2f}" for who in times for one in (seconds, times)]
            shown.add_row(network, what, f"{seconds['ours']:.2f}", *cells)
    return shown


def main(
    network: Annotated[list[str], typer.Option(help="Networks to measure; repeatable.")] = [*NETWORKS],  # noqa: B006
    runs: Annotated[int, typer.Option(help="Runs of each contender, after a warm-up.")] = 5,
    torch: Annotated[bool, typer.Option(help="Whether PyTorch takes its turns.")] = True,
    output: Annotated[Path | None, typer.Option(help="Where the figures go as JSON.")] = None,
) -> None:
    """Measure networks as people write them against PyTorch."""
    rate, results = matrix_product_rate(), {}
    for name in network:
        results[name] = measure(NETWORKS[name], runs, torch)
        report = {"networks": results, "runs": runs, "matrix_product_rate": rate, "machine": machine()}
        if output is not None:
            write_json(output, report)
    Console(width=120).print(table(results))
