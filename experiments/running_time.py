"""Table 3: the running time of an explanation, here against PyTorch on the same weights in the same process.

    python -m experiments.running_time --output experiments/results/running_time_cpu.json

The paper (one NVIDIA 2080 Ti, ResNet-50, seconds): RISE 38.23, XRAI 42.17, Grad-CAM 0.03, Score-CAM 2.46,
Group-CAM 0.09. Ours: see experiments/results/running_time_*.json, each with its machine and versions.

Weights are random: the time does not depend on them. PyTorch runs channels-last, its perturbed passes in inference
mode; "torch batch" scores all masks at once, "torch loop" one by one. The floor is what the G + 2 forward passes need
at the machine's measured matrix-product rate, multiplications counted as in a direct convolution.
"""

import functools
import json
import statistics
import time
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from experiments.measure import alternate, machine, matrix_product_rate, peak_memory_of, ratio
from groupcam_jax import group_cam
from pretrained.files import whole_file
from pretrained.load import IMAGENET

GROUPS, SIZE, LABEL = 32, 224, 243
MULTIPLY_ADDS = {"resnet50": 4.09e9, "vgg19": 19.63e9}  # of one forward pass, as torchvision publishes them


def ours(network: str, *, mask_batch: int | None, images: int = 1, **options: Any) -> tuple[Any, dict[str, float]]:
    """Compiles our explanation; returns a function that runs it, and the seconds to trace and compile."""
    build, layer = IMAGENET[network]
    module = build()
    params = jax.jit(module.init)(jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)))
    batch = jax.random.normal(jax.random.key(1), (images, SIZE, SIZE, 3))
    labels = jnp.full((images,), LABEL)

    def explain(params, batch, labels):
        one = group_cam(module.apply, params, layer=layer, groups=GROUPS, mask_batch=mask_batch, **options)
        return jax.vmap(one)(batch, labels) if images > 1 else one(batch[0], labels[0])

    started = time.perf_counter()
    lowered = jax.jit(explain).lower(params, batch, labels)
    traced = time.perf_counter()
    compiled = lowered.compile()
    seconds = {"trace": traced - started, "compile": time.perf_counter() - traced}
    return lambda: compiled(params, batch, labels).block_until_ready(), seconds


def pytorch(network: str, *, batch: int | None) -> Any:
    """A function that runs the same explanation in PyTorch, on the same device as JAX."""
    import torch

    from experiments import torch_group_cam, torch_networks

    device = "cuda" if jax.default_backend() == "gpu" else "cpu"
    build, layer = {
        "resnet50": (torch_networks.ResNet50, "layer4.2"),
        "vgg19": (torch_networks.VGG19, "features.35"),
    }[network]
    model = build().eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
    image = torch.from_numpy(np.random.default_rng(1).standard_normal((3, SIZE, SIZE), np.float32)).to(device)
    cam = functools.partial(torch_group_cam.group_cam, model, model.get_submodule(layer), image, LABEL, groups=GROUPS)
    return lambda: cam(batch=batch).cpu()


def contenders(network: str, mask_batch: int | None) -> dict[str, Any]:
    """The functions that explain one image, by name; each is made when it is called for."""
    return {
        "ours": lambda: ours(network, mask_batch=mask_batch)[0],
        "torch batch": lambda: pytorch(network, batch=None),
        "torch loop": lambda: pytorch(network, batch=1),
    }


def measure(network: str, runs: int, mask_batch: int | None, images: int, rate: float) -> dict[str, Any]:
    """All figures of one network."""
    seconds = alternate({name: make() for name, make in contenders(network, mask_batch).items()}, runs)
    run_batch, compiling = ours(network, mask_batch=mask_batch, images=images)
    batched = alternate({"ours": run_batch}, max(1, runs // 2))["ours"]
    command = ["-m", "experiments.running_time", "--network", network, "--mask-batch", str(mask_batch or 0), "--only"]
    return {
        "median_seconds": {name: statistics.median(times) for name, times in seconds.items()},
        "times_as_fast_as": {name: ratio(times, seconds["ours"]) for name, times in seconds.items() if name != "ours"},
        "floor_seconds": 2 * MULTIPLY_ADDS[network] * (GROUPS + 2) / rate,
        "seconds_of_an_image_in_a_batch": statistics.median(batched) / images,
        "images_in_the_batch": images,
        "compiling_seconds": ours(network, mask_batch=mask_batch)[1],
        "compiling_seconds_of_the_batch": compiling,
        "peak_memory_mib": {name: peak_memory_of([*command, name]) for name in seconds},
        "all_seconds": seconds,
    }


def table(results: dict[str, Any]) -> Table:
    """The figures as a table, a row for each network."""
    columns = ("network", "ours", "torch batch", "torch loop", "times as fast", "floor", "in a batch", "compile", "MiB")
    shown = Table(*columns, title=f"seconds of an explanation, G = {GROUPS}", box=None)
    for network, figures in results.items():
        median, faster, memory = (figures[key] for key in ("median_seconds", "times_as_fast_as", "peak_memory_mib"))
        shown.add_row(
            network,
            *(f"{median[name]:.2f}" for name in ("ours", "torch batch", "torch loop")),
            " / ".join(f"{faster[name]:.2f}" for name in ("torch batch", "torch loop")),
            f"{figures['floor_seconds']:.2f}",
            f"{figures['seconds_of_an_image_in_a_batch']:.2f}",
            f"{sum(figures['compiling_seconds'].values()):.1f}",
            " / ".join(f"{memory[name]:.0f}" for name in ("ours", "torch batch", "torch loop")),
        )
    return shown


def main(
    network: Annotated[list[str], typer.Option(help="Networks to measure; repeatable.")] = ["resnet50", "vgg19"],  # noqa: B006
    runs: Annotated[int, typer.Option(help="Runs of each contender, after a warm-up.")] = 7,
    mask_batch: Annotated[int, typer.Option(help="Masks that ours scores at once; 0 for all.")] = 11,
    images: Annotated[int, typer.Option(help="Images in the batch.")] = 4,
    only: Annotated[str | None, typer.Option(help="Run one contender once, for its peak memory.")] = None,
    output: Annotated[Path | None, typer.Option(help="Where the figures go as JSON.")] = None,
) -> None:
    """Measure an explanation against PyTorch."""
    if only is not None:
        contenders(network[0], mask_batch or None)[only]()()
        return
    rate = matrix_product_rate()
    results = {name: measure(name, runs, mask_batch or None, images, rate) for name in network}
    Console().print(table(results))
    report = {"networks": results, "runs": runs, "mask_batch": mask_batch, "matrix_product_rate": rate}
    if output is not None:
        with whole_file(output) as file:
            file.write(f"{json.dumps({**report, 'machine': machine()}, indent=2)}\n".encode())


if __name__ == "__main__":
    typer.run(main)
