"""Explanations a second by the batch and by the precision of products, beside PyTorch on the same card in the same run.

    python -m experiments.benchmarks.running_time throughput --output experiments/results/throughput_gpu.json

The fourth command of `running_time.py`, for machines with an accelerator. The paper: 11 a second, ResNet-50 on one
NVIDIA 2080 Ti.

Ours is one compiled program for a batch of images; PyTorch explains one image after the other, as all published code
does. "torch loop" scores mask by mask, in PyTorch's own memory format; "torch tuned" scores all masks in one batch,
channels-last, and differentiates above the layer alone; "torch compiled" is the same with `torch.compile` around the
scored passes. "passes" are the G + 1 scored passes of each image in our network and nothing else, in the same batches.

Ours, ResNet-50 on one NVIDIA H100, explanations a second (medians of 10 runs; experiments/results/throughput_h100.json,
and throughput_h100_float32.json from a run of its own):

                ours, 32 images    ours, 1    passes, 32    torch tuned    torch compiled    torch loop    floor
    bfloat16    604                262        641           79             76                5.0           2267
    tf32        319                175        337           84             95                7.7           1303
    float32     129                74         136           41             46                7.9           180

The scored passes are what takes the time, and in bfloat16 they are far from the rate of products; why was not profiled.
VGG19 and 128 images were not measured: XLA compiles for 15 to 60 s a case there.

The floor is G + 2 forward passes at the measured rate of matrix products of that precision. float32 is full float32,
tf32 rounds the operands of products, bfloat16 runs the whole network in it (PyTorch: autocast).
"""

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from experiments.benchmarks.compiled import LABEL, SIZE, compile_explanation
from experiments.benchmarks.timing import alternate
from groupcam_jax import group_cam, in_dtype
from groupcam_jax.batches import map_batched
from groupcam_jax.evaluation.machine import machine
from groupcam_jax.files import write_json
from pretrained.catalogue import IMAGENET

GROUPS = 32
AT_ONCE = 1056  # perturbed images in a forward pass, at most
# Of one forward pass, as torchvision publishes them.
MULTIPLY_ADDS = {"resnet50": 4.09e9, "vgg19": 19.63e9}
# Name -> JAX's precision of products, and the dtype of the network.
PRECISIONS = {
    "float32": ("highest", jnp.float32),
    "tf32": ("tensorfloat32", jnp.float32),
    "bfloat16": ("default", jnp.bfloat16),
}


def rate(dtype: Any, size: int = 8192) -> float:
    """Operations a second of a large matrix product of random numbers, at the default precision."""
    matrix = jax.random.normal(jax.random.key(0), (size, size), dtype)
    product = jax.jit(jnp.dot)
    return 2 * size**3 / median({"product": lambda: product(matrix, matrix).block_until_ready()}, 10)["product"]


def bandwidth(size: int = 2**30) -> float:
    """Bytes a second, read and written, of a pass over a large array."""
    array = jnp.ones(size // 4)
    double = jax.jit(lambda array: 2 * array)
    return 2 * size / median({"double": lambda: double(array).block_until_ready()}, 10)["double"]


def median(contenders: dict[str, Callable[[], Any]], runs: int) -> dict[str, float]:
    """The median seconds of contenders that take turns."""
    return {name: statistics.median(seconds) for name, seconds in alternate(contenders, runs).items()}


def ours(network: str, dtype: Any, images: int) -> tuple[Callable[[], Any], float]:
    """Our explanation of a batch, compiled, and the seconds of tracing and compiling it."""

    def build(apply, params):
        mask_batch = min(GROUPS + 1, max(1, AT_ONCE // images))
        layer = IMAGENET[network].layer
        return group_cam(in_dtype(apply, dtype), params, layer=layer, groups=GROUPS, mask_batch=mask_batch)

    compiled = compile_explanation(network, build, jax.random.normal(jax.random.key(1), (images, SIZE, SIZE, 3)))
    return compiled.run, sum(compiled.seconds.values())


def passes(network: str, dtype: Any, images: int) -> Callable[[], Any]:
    """The scored passes alone."""
    module = IMAGENET[network].build()
    params = jax.jit(module.init)(jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)))
    batch = jax.random.normal(jax.random.key(1), (images, SIZE, SIZE, 3))

    @jax.jit
    def score(params, batch):
        perturbed = jnp.arange(1.0, GROUPS + 2)[:, None, None, None, None] * batch
        perturbed = perturbed.reshape(-1, SIZE, SIZE, 3)
        apply = in_dtype(module.apply, dtype)
        return map_batched(lambda image: apply(params, image[None])[0], perturbed, AT_ONCE)

    return lambda: score(params, batch).block_until_ready()


def pytorch(network: str, precision: str, *, tuned: bool, compiled: bool = False) -> Callable[[], Any]:
    """The explanation of one image in PyTorch, on the same device as JAX."""
    import torch

    from experiments.benchmarks import torch_group_cam, torch_networks

    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision != "float32"
    device = "cuda" if jax.default_backend() == "gpu" else "cpu"
    build, layer = torch_networks.NETWORKS[network]
    memory_format = torch.channels_last if tuned else torch.contiguous_format
    model = build().eval().requires_grad_(not tuned).to(device, memory_format=memory_format)
    image = torch.from_numpy(np.random.default_rng(1).standard_normal((3, SIZE, SIZE), np.float32)).to(device)
    layer = model.get_submodule(layer)
    model = torch_networks.Bfloat16(model) if precision == "bfloat16" else model
    scorer = torch.compile(model) if compiled else model
    options = {"groups": GROUPS, "batch": None if tuned else 1, "whole": not tuned, "scorer": scorer}
    return lambda: torch_group_cam.group_cam(model, layer, image, LABEL, **options).cpu()


def measure(networks: list[str], precisions: list[str], batches: list[int], runs: int) -> Iterator[dict[str, Any]]:
    """One row after the other, so that what is done is kept when the time is over."""
    for network in networks:
        for precision in precisions:
            products, dtype = PRECISIONS[precision]
            row = {"network": network, "precision": precision}
            with jax.default_matmul_precision(products):
                operations = 2 * MULTIPLY_ADDS[network] * (GROUPS + 2)
                yield {**row, "contender": "floor", "images": 1, "seconds": operations / rate(dtype)}
                for images in batches:
                    run, compiling = ours(network, dtype, images)
                    contenders = {"ours": run}
                    if images == batches[0]:
                        contenders["torch tuned"] = pytorch(network, precision, tuned=True)
                        contenders["torch loop"] = pytorch(network, precision, tuned=False)
                        contenders["torch compiled"] = pytorch(network, precision, tuned=True, compiled=True)
                    if images == max(batch for batch in batches if batch <= AT_ONCE // (GROUPS + 1)):
                        contenders["passes"] = passes(network, dtype, images)
                    for name, seconds in median(contenders, runs).items():
                        count = 1 if name.startswith("torch") else images
                        extra = {"compiling_seconds": compiling} if name == "ours" else {}
                        yield {**row, "contender": name, "images": count, "seconds": seconds, **extra}


def main(
    network: Annotated[list[str], typer.Option(help="Networks to measure; repeatable.")] = [*MULTIPLY_ADDS],  # noqa: B006
    precision: Annotated[list[str], typer.Option(help="float32, tf32, bfloat16; repeatable.")] = [*PRECISIONS],  # noqa: B006
    images: Annotated[list[int], typer.Option(help="Images of a batch; repeatable.")] = [1, 8, 32, 128],  # noqa: B006
    runs: Annotated[int, typer.Option(help="Runs of each, after a warm-up.")] = 10,
    output: Annotated[Path | None, typer.Option(help="Where the figures go as JSON, after every row.")] = None,
) -> None:
    """Measure explanations a second by the batch and the precision, beside PyTorch."""
    report = {"rows": [], "runs": runs, "bytes_a_second": bandwidth(), "machine": machine()}
    shown = Table("network", "precision", "contender", "images", "ms an image", "a second", box=box.MARKDOWN)
    started = time.perf_counter()
    for row in measure(network, precision, images, runs):
        report["rows"].append({**row, "images_a_second": row["images"] / row["seconds"]})
        milliseconds = 1000 * row["seconds"] / row["images"]
        figures = str(row["images"]), f"{milliseconds:.2f}", f"{1000 / milliseconds:.1f}"
        shown.add_row(row["network"], row["precision"], row["contender"], *figures)
        print(f"{time.perf_counter() - started:.0f} s", *list(row.values())[:4], *figures[1:], flush=True)
        if output is not None:
            write_json(output, report)
    Console(width=120).print(shown)
