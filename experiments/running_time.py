"""Table 3: the running time of an explanation, here against PyTorch on the same weights in the same process.

    python -m experiments.running_time --output experiments/results/running_time_cpu.json

The paper (one NVIDIA 2080 Ti, ResNet-50, seconds): RISE 38.23, XRAI 42.17, Grad-CAM 0.03, Score-CAM 2.46,
Group-CAM 0.09. Ours: see experiments/results/running_time_*.json, each with its machine and versions.

Weights are random: the time does not depend on them. PyTorch runs channels-last, its perturbed passes in inference mode;
"batch" scores all masks at once, "loop" one by one. The floor is what G + 2 forward passes need at the machine's measured
matrix-product rate, multiplications counted as in a direct convolution.
"""

import functools
import json
import pathlib
import statistics
import sys
import time
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from experiments.measure import alternate, machine, matrix_product_rate, peak_memory_of, ratio
from groupcam_jax import group_cam
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
    build, layer = {"resnet50": (torch_networks.ResNet50, "layer4.2"), "vgg19": (torch_networks.VGG19, "features.35")}[network]
    model = build().eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
    image = torch.from_numpy(np.random.default_rng(1).standard_normal((3, SIZE, SIZE), np.float32)).to(device)
    explain = functools.partial(torch_group_cam.group_cam, model, model.get_submodule(layer), image, LABEL, groups=GROUPS)
    return lambda: explain(batch=batch).cpu()


def measure(network: str, runs: int, mask_batch: int | None, batch_size: int) -> dict[str, Any]:
    """All figures of one network."""
    run, compiling = ours(network, mask_batch=mask_batch)
    contenders = {"ours": run, "torch batch": pytorch(network, batch=None), "torch loop": pytorch(network, batch=1)}
    seconds = alternate(contenders, runs)
    run_batch, _ = ours(network, mask_batch=mask_batch, images=batch_size)
    batched = alternate({"ours": run_batch}, max(1, runs // 2))["ours"]
    one = ["-m", "experiments.running_time", "--network", network, "--mask-batch", str(mask_batch or 0), "--only"]
    return {
        "seconds": {name: statistics.median(times) for name, times in seconds.items()},
        "all_seconds": seconds,
        "times_as_fast_as": {name: ratio(times, seconds["ours"]) for name, times in seconds.items() if name != "ours"},
        "seconds_of_an_image_in_a_batch": statistics.median(batched) / batch_size,
        "compiling": compiling,
        "peak_memory_mib": {name: peak_memory_of([*one, name]) for name in contenders if name != "torch loop"},
    }
