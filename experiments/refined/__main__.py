"""Measures methods on pictures with boxes, and writes their table."""

from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import typer
from rich.console import Console

from experiments.refined.measure import Pictures, build_measure
from experiments.refined.methods import COMPARED, predict, program
from experiments.refined.report import summary
from groupcam_jax.classifiers import load_classifier
from groupcam_jax.evaluation.code import code_of
from groupcam_jax.evaluation.data import Dataset, open_data, resize_shorter_and_crop
from groupcam_jax.evaluation.machine import machine
from groupcam_jax.evaluation.manifest import claim, fingerprint
from groupcam_jax.evaluation.markdown import write_markdown
from groupcam_jax.evaluation.network import network_of
from groupcam_jax.evaluation.records import append_rows, mend, read_rows, rounded
from groupcam_jax.files import write_json
from groupcam_jax.metrics import mask_of_boxes
from groupcam_jax.types import Classifier

MAPS = 8  # to be raised when a method gives other maps: old rows are of old ones


def main(
    model: Annotated[str, typer.Argument(help="The network, as for groupcam.")],
    data: Annotated[str, typer.Option(help="Folder of pictures with boxes, or scenes.")],
    output: Annotated[Path, typer.Option(help="Folder for the results; a run that was stopped goes on there.")],
    other: Annotated[str, typer.Option(help="A network of the same classes.")] = "efficientnet-lite0",
    first: Annotated[int, typer.Option(help="Number of the first picture, from 0.")] = 150,
    limit: Annotated[int | None, typer.Option(help="How many pictures.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures that are explained and measured at once.")] = 1,
    methods: Annotated[str, typer.Option(help="Separated by semicolons.")] = COMPARED,
) -> None:
    """Measure refined maps by what no step saw."""
    classifier, second = load_classifier(model, None), load_classifier(other, None)
    inputs = {"model": Path(model).name, "other": Path(other).name, "data": Path(data).name, "maps": MAPS}
    inputs |= {"code": code_of(model), "weights": fingerprint(classifier.params)}
    inputs |= {"code of other": code_of(other), "weights of other": fingerprint(second.params)}
    inputs |= {"network": [network_of(one) for one in (classifier, second)]}
    with claim(output, inputs):
        dataset, file = open_data(data), output / "rows.jsonl"
        if damaged := mend(file):
            print(damaged)
        done = {(row["id"], row["method"]) for row in read_rows(file)}
        measure = build_measure(classifier, second)
        explain = {name: program(name, classifier) for name in methods.split(";")}
        last = min(len(dataset), first + (limit or len(dataset)))
        for start in range(first, last, batch):
            numbers = range(start, min(start + batch, last))
            names, shown = pictures(dataset, numbers, classifier, second)
            label = predict(classifier, shown.image)
            keys = jax.vmap(lambda number: jax.random.fold_in(jax.random.key(0), number))(jnp.asarray(numbers))
            for name, one in explain.items():
                if all((id, name) in done for id in names):
                    continue
                saliency = one(classifier.params, shown.image, label)
                found = measure((classifier.params, second.params), shown, saliency, label, keys)
                for place, id in enumerate(names):
                    if (id, name) not in done:
                        values = {what: rounded(float(column[place])) for what, column in found.items()}
                        append_rows(file, [{"id": id, "method": name, **values}])
        table = summary(read_rows(file))
        Console(width=250).print(table)
        write_markdown(output / "table.md", table)
        write_json(output / "machine.json", machine())


def pictures(dataset: Dataset, numbers: range, classifier: Classifier, other: Classifier) -> tuple[list[str], Pictures]:
    """The names of some pictures, and what is measured on: one stack of each array."""
    size = classifier.image_size
    resize = size if dataset.name == "scenes" else size * 8 // 7  # scenes are drawn whole
    examples, strangers = (
        [resize_shorter_and_crop(dataset[(number + far) % len(dataset)], resize, size) for number in numbers]
        for far in (0, len(dataset) // 2)
    )
    images, photographs, for_other = (
        jnp.stack([jnp.asarray(network.preprocess(one.image), jnp.float32) for one in ones])
        for network, ones in ((classifier, examples), (classifier, strangers), (other, examples))
    )
    outlines = [
        mask_of_boxes(jnp.asarray(example.boxes), images.shape[1:3]) if example.masks is None else example.masks.any(0)
        for example in examples
    ]
    masks = jnp.stack([jnp.asarray(outline) for outline in outlines])
    return [example.id for example in examples], Pictures(images, photographs, for_other, masks)


if __name__ == "__main__":
    typer.run(main)
