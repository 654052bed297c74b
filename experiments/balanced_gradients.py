"""LibraGrad and attention rollout on a trained vision transformer, where exact masks say what is right.

    python -m experiments.training.train_vit --output vit.safetensors
    python -m experiments.balanced_gradients vit.safetensors

"pointing" is the share of scenes whose most salient pixel lies on the target, "energy" the share of the saliency that
does; the gain of LibraGrad is on the same scenes, with a 95 % interval.

Ours, per cent of 200 scenes, of which the transformer names 92.5 (experiments/results/balanced_gradients.json):

                         pointing    with LibraGrad    gain                    energy    with LibraGrad    gain
    Grad-CAM             26.5        51.0              24.5 (16.7 to 32.3)     12.9      6.8               -6.1
    HiResCAM             59.5        68.5              9.0 (3.3 to 14.7)       38.9      35.7              -3.2
    LayerCAM             50.0        69.0              19.0 (11.4 to 26.6)     29.5      36.0              6.5
    Group-CAM            74.5        80.0              5.5 (0.1 to 10.9)       17.7      16.8              -0.9
    gradient             67.5        88.0              20.5 (14.4 to 26.6)     23.0      35.4              12.4
    input x gradient     66.0        86.5              20.5 (14.6 to 26.4)     31.3      46.2              14.9
    attention rollout    83.5                                                  33.0

LibraGrad lets every method point better; most of the energy of Grad-CAM and HiResCAM lies elsewhere all the same.
Rollout, which knows no class, points better than all but the balanced gradients: a scene has one target.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import typer
from flax.traverse_util import unflatten_dict
from rich import box
from rich.console import Console
from rich.table import Table
from safetensors.numpy import load_file

import groupcam_jax as g
from experiments.training.train_vit import apply
from groupcam_jax.evaluation.machine import write_measured
from groupcam_jax.metrics import energy_inside, hit
from groupcam_jax.types import Explainer, Model, Params
from pretrained.networks.shapes import normalize
from pretrained.scenes.draw import Scene, scene

METHODS: dict[str, Callable[..., Explainer]] = {
    "grad_cam": g.grad_cam,
    "hires_cam": g.hires_cam,
    "layer_cam": g.layer_cam,
    "group_cam": g.group_cam,
    "gradient": g.gradient,
    "input_x_gradient": g.input_x_gradient,
}


def measure(build: Callable[..., Explainer], model: Model, variables: Params, scenes: Scene) -> jax.Array:
    """Pointing and energy of the explanation of each scene's own class, `[n, 2]`."""

    def one(variables, scene):
        saliency = build(model, variables)(normalize(scene.image), scene.label)
        return jnp.stack([hit(saliency, scene.mask).astype(jnp.float32), energy_inside(saliency, scene.mask)])

    @jax.jit
    def all_of_them(variables, scenes):
        return jax.lax.map(functools.partial(one, variables), scenes, batch_size=4)

    return all_of_them(variables, scenes)


def estimate(values: jax.Array) -> str:
    """The mean in per cent with its 95 % interval."""
    mean, error = 100 * values.mean(), 196 * values.std() / jnp.sqrt(len(values))
    return f"{mean:.1f} ({mean - error:.1f} to {mean + error:.1f})"


def main(
    weights: Annotated[Path, typer.Argument(help="What train_vit wrote.")],
    limit: Annotated[int, typer.Option(help="Scenes.")] = 300,
    output: Annotated[Path | None, typer.Option(help="Where the figures go as JSON.")] = None,
) -> None:
    """Measure LibraGrad and attention rollout on drawn scenes."""
    variables = unflatten_dict(load_file(weights), sep="/")
    scenes = jax.vmap(scene)(jax.random.split(jax.random.key(99), limit))
    right = (jax.jit(apply)(variables, normalize(scenes.image)).argmax(1) == scenes.label).mean()
    shown = Table("method", "pointing", "with LibraGrad", "gain", "energy", "with LibraGrad", "gain", box=box.MARKDOWN)
    shown.title = f"A transformer that names {right:.1%} of {limit} scenes"
    rows = {}
    for name, build in METHODS.items():
        plain, balanced = (measure(build, model, variables, scenes) for model in (apply, g.libragrad(apply)))
        cells = [estimate(values[:, i]) for i in (0, 1) for values in (plain, balanced, balanced - plain)]
        rows[name] = cells
        shown.add_row(name, *cells)
        print(name, *cells, flush=True)
    rolled = measure(g.attention_rollout, apply, variables, scenes)
    rows["attention_rollout"] = [estimate(rolled[:, 0]), "", "", estimate(rolled[:, 1]), "", ""]
    shown.add_row("attention_rollout", *rows["attention_rollout"])
    Console(width=200).print(shown)
    columns = [column.header for column in shown.columns[1:]]
    write_measured(output, {"accuracy": float(right), "n": limit, "columns": columns, "rows": rows})


if __name__ == "__main__":
    typer.run(main)
