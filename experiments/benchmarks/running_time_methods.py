"""The running time of every method of the command line, beside captum's form of it where captum is installed.

    python -m experiments.benchmarks.running_time methods --output experiments/results/running_time_methods_cpu.json

The second command of `running_time.py`, where the paper's figures are. Ours, ResNet-50, 2 cores of an AMD EPYC, medians
of at most 5 runs (experiments/results/running_time_methods_cpu.json, without YNNPACK, see `groupcam_jax.compiler`;
10 minutes); captum's are of the same run:

    seconds                 ours    captum    ours is faster by
    Grad-CAM                0.08    0.09      1.19
    occlusion               8.76    12.15     1.39  (one run)
    gradient                0.17    0.15      0.89
    input x gradient        0.17    0.16      0.93
    SmoothGrad              5.38    5.73      1.07  (one run)
    integrated gradients    5.14    5.76      1.12  (one run)
    guided backpropagation  0.19    0.19      1.03
    deconvolution           0.15    0.17      1.12
    Guided Grad-CAM         0.17    0.23      1.38
    without a peer          Group-CAM 1.57 (released 1.59)

The others are of an earlier version, with YNNPACK: RISE of 4,000 masks 127, Score-CAM 65 (64 channels 2.2), XRAI 8.6,
Smooth Grad-CAM++ 0.94, Integrated Grad-CAM 0.75, the other maps below 0.12.

Methods run with the options of the command line, on one image and for a given class; the layer is the network's last
ReLU. Weights are random; the picture is scikit-image's astronaut, for XRAI's time depends on the regions of a picture.
captum (`captum_peers.py`) runs on the same network in PyTorch, channels-last, the weights without gradients.

A method and its peer take turns after a warm-up, as often as the budget has room for. Where even one turn more exceeds
it the warm-up itself is told: ours is compiled before, so that its first run is a whole one.

MiB is the peak of a process of its own that imports, compiles and explains once; buffers are what XLA planned for the
explanation alone. They depend on `mask_batch` and not on the number of masks.

The machine must be idle: PyTorch's threads wait for one another, and a process beside them slows them many times.
"""

import functools
import importlib.util
import inspect
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from experiments.benchmarks.compiled import LABEL, SIZE, Compiled, compile_explanation
from experiments.benchmarks.timing import alternate_within, peak_memory_of, ratio
from groupcam_jax.evaluation.machine import write_measured
from groupcam_jax.methods import METHODS
from pretrained.catalogue import IMAGENET
from pretrained.networks.imagenet import normalize


def picture() -> jax.Array:
    """The picture that is explained, `[h, w, 3]`, normalised."""
    from skimage import data

    return normalize(jax.image.resize(jnp.asarray(data.astronaut(), jnp.float32), (SIZE, SIZE, 3), "bilinear"))


def ours(network: str, method: str) -> Compiled:
    """Compiles our explanation, of the layer that the command line would take."""
    build, layer = METHODS[method], IMAGENET[network].layer
    options = {"layer": layer} if "layer" in inspect.signature(build).parameters else {}
    return compile_explanation(network, functools.partial(build, **options), picture()[None])


def captum(network: str, method: str) -> Callable[[], Any]:
    """A function that runs captum's explanation, on the same device as JAX."""
    import torch

    from experiments.benchmarks import captum_peers, torch_networks

    device = "cuda" if jax.default_backend() == "gpu" else "cpu"
    build, layer = torch_networks.NETWORKS[network]
    model = build().eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
    image = torch.from_numpy(np.array(picture())).permute(2, 0, 1)[None].to(device).requires_grad_()
    explain = functools.partial(captum_peers.PEERS[method], model, model.get_submodule(layer), image, LABEL)
    return lambda: explain().cpu()


def has_peer(method: str) -> bool:
    """Whether captum is installed and has the method."""
    if importlib.util.find_spec("captum") is None:
        return False
    from experiments.benchmarks import captum_peers

    return method in captum_peers.PEERS


def measure(network: str, method: str, runs: int, budget: float) -> dict[str, Any]:
    """All figures of one method."""
    compiled = ours(network, method)
    contenders = {"ours": compiled.run, **({"captum": captum(network, method)} if has_peer(method) else {})}
    first, seconds = alternate_within(contenders, budget, runs)
    options = f"methods --network {network} --method {method} --only"
    command = ["-m", "experiments.benchmarks.running_time", *options.split()]
    return {
        "median_seconds": {name: statistics.median(times) for name, times in seconds.items()},
        "times_as_fast_as": {name: ratio(times, seconds["ours"]) for name, times in seconds.items() if name != "ours"},
        "compiling_seconds": compiled.seconds,
        "buffers_mib": compiled.buffers_mib,
        "peak_memory_mib": {name: peak_memory_of([*command, name]) for name in contenders},
        "warm_up_seconds": first,
        "all_seconds": seconds,
    }


def table(network: str, results: dict[str, Any]) -> Table:
    """The figures as a table, a row for each method."""
    columns = ("method", "seconds", "captum's", "ours is faster by", "runs", "compiling", "MiB", "captum's", "buffers")
    shown = Table(*columns, title=f"One explanation of {network}, {SIZE} x {SIZE}", box=box.MARKDOWN)
    for method, figures in results.items():
        seconds, memory = figures["median_seconds"], figures["peak_memory_mib"]
        captums = [""] * 3
        if "captum" in seconds:
            faster = figures["times_as_fast_as"]["captum"]
            captums = [f"{seconds['captum']:.2f}", f"{faster:.2f}", f"{memory['captum']:.0f}"]
        runs, compiling = len(figures["all_seconds"]["ours"]), sum(figures["compiling_seconds"].values())
        row = [method, f"{seconds['ours']:.2f}", *captums[:2], str(runs), f"{compiling:.1f}"]
        shown.add_row(*row, f"{memory['ours']:.0f}", captums[2], f"{figures['buffers_mib']:.0f}")
    return shown


def main(
    network: Annotated[str, typer.Option(help="The network to explain.")] = "resnet50",
    method: Annotated[list[str] | None, typer.Option(help="Methods to measure; repeatable; all by default.")] = None,
    runs: Annotated[int, typer.Option(help="Runs of a method and its peer after a warm-up, at most.")] = 7,
    budget: Annotated[float, typer.Option(help="Seconds for the runs of a method and its peer.")] = 60.0,
    only: Annotated[Literal["ours", "captum"] | None, typer.Option(help="Run it once, for its peak memory.")] = None,
    output: Annotated[Path | None, typer.Option(help="Where the figures go as JSON, after every method.")] = None,
) -> None:
    """Measure all methods, beside captum's."""
    names = method or list(METHODS)
    if only is not None:
        (ours(network, names[0]).run if only == "ours" else captum(network, names[0]))()
        return
    results: dict[str, Any] = {}
    for name in names:
        results[name] = measure(network, name, runs, budget)
        write_measured(output, {"network": network, "methods": results, "runs": runs, "budget": budget})
    Console(width=140).print(table(network, results))
