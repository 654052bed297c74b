"""Table 3: the running time of an explanation, here against PyTorch on the same weights in the same process.

    python -m experiments.benchmarks.running_time --output experiments/results/running_time_cpu.json
    python -m experiments.benchmarks.running_time methods --output experiments/results/running_time_methods_cpu.json

The first command measures Group-CAM, of which this file tells; the second all methods, see `running_time_methods.py`;
`metrics` in its place measures all metrics, see `running_time_metrics.py`; `throughput` measures batches on an
accelerator, see `throughput.py`; `user-networks` measures other people's networks, see `user_networks.py`.

The paper (one NVIDIA 2080 Ti, ResNet-50, seconds): RISE 38.23, XRAI 42.17, Grad-CAM 0.03, Score-CAM 2.46,
Group-CAM 0.09. Ours, on 2 cores of an AMD EPYC with a matrix-product rate of 377 GF/s, without YNNPACK, see
`groupcam_jax.compiler` (medians of 3; about 6 minutes, all of it in experiments/results/running_time_cpu.json):

    seconds                ours    torch tuned    torch plain    torch loop    floor
    EfficientNet-Lite0     0.21    0.73           1.15           0.45          0.07
    ResNet-50              0.79    1.59           2.27           1.27          0.74
    VGG19                  1.73    3.59           5.00           4.35          3.54

Weights are random: the time does not depend on them. "torch tuned" is channels-last, scores all masks in one batch and
differentiates above the layer alone; "torch plain" is as the published code: PyTorch's own memory format, a gradient
down to the image; "torch loop" also scores the masks one by one. All score in inference mode. The floor is what the
G + 2 forward passes need at the machine's measured matrix-product rate, multiplications counted as in a direct
convolution: Winograd's algorithm can pass below it.
"""

import functools
import statistics
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from experiments.benchmarks import running_time_methods, running_time_metrics, throughput, user_networks
from experiments.benchmarks.compiled import LABEL, SIZE, Compiled, compile_explanation
from experiments.benchmarks.timing import alternate, matrix_product_rate, peak_memory_of, ratio
from groupcam_jax import group_cam
from groupcam_jax.evaluation.machine import write_measured
from pretrained.catalogue import IMAGENET

GROUPS = 32
# Of one forward pass, as torchvision and TensorFlow publish them.
MULTIPLY_ADDS = {"efficientnet-lite0": 0.407e9, "resnet50": 4.09e9, "vgg19": 19.63e9}


def ours(network: str, *, mask_batch: int | None, images: int = 1) -> Compiled:
    """Compiles our explanation of so many images."""
    build = functools.partial(group_cam, layer=IMAGENET[network].layer, groups=GROUPS, mask_batch=mask_batch)
    return compile_explanation(network, build, jax.random.normal(jax.random.key(1), (images, SIZE, SIZE, 3)))


def pytorch(network: str, *, tuned: bool, batch: int | None) -> Any:
    """A function that runs the same explanation in PyTorch, on the same device as JAX."""
    import torch

    from experiments.benchmarks import torch_group_cam, torch_networks

    device = "cuda" if jax.default_backend() == "gpu" else "cpu"
    build, layer = torch_networks.NETWORKS[network]
    memory_format = torch.channels_last if tuned else torch.contiguous_format
    model = build().eval().requires_grad_(not tuned).to(device, memory_format=memory_format)
    image = torch.from_numpy(np.random.default_rng(1).standard_normal((3, SIZE, SIZE), np.float32)).to(device)
    cam = functools.partial(torch_group_cam.group_cam, model, model.get_submodule(layer), image, LABEL, groups=GROUPS)
    return lambda: cam(batch=batch, whole=not tuned).cpu()


def contenders(network: str, mask_batch: int | None) -> dict[str, Any]:
    """The functions that explain one image, by name; each is made when it is called for."""
    return {
        "ours": lambda: ours(network, mask_batch=mask_batch).run,
        "torch tuned": lambda: pytorch(network, tuned=True, batch=None),
        "torch plain": lambda: pytorch(network, tuned=False, batch=None),
        "torch loop": lambda: pytorch(network, tuned=False, batch=1),
    }


def measure(network: str, runs: int, mask_batch: int | None, images: int, rate: float) -> dict[str, Any]:
    """All figures of one network."""
    seconds = alternate({name: make() for name, make in contenders(network, mask_batch).items()}, runs)
    batch = ours(network, mask_batch=mask_batch, images=images)
    batched = alternate({"ours": batch.run}, max(1, runs // 2))["ours"]
    options = f"--network {network} --mask-batch {mask_batch or 0} --only"
    command = ["-m", "experiments.benchmarks.running_time", *options.split()]
    return {
        "median_seconds": {name: statistics.median(times) for name, times in seconds.items()},
        "times_as_fast_as": {name: ratio(times, seconds["ours"]) for name, times in seconds.items() if name != "ours"},
        "floor_seconds": 2 * MULTIPLY_ADDS[network] * (GROUPS + 2) / rate,
        "seconds_of_an_image_in_a_batch": statistics.median(batched) / images,
        "images_in_the_batch": images,
        "compiling_seconds": ours(network, mask_batch=mask_batch).seconds,
        "compiling_seconds_of_the_batch": batch.seconds,
        "peak_memory_mib": {name: peak_memory_of([*command, name]) for name in seconds},
        "all_seconds": seconds,
    }


def table(results: dict[str, Any]) -> Table:
    """The figures as a table, a row for each network and contender."""
    columns = ("network", "contender", "seconds", "ours is faster by", "peak MiB")
    shown = Table(*columns, title=f"One explanation, {SIZE} x {SIZE}, G = {GROUPS}", box=box.MARKDOWN)
    for network, figures in results.items():
        for name, seconds in figures["median_seconds"].items():
            faster = figures["times_as_fast_as"].get(name, 1.0)
            memory = figures["peak_memory_mib"][name]
            shown.add_row(network, name, f"{seconds:.2f}", f"{faster:.2f}", f"{memory:.0f}")
        compiling = sum(figures["compiling_seconds"].values())
        shown.add_row(network, "ours, an image of a batch", f"{figures['seconds_of_an_image_in_a_batch']:.2f}", "", "")
        shown.add_row(network, "ours, to trace and compile", f"{compiling:.1f}", "", "")
        shown.add_row(network, "floor", f"{figures['floor_seconds']:.2f}", "", "")
    return shown


app = typer.Typer(add_completion=False)
app.command("methods")(running_time_methods.main)
app.command("metrics")(running_time_metrics.main)
app.command("throughput")(throughput.main)
app.command("user-networks")(user_networks.main)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    network: Annotated[list[str], typer.Option(help="Networks to measure; repeatable.")] = [*MULTIPLY_ADDS],
    runs: Annotated[int, typer.Option(help="Runs of each contender, after a warm-up.")] = 7,
    mask_batch: Annotated[int, typer.Option(help="Masks that ours scores at once; 0 for what suits the device.")] = 11,
    images: Annotated[int, typer.Option(help="Images in the batch.")] = 4,
    only: Annotated[str | None, typer.Option(help="Run one contender once, for its peak memory.")] = None,
    output: Annotated[Path | None, typer.Option(help="Where the figures go as JSON.")] = None,
) -> None:
    """Measure an explanation by Group-CAM against PyTorch; `methods` measures all methods."""
    if context.invoked_subcommand is not None:
        return
    if only is not None:
        contenders(network[0], mask_batch or None)[only]()()
        return
    rate = matrix_product_rate()
    results = {name: measure(name, runs, mask_batch or None, images, rate) for name in network}
    Console(width=120).print(table(results))
    report = {"networks": results, "runs": runs, "mask_batch": mask_batch, "matrix_product_rate": rate}
    write_measured(output, report)


if __name__ == "__main__":
    app()
