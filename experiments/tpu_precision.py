"""What the maps of Group-CAM lose on a TPU, which rounds the operands of products to bfloat16; emulated on a CPU.

    python -m experiments.tpu_precision --output experiments/results/tpu_precision.json

The embedded network on drawn scenes. Each product of the explanation that says no precision gets operands rounded to
bfloat16 and sums in float32: that is a TPU's default. The library asks for full precision in the blur, the sums of the
groups, and the merge: they are rounded too, one at a time, to see which of them need it. The enlargement of the masks,
which is JAX's own and in full precision, stays as it is. The last row runs the whole network in bfloat16 (`in_dtype`).

Compared with float32, for the class that float32 predicts: Spearman's rank correlation of the pixels, and the largest
difference of a pixel of a map in [0, 1]. Ours, 30 scenes (experiments/results/tpu_precision.json):

                              rank correlation    least     largest difference    most
    products as on a TPU      0.9992              0.9938    0.0033                0.0141
    ... and the blur          0.9992              0.9938    0.0033                0.0141
    ... and the sums          0.9993              0.9938    0.0036                0.0145
    ... and the merge         0.9992              0.9938    0.0035                0.0142
    ... and all three         0.9992              0.9938    0.0039                0.0146
    the network in bfloat16   0.9972              0.9838    0.0076                0.0142

The network's own products are what the maps lose by; the three steps add little.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import typer
from jax.extend.core import ClosedJaxpr, JaxprEqn
from rich import box
from rich.console import Console
from rich.table import Table

import pretrained
from groupcam_jax import as_written, group_cam, in_dtype
from groupcam_jax.evaluation.machine import write_measured
from groupcam_jax.metrics.similarity import spearman
from groupcam_jax.program.evaluate import run_equation
from groupcam_jax.program.inline import Equation, values_of
from groupcam_jax.types import LayerLike, Model, Params
from pretrained.networks.shapes import normalize
from pretrained.scenes import scene

PRODUCTS = {"conv_general_dilated", "dot_general"}
# The files of `groupcam_jax.stages` with a product that asks for full precision, and what it does.
PROTECTED = {
    "perturb.py": "the blur",
    "groups.py": "the sums of the groups",
    "merge.py": "the merge",
}
CALLS = {"custom_jvp_call": "call_jaxpr", "jit": "jaxpr"}


def on_a_tpu(function: Callable[..., Any], *examples: Any, rounded: Collection[str] = ()) -> Callable[..., Any]:
    """The function with the products of a TPU: those that say no precision round their operands to bfloat16.

    Args:
      function: of arrays, to one array.
      examples: arrays of the types that it is called with.
      rounded: files of `PROTECTED` whose products are rounded although they ask for full precision.
    """
    closed = jax.make_jaxpr(function)(*examples)
    return lambda *arguments: evaluate(closed, arguments, rounded)[0]


def evaluate(closed: ClosedJaxpr, arguments: Sequence[Any], rounded: Collection[str]) -> list[Any]:
    """Runs a traced function with the products of a TPU."""
    jaxpr = closed.jaxpr
    values = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*closed.consts, *arguments], strict=True))
    for eqn in jaxpr.eqns:
        operands = values_of(eqn.invars, values)
        name = eqn.primitive.name
        if name in CALLS:
            results = evaluate(eqn.params[CALLS[name]], operands, rounded)
        elif name == "cond" and "branches_platforms" in eqn.params:  # the last branch is that of accelerators
            results = evaluate(eqn.params["branches"][-1], operands[1:], rounded)
        elif name in PRODUCTS and (eqn.params["precision"] is None or step_of(eqn) in rounded):
            results = run_equation(Equation("", eqn), [jax.lax.reduce_precision(one, 8, 7) for one in operands])
        else:
            results = run_equation(Equation("", eqn), operands)
        values.update(zip(eqn.outvars, results, strict=True))
    return values_of(jaxpr.outvars, values)


def step_of(eqn: JaxprEqn) -> str:
    """The file of `groupcam_jax.stages` that an equation was written in; "" if it is none of them."""
    traceback = eqn.source_info.traceback
    files = (Path(frame.file_name) for frame in (traceback.frames if traceback else ()))
    return next((file.name for file in files if file.parent.name == "stages"), "")


def contenders(apply: Model, params: Params, layer: LayerLike) -> Iterator[tuple[str, Callable[..., Any]]]:
    """What is compared with float32, by name: functions of an image and a label."""
    image, label = jnp.zeros((96, 96, 3)), jnp.zeros((), jnp.int32)
    explain = group_cam(apply, params, layer=layer)
    yield "products as on a TPU", on_a_tpu(explain, image, label)
    for file, step in PROTECTED.items():
        yield f"... and {step}", on_a_tpu(explain, image, label, rounded={file})
    yield "... and all three", on_a_tpu(explain, image, label, rounded=PROTECTED)
    yield "the network in bfloat16", group_cam(as_written(in_dtype(apply, jnp.bfloat16)), params, layer=layer)


def main(
    scenes: Annotated[int, typer.Option(min=1, help="Scenes to explain.")] = 100,
    output: Annotated[Path | None, typer.Option(help="Where the figures go as JSON, after every row.")] = None,
) -> None:
    """Compare maps whose products are rounded as on a TPU with those of float32."""
    model = pretrained.load("shapes")
    model = model._replace(apply=as_written(model.apply))  # a TPU has no faster forms
    images = normalize(jax.jit(jax.vmap(scene))(jax.random.split(jax.random.key(2027), scenes)).image)
    explain = group_cam(model.apply, model.params, layer=model.layer)
    labels = jax.jit(model.apply)(model.params, images).argmax(1)

    def maps(function: Callable[..., Any]) -> jax.Array:
        return jax.jit(lambda images, labels: jax.lax.map(lambda one: function(*one), (images, labels)))(images, labels)

    exact, rows = maps(explain), {}
    shown = Table("", "rank correlation, mean", "least", "largest difference, mean", "most", box=box.MARKDOWN)
    for name, function in contenders(model.apply, model.params, model.layer):
        found = maps(function)
        ranks = np.asarray(jax.jit(jax.vmap(spearman))(exact, found))
        differences = np.abs(np.asarray(found - exact)).max((1, 2))
        figures = ranks.mean(), ranks.min(), differences.mean(), differences.max()
        names = "spearman_mean", "spearman_least", "largest_difference_mean", "largest_difference_most"
        rows[name] = dict(zip(names, map(float, figures), strict=True))
        shown.add_row(name, *(f"{figure:.5f}" for figure in figures))
        print(name, *figures, flush=True)
        write_measured(output, {"scenes": scenes, "rows": rows})
    Console(width=120).print(shown)


if __name__ == "__main__":
    typer.run(main)
