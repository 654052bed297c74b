"""Trains the embedded network on endless drawn scenes, and measures it.

    python -m experiments.train_shapes

No scene is drawn twice, so there is nothing to overfit. Results, machine and time: pretrained/shapes.json.
"""

import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import typer
from flax.traverse_util import flatten_dict
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from experiments.measure_shapes import measure, write_report
from pretrained.scenes import SIZE, scene
from pretrained.shapes import WEIGHTS, ShapesNet, normalize
from pretrained.state_dict import write_safetensors


def train(steps: int, batch: int, rate: float, seed: int) -> Any:
    """Trains a network from a seed; returns its variables."""
    module = ShapesNet(use_running_average=False)
    variables = module.init(jax.random.key(seed), jnp.zeros((1, SIZE, SIZE, 3)))
    schedule = optax.warmup_cosine_decay_schedule(0.0, rate, steps // 20, steps)
    optimizer = optax.adamw(schedule, weight_decay=1e-4)

    def loss(params, statistics, images, labels):
        logits, updated = module.apply({"params": params, **statistics}, images, mutable=["batch_stats"])
        targets = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[1]), 0.05)
        accuracy = (logits.argmax(1) == labels).mean()
        return optax.softmax_cross_entropy(logits, targets).mean(), (updated, accuracy)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(variables, moments, key):
        scenes = jax.vmap(scene)(jax.random.split(key, batch))
        params, statistics = variables["params"], {"batch_stats": variables["batch_stats"]}
        derivative = jax.value_and_grad(loss, has_aux=True)
        (value, (statistics, accuracy)), gradient = derivative(
            params, statistics, normalize(scenes.image), scenes.label
        )
        updates, moments = optimizer.update(gradient, moments, params)
        return {"params": optax.apply_updates(params, updates), **statistics}, moments, value, accuracy

    moments = optimizer.init(variables["params"])
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns) as progress:
        task = progress.add_task("", total=steps)
        for key in jax.random.split(jax.random.key(seed + 1), steps):
            variables, moments, value, accuracy = step(variables, moments, key)
            progress.update(task, advance=1, description=f"loss {value:.3f}, accuracy {accuracy:.3f}")
    return variables


def main(
    steps: Annotated[int, typer.Option(help="Batches to train on.")] = 1500,
    batch: Annotated[int, typer.Option(help="Scenes in a batch.")] = 128,
    rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 4e-3,
    seed: Annotated[int, typer.Option(help="Of the weights and the scenes.")] = 0,
    output: Annotated[Path, typer.Option(help="Where the weights go; the report goes beside them.")] = WEIGHTS,
) -> None:
    """Train the network of drawn scenes."""
    started = time.perf_counter()
    variables = train(steps, batch, rate, seed)
    training: dict[str, Any] = {"steps": steps, "batch": batch, "rate": rate, "seed": seed}
    training["seconds"] = round(time.perf_counter() - started)
    figures = measure(variables)  # before the weights are written: a report beside them is of them
    write_safetensors(output, {name: np.asarray(leaf) for name, leaf in flatten_dict(variables, sep="/").items()})
    write_report(output.with_suffix(".json"), training=training, **figures)


if __name__ == "__main__":
    typer.run(main)
