"""Does a map follow its picture when that is flipped, or gets a little noise?

    python -m experiments.refined.flipped efficientnet-lite0 --data DIR --first 150 --output experiments/results/refined

The map of the picture mirrored left to right, mirrored back, beside the map of the picture, for the class predicted for
the latter; and the same with Gaussian noise of deviation 0.05 of the network's inputs instead. Agreement is Spearman's
rank correlation of the maps in cells of 8 x 8 pixels, in per cent: 100 is the same order. The network itself is not
symmetric, so no faithful map has 100.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from scipy.stats import rankdata

from experiments.refined.methods import COMPARED, predict, program
from groupcam_jax.classifiers import load_classifier
from groupcam_jax.evaluation.data import open_data, resize_shorter_and_crop
from groupcam_jax.evaluation.estimates import estimate
from groupcam_jax.evaluation.markdown import write_table
from groupcam_jax.evaluation.records import Row
from groupcam_jax.evaluation.report import cell
from groupcam_jax.types import Saliency

CELL = 8
NOISE = 0.05
CHANGES: dict[str, tuple[Callable[..., jax.Array], Callable[..., jax.Array]]] = {  # of a batch; and of its maps, back
    "flipped": (lambda images: images[:, :, ::-1], lambda maps: maps[:, :, ::-1]),
    "noise": (lambda images: images + NOISE * jax.random.normal(jax.random.key(0), images.shape), lambda maps: maps),
}


def agreement(first: Saliency, second: Saliency) -> float | None:
    """Spearman's rank correlation of two maps, in cells; None if one is blank."""
    height, width = (side // CELL for side in first.shape)
    cells = [
        np.asarray(one)[: height * CELL, : width * CELL].reshape(height, CELL, width, CELL).mean((1, 3)).ravel()
        for one in (first, second)
    ]
    if min(map(np.ptp, cells)) == 0:
        return None
    return float(np.corrcoef(*map(rankdata, cells))[0, 1])


def main(
    model: Annotated[str, typer.Argument(help="The network, as for groupcam.")],
    data: Annotated[str, typer.Option(help="Folder of pictures.")],
    output: Annotated[Path, typer.Option(help="Folder for flipped.json and flipped.md.")],
    first: Annotated[int, typer.Option(help="Number of the first picture, from 0.")] = 150,
    limit: Annotated[int | None, typer.Option(help="How many pictures.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures at once.")] = 1,
    methods: Annotated[str, typer.Option(help="Separated by semicolons.")] = COMPARED,
) -> None:
    """Compare maps of pictures and of the same pictures, changed."""
    classifier, dataset = load_classifier(model, None), open_data(data)
    explain = {name: program(name, classifier) for name in methods.split(";")}
    rows: dict[str, list[Row]] = {name: [] for name in explain}
    last = min(len(dataset), first + (limit or len(dataset)))
    for start in range(first, last, batch):
        examples = [resize_shorter_and_crop(dataset[number]) for number in range(start, min(start + batch, last))]
        images = jnp.stack([jnp.asarray(classifier.preprocess(one.image), jnp.float32) for one in examples])
        label = predict(classifier, images)
        for name, one in explain.items():
            maps = one(classifier.params, images, label)
            changed = {what: back(one(classifier.params, do(images), label)) for what, (do, back) in CHANGES.items()}
            for place, example in enumerate(examples):
                agreed = {what: agreement(maps[place], found[place]) for what, found in changed.items()}
                rows[name].append({"id": example.id, **agreed})
        report(output, rows, Path(model).name)


def report(output: Path, rows: dict[str, list[Row]], model: str) -> None:
    """Writes the agreement of the pictures so far, and prints it."""
    table = Table("method", *CHANGES, "n at least", box=box.MARKDOWN)
    for name, ones in rows.items():
        found = [estimate(ones, change) for change in CHANGES]
        table.add_row(name, *map(cell, found), str(min(one.n for one in found)))
    write_table(output / "flipped", table, {"rows": rows, "model": model})
    Console(width=120).print(table)


if __name__ == "__main__":
    typer.run(main)
