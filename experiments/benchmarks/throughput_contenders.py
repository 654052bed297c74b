"""What `throughput.py` times: our programs, and their peers in PyTorch on the same device."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.compiled import LABEL, Compiled, compile_explanation
from groupcam_jax import group_cam, in_dtype
from groupcam_jax.batches import map_batched
from groupcam_jax.evaluation.studies.insertion_deletion import STEPS
from groupcam_jax.metrics import insertion_deletion
from groupcam_jax.types import Model
from pretrained.catalogue import IMAGENET

AT_ONCE = 1056  # perturbed images in a forward pass, at most
# Name -> JAX's precision of products, and the dtype of the network.
PRECISIONS = {
    "bfloat16": ("default", jnp.bfloat16),
    "tf32": ("tensorfloat32", jnp.float32),
    "float32": ("highest", jnp.float32),
}


class Setting(NamedTuple):
    """What is explained: a batch of so many images `[size, size, 3]`, by so many groups of channels."""

    network: str
    precision: str
    images: int
    groups: int
    size: int


def compiled(setting: Setting, build: Callable[..., Any]) -> Compiled:
    """Compiles what is built of a network, in the precision of the setting."""
    products, dtype = PRECISIONS[setting.precision]
    batch = jax.random.normal(jax.random.key(1), (setting.images, setting.size, setting.size, 3))
    with jax.default_matmul_precision(products):
        return compile_explanation(setting.network, lambda apply, params: build(in_dtype(apply, dtype), params), batch)


def at_once(setting: Setting, passes: int) -> int:
    """How many of the perturbed images of one image are scored at once."""
    return min(passes, max(1, AT_ONCE // setting.images))


def ours(setting: Setting, form: Callable[[Model], Model] = lambda apply: apply) -> Compiled:
    """Our explanation, of the network in a form, such as `as_written`."""
    options = {"layer": IMAGENET[setting.network].layer, "groups": setting.groups}
    mask_batch = at_once(setting, setting.groups + 1)
    return compiled(setting, lambda apply, params: group_cam(form(apply), params, **options, mask_batch=mask_batch))


def our_passes(setting: Setting) -> Compiled:
    """The scored passes of our explanation and nothing else."""
    count = setting.groups + 1

    def build(apply, params):
        def score(image, label, *, key):
            del label, key
            perturbed = jnp.arange(1.0, count + 1)[:, None, None, None] * image
            return map_batched(lambda one: apply(params, one[None])[0], perturbed, at_once(setting, count))

        return score

    return compiled(setting, build)


def our_curves(setting: Setting) -> Compiled:
    """Our insertion and deletion; the red channel is the map."""

    def build(apply, params):
        step_batch = at_once(setting, 2 * (STEPS + 1))
        measure = insertion_deletion(apply, params, pixels_per_step=pixels_per_step(setting), step_batch=step_batch)
        return lambda image, label, *, key: measure(image, image[:, :, 0], label, key=key).overall

    return compiled(setting, build)


def pixels_per_step(setting: Setting) -> int:
    """Pixels that change from one score to the next, as in the experiments."""
    return math.ceil(setting.size**2 / STEPS)


class Form(NamedTuple):
    """How PyTorch is run: masks in a pass (None: all), whether channels-last, and whether compiled."""

    batch: int | None
    channels_last: bool
    compiled: bool


FORMS = {
    "torch loop": Form(1, False, False),
    "torch batched": Form(None, False, False),
    "torch tuned": Form(None, True, False),
    "torch compiled": Form(None, True, True),
}


def pytorch(setting: Setting, form: Form, *, curves: bool = False) -> Callable[[], Any]:
    """PyTorch explains the images one after the other, or measures them, and is waited for once, at the end."""
    import torch

    from experiments.benchmarks import torch_curves, torch_group_cam, torch_networks

    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = setting.precision != "float32"
    device = "cuda" if jax.default_backend() == "gpu" else "cpu"
    if setting.network not in torch_networks.NETWORKS:
        raise ValueError(f"{setting.network} has no form in PyTorch; {', '.join(torch_networks.NETWORKS)} have")
    build, layer = torch_networks.NETWORKS[setting.network]
    memory_format = torch.channels_last if form.channels_last else torch.contiguous_format
    model = build().eval().requires_grad_(form.batch is not None).to(device, memory_format=memory_format)
    drawn = np.random.default_rng(1).standard_normal((setting.images, 3, setting.size, setting.size), np.float32)
    images = torch.from_numpy(drawn).to(device)
    layer = model.get_submodule(layer)
    model = torch_networks.Bfloat16(model) if setting.precision == "bfloat16" else model
    scorer = torch.compile(model) if form.compiled else model
    options = {"groups": setting.groups, "batch": form.batch, "whole": form.batch is not None, "scorer": scorer}

    def one(image: torch.Tensor) -> torch.Tensor:
        if curves:
            step = pixels_per_step(setting)
            return torch_curves.insertion_deletion(scorer, image, image[0], LABEL, pixels_per_step=step)
        return torch_group_cam.group_cam(model, layer, image, LABEL, **options)

    return lambda: torch.stack([one(image) for image in images]).cpu()
