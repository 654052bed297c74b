"""One training step with Group-CAM's augmentation beside one without, in one run.

    python -m experiments.benchmarks.training_step --network resnet50 --dtype bfloat16 --output FILE.json

The floor of the augmented step is the step without it and G + 1 forward passes of the batch, as measured here: what
only the masks and the blurred picture cost. Ours makes G + 2, since the layer has to be computed once. "memory" is what
the compiled program needs, weights and batch included.

Ours, G = 16 (medians of 7 to 15 runs; experiments/results/training_step_*.json):

                                                   pictures a second     of floor    memory, MiB
                                                   plain    augmented                plain    augmented
    ResNet-50, bfloat16, batch 32, all masks, H100  3,458    880         0.50        1,616    2,249
    EfficientNet-Lite0, 128 px, batch 8, 2 cores       20      8.2       0.64          586      586
    the embedded network, 96 px, batch 16, 2 cores    168     36.8       0.91           38       39

Below the floor, since the passes of many masks are faster together than those of a batch (H100: 32 pictures do not fill
it), and those on CPU need less memory than the network's own. The cores are an AMD EPYC's, with one mask at once; with
four the last one is at 1.16 of its floor.
"""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import optax
import typer

from experiments.benchmarks.timing import alternate
from groupcam_jax import gaussian_blur, in_dtype, saliency_augmentation
from groupcam_jax.evaluation.machine import write_measured
from groupcam_jax.training.step import Augment, Item, first_state, training_step
from groupcam_jax.training.trainable import trainable
from groupcam_jax.types import Classifier, Image, Params, PRNGKey
from pretrained.catalogue import untrained

GROUPS = 16


def main(
    network: Annotated[str, typer.Option(help="A network of `pretrained`, with random weights.")] = "resnet50",
    batch: Annotated[int, typer.Option(min=1, help="Pictures in a step.")] = 32,
    size: Annotated[int | None, typer.Option(help="Pixels; the network's own by default.")] = None,
    dtype: Annotated[str, typer.Option(help="float32 or bfloat16.")] = "float32",
    mask_batch: Annotated[int | None, typer.Option(min=1, help="Masks at once.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Of each.")] = 10,
    output: Annotated[Path | None, typer.Option(help="Where to write the figures.")] = None,
) -> None:
    """Time a training step with and without the augmentation."""
    classifier = random_weights(untrained(network))
    classifier = classifier._replace(image_size=size or classifier.image_size)
    images = jax.random.normal(jax.random.key(1), (batch, classifier.image_size, classifier.image_size, 3))
    examples = Item(images, jnp.arange(batch, dtype=jnp.int32))
    apply = in_dtype(classifier.apply, dtype)

    def augment(params: Params, item: Item, key: PRNGKey) -> Image:
        del key  # nothing is drawn
        one = saliency_augmentation(apply, params, groups=GROUPS, layer=classifier.layer, mask_batch=mask_batch)
        return one(item.image, item.label)

    blur = gaussian_blur(kernel_size=51, sigma=50.0)
    programs = {"plain": compile_step(classifier, dtype, None, examples)}
    programs["augmented"] = compile_step(classifier, dtype, augment, examples)
    programs["forward"] = compile_one(lambda params, images: apply(params, images), classifier.params, images)
    programs["blur"] = compile_one(lambda _, images: jax.vmap(lambda x: blur(x, None))(images), jnp.zeros(()), images)
    times = alternate({name: run for name, (run, _) in programs.items()}, runs)
    seconds = {name: statistics.median(every) for name, every in times.items()}
    floor = seconds["plain"] + (GROUPS + 1) * seconds["forward"]
    figures = {
        "network": network,
        "batch": batch,
        "size": classifier.image_size,
        "dtype": dtype,
        "groups": GROUPS,
        "mask_batch": mask_batch,
        "runs": runs,
        "seconds": seconds,
        "pictures_per_second": {name: batch / seconds[name] for name in ("plain", "augmented")},
        "augmented_over_plain": seconds["augmented"] / seconds["plain"],
        "floor_over_plain": floor / seconds["plain"],
        "augmented_over_floor": seconds["augmented"] / floor,
        "memory_mib": {name: memory / 2**20 for name, (_, memory) in programs.items()},
    }
    for name in ("seconds", "pictures_per_second", "floor_over_plain", "augmented_over_floor", "memory_mib"):
        print(f"{name}: {figures[name]}", flush=True)
    write_measured(output, figures)


def random_weights(classifier: Classifier) -> Classifier:
    """The classifier with random kernels, zero biases and means, and scales and variances of one."""

    def draw(path: Any, shape: Any) -> Any:
        name = path[-1].key
        if name != "kernel":
            return jnp.ones(shape.shape) if name in ("scale", "var") else jnp.zeros(shape.shape)
        deviation = (2 / (shape.size / shape.shape[-1])) ** 0.5
        return deviation * jax.random.normal(jax.random.key(shape.size), shape.shape)

    return classifier._replace(params=jax.tree_util.tree_map_with_path(draw, classifier.params))


def compile_step(
    classifier: Classifier, dtype: str, augment: Augment | None, examples: Item
) -> tuple[Callable[[], Any], int]:
    """A step that goes on from its own state, and the bytes that it needs."""
    network = trainable(classifier, dtype=dtype)
    optimizer = optax.chain(optax.add_decayed_weights(1e-4), optax.sgd(1e-3, 0.9))
    state = first_state(network, optimizer, 0)
    step = training_step(network, optimizer, augment, steps_per_epoch=1000)
    compiled = jax.jit(step, donate_argnums=0).lower(state, examples).compile()
    held = [state]

    def run() -> Any:
        held[0], outcome = compiled(held[0], examples)
        return jax.block_until_ready(outcome)

    return run, needed(compiled)


def compile_one(function: Callable[..., Any], *arguments: Any) -> tuple[Callable[[], Any], int]:
    """A program, and the bytes that it needs."""
    compiled = jax.jit(function).lower(*arguments).compile()
    return lambda: jax.block_until_ready(compiled(*arguments)), needed(compiled)


def needed(compiled: Any) -> int:
    """The bytes of a program's arguments, results and intermediate values."""
    sizes = compiled.memory_analysis()
    return (
        sizes.argument_size_in_bytes + sizes.output_size_in_bytes + sizes.temp_size_in_bytes - sizes.alias_size_in_bytes
    )


if __name__ == "__main__":
    typer.run(main)
