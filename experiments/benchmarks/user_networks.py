"""Networks as people write them, in Flax, Keras and transformers, against PyTorch's in the same process.

    python -m experiments.benchmarks.running_time user-networks --output experiments/results/user_networks_cpu.json

No network here knows of this library. "ours" takes the faster forms of convolutions, see `groupcam_jax.forms`; "as
written" leaves them out; "torch tuned" is channels-last, all masks in one batch, differentiated above the layer alone,
in inference mode. PyTorch's networks other than ResNet-50 and VGG19 are those of transformers.
"""

import functools
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from experiments.benchmarks.compiled import LABEL, SIZE
from experiments.benchmarks.timing import alternate, matrix_product_rate, ratio
from groupcam_jax import as_written, gradient, group_cam
from groupcam_jax.evaluation.machine import machine
from groupcam_jax.files import write_json
from groupcam_jax.types import Model, Params

GROUPS = 32


class Network(NamedTuple):
    """A network in both libraries.

    Attributes:
      ours: makes `(model_apply, params)`.
      torch_class: the model type of transformers, or the name in `torch_networks`.
      torch_layer: the module whose output is explained.
      tokens: whether that output is `[n, 1 + tokens, k]`.
    """

    ours: Callable[[], tuple[Model, Params]]
    torch_class: str
    torch_layer: str
    tokens: bool = False


def flax_module(name: str) -> tuple[Model, Params]:
    """A network of `pretrained`, which is plain Flax."""
    from pretrained.catalogue import IMAGENET

    module = IMAGENET[name].build()
    return module.apply, jax.jit(module.init)(jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)))


def keras_application(name: str) -> tuple[Model, Params]:
    """A network of Keras 3 with random weights."""
    from pretrained.networks.keras_applications import import_keras

    model = getattr(import_keras().applications, name)(weights=None, classifier_activation=None)
    params = [
        [variable.value for variable in ones] for ones in (model.trainable_variables, model.non_trainable_variables)
    ]
    return lambda params, images: model.stateless_call(*params, images, training=False)[0], params


def transformers_vit() -> tuple[Model, Params]:
    """ViT-B/16 of transformers with random weights; the checkpoint's images are channels-first, its input is not."""
    from transformers import FlaxViTForImageClassification, ViTConfig

    model: Any = FlaxViTForImageClassification(ViTConfig(num_labels=1000), seed=0)
    return lambda params, images: model(images.transpose(0, 3, 1, 2), params=params).logits, model.params


KERAS = functools.partial(functools.partial, keras_application)
NETWORKS = {
    "ResNet-50 (Flax)": Network(functools.partial(flax_module, "resnet50"), "resnet50", "layer4.2"),
    "VGG19 (Flax)": Network(functools.partial(flax_module, "vgg19"), "vgg19", "features.35"),
    "MobileNetV2 (Keras)": Network(KERAS("MobileNetV2"), "mobilenet_v2", "network.mobilenet_v2.conv_1x1"),
    "EfficientNet-B0 (Keras)": Network(
        KERAS("EfficientNetB0"), "efficientnet", "network.efficientnet.encoder.top_activation"
    ),
    "ConvNeXt-T (Keras)": Network(KERAS("ConvNeXtTiny"), "convnext", "network.convnext.encoder.stages.3"),
    "ViT-B/16 (transformers)": Network(
        transformers_vit, "vit", "network.vit.encoder.layer.11.layernorm_before", tokens=True
    ),
}


def compiled(build: Callable[..., Any], model: Model, params: Params) -> Callable[[], Any]:
    """A function that explains an image and waits."""
    image = jax.random.normal(jax.random.key(1), (SIZE, SIZE, 3))
    explain = jax.jit(lambda params, image: build(model, params)(image, LABEL))
    return lambda: explain(params, image).block_until_ready()


def pytorch(network: Network) -> dict[str, Callable[[], Any]]:
    """The same explanation, and the gradient of the image, in PyTorch."""
    import torch
    from transformers import AutoConfig, AutoModelForImageClassification

    from experiments.benchmarks import torch_group_cam, torch_networks

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
    return {"Group-CAM": cam, "gradient": of_image}


def as_grid(tokens: Any) -> Any:
    """Tokens `[1 + n, k]` as a map `[k, sqrt n, sqrt n]`."""
    side = round((len(tokens) - 1) ** 0.5)
    return tokens[1:].T.reshape(-1, side, side)


def measure(network: Network, runs: int, torch: bool) -> dict[str, Any]:
    """Seconds of an explanation and of a gradient of the image, in turns."""
    model, params = network.ours()
    figures = {}
    theirs = pytorch(network) if torch else {}
    for name, build in {"Group-CAM": functools.partial(group_cam, groups=GROUPS), "gradient": gradient}.items():
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
    """The figures as a table, two rows for each network."""
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
