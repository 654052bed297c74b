"""Models of other JAX libraries: what a user writes, which layer is explained, and what works.

    python -m experiments.other_libraries --output experiments/results/other_libraries

The models are those of `libraries.py`; every one is explained with no option but the number of groups. Weights are
random (what a library sets to zero too): this shows that models are read right, not what they know. A library that is
not installed is left out.

- "cut": the largest difference between the model and its two halves joined at the default layer, over the range of the
  logits.
- "places": the four corners of the layer's grid depend on the image around the centre of mass of their gradients. Of
  four pairs of neighbours, how many have their centres in the right order. A wrong layout or a wrong grid of tokens
  does not pass.
- Then the methods: a tick for a map, "zero" for a map that is zero everywhere, or why there is none. With random
  weights Group-CAM is often zero: no part of the image raises the confidence over that in the blurred image.

Ours: experiments/results/other_libraries/table.md (one library after the other, in several runs). Every cut is exact.
Places are 4 but for three networks whose grid of 3 x 3 sees the whole image from everywhere.
"""

import inspect
import json
import re
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import typer
from rich import box
from rich.table import Table
from skimage import data

import groupcam_jax as g
from experiments.libraries import LIBRARIES, SIZE, Library
from groupcam_jax.evaluation.markdown import write_table
from groupcam_jax.program.params import partition
from groupcam_jax.types import Explainer, Model, Params

METHODS: dict[str, Callable[..., Explainer]] = {
    "group_cam": lambda apply, params: g.group_cam(apply, params, groups=8),
    "grad_cam": g.grad_cam,
    "integrated_gradients": lambda apply, params: g.integrated_gradients(apply, params, steps=4),
    "guided_backprop": g.guided_backprop,
    "excitation_backprop": g.excitation_backprop,
}
PROJECTIONS = 4  # of the channels, whose gradients are added up
COLUMNS = ("library", "version", "model", "lines", "default layer", "shape", "cut", "places", *METHODS)


def randomize(params: Params) -> Params:
    """Adds noise to every weight: a head that a library sets to zero would explain nothing. Variances stay positive."""
    leaves, tree = jax.tree.flatten(params)

    def noisy(leaf: Any, key: jax.Array) -> Any:
        if not (hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)):
            return leaf
        moved = leaf + 0.05 * jax.random.normal(key, leaf.shape, leaf.dtype)
        return jnp.abs(moved) if (leaf >= 0).all() else moved

    keys = jax.random.split(jax.random.key(1), len(leaves))
    return jax.tree.unflatten(tree, [*map(noisy, leaves, keys)])


def compiled(function: Callable[[Params, jax.Array], jax.Array], params: Params, image: jax.Array) -> jax.Array:
    """Runs a function `(params, image)` with the arrays of the parameters as arguments of the program."""
    arrays, rebuild = partition(params)
    return jax.jit(lambda arrays, image: function(rebuild(arrays), image))(arrays, image)


def cut_error(apply: Model, params: Params, image: jax.Array) -> float:
    """The largest difference of the logits when the model is cut, over their range."""
    features, head = g.split(apply, params, image[None])
    joined = compiled(lambda params, image: head(params, *features(params, image[None])), params, image)
    logits = compiled(lambda params, image: apply(params, image[None]), params, image)
    return float(jnp.abs(joined - logits).max() / jnp.ptp(logits))


def places(apply: Model, params: Params, image: jax.Array) -> int:
    """How many of four neighbours among the corners of the layer's grid see the image in the right order."""
    features, _ = g.split(apply, params, image[None])

    def centres(params, image):
        """The centres of mass of the gradients of the four corners, `[2, 2, row and column]`."""

        def ends(image):
            activation = features(params, image[None])[0][0]
            weights = jax.random.normal(jax.random.key(2), (activation.shape[2], PROJECTIONS))
            return activation[jnp.array([0, -1])][:, jnp.array([0, -1])] @ weights

        strength = (jax.jacrev(ends)(image) ** 2).sum((2, -1))  # [2, 2, h, w]
        ruler = jnp.linspace(-1, 1, SIZE)
        mass = jnp.stack([strength.sum(3) @ ruler, strength.sum(2) @ ruler], -1)
        return mass / strength.sum((2, 3))[:, :, None]

    found = compiled(centres, params, image)
    return int((found[0, :, 0] < found[1, :, 0]).sum() + (found[:, 0, 1] < found[:, 1, 1]).sum())


def outcome(method: Callable[..., Explainer], apply: Model, params: Params, image: jax.Array) -> str:
    """A tick, "zero", or why there is no map."""
    try:
        saliency = compiled(lambda params, image: method(apply, params)(image), params, image)
    except (ValueError, NotImplementedError) as error:
        return str(error).splitlines()[0]
    if not jnp.isfinite(saliency).all():
        return "not finite"
    return "✓" if saliency.max() > 0 else "zero"


def row(library: Library, name: str, image: jax.Array) -> dict[str, Any]:
    """All that is told of a model."""
    apply, params = library.build(name)
    params = randomize(params)
    (default,) = [one for one in g.list_layers(apply, params, (SIZE, SIZE, 3)) if one.remark == "default"]
    assert default.grid is not None
    return {
        "library": library.name,
        "version": metadata.version(library.package),
        "model": name,
        "lines": len(inspect.getsource(library.build).splitlines()) - 2,
        "default layer": default.scope[-40:],
        "shape": "x".join(map(str, default.grid.shape)),
        "cut": f"{cut_error(apply, params, image):.0e}",
        "places": places(apply, params, image),
        **{method: outcome(build, apply, params, image) for method, build in METHODS.items()},
    }


def main(
    library: Annotated[list[str] | None, typer.Option(help="Libraries by their names; all by default.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for the table.")] = None,
) -> None:
    """Explain models of other libraries."""
    image = jax.image.resize(jnp.asarray(data.chelsea(), jnp.float32) / 127.5 - 1, (SIZE, SIZE, 3), "bilinear")
    asked = [one for one in LIBRARIES if not library or one.name in library]
    rows = [] if output is None or not library else kept(output, asked)
    for one in asked:
        for name in one.models:
            try:
                rows.append(row(one, name, image))
            except ModuleNotFoundError as error:
                print(f"left out {one.name}: {error}")
                break
            print(*rows[-1].values(), sep=" | ", flush=True)
            if output is not None:
                report(output, rows)


def kept(folder: Path, replaced: list[Library]) -> list[dict[str, Any]]:
    """The rows of an earlier run for all other libraries."""
    path, names = folder / "table.json", {one.name for one in replaced}
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    return [one for one in rows if one["library"] not in names]


def report(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Writes `table.json` and `table.md`."""
    table = Table(*COLUMNS, box=box.MARKDOWN)
    for one in rows:
        table.add_row(*(re.sub(r"^\w+ has (no rule for \S+) .*", r"\1", str(one[name])) for name in COLUMNS))
    write_table(folder / "table", table, {"rows": rows})


if __name__ == "__main__":
    typer.run(main)
