"""Is what `refined` gains true? What it follows, and what it does not, beside Group-CAM.

    python -m experiments.refined ../shared/models/mobilenet_v2.py:factory --data DIR --first 150 --output DIR

Each score is insertion minus deletion in per cent of the predicted class's probability, in 14 steps:

    standard            from the blurred picture and to zeros, as in the paper; both are followed
    noise               from and to Gaussian noise, of the kind that is followed, drawn anew
    soft                from and to a softer blur, that no step saw
    photo               from and to another photograph, that no step saw
    mean                from and to the mean colour of the picture, which is near to zeros and to its blur
    other network       standard, by another network for the same class
    moved               standard, of the map moved down and to the right by 8 pixels

Beside them what lies on the object: `hit`, `energy`, and the overlap with its box of what is above a share of the
map's maximum (IoU; the share that is best for each method on these pictures is shown).
"""

import functools
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.table import Table

import groupcam_jax as g
from groupcam_jax.classifiers import load_classifier
from groupcam_jax.evaluation.data import Example, open_data, resize_shorter_and_crop
from groupcam_jax.evaluation.estimates import estimate
from groupcam_jax.evaluation.machine import machine
from groupcam_jax.evaluation.manifest import claim, code_of, fingerprint
from groupcam_jax.evaluation.records import append_rows, mend
from groupcam_jax.files import whole_file, write_json
from groupcam_jax.metrics import energy_inside, hit, mask_of_boxes, mask_overlap
from groupcam_jax.metrics.insertion_deletion import pixel_curves
from groupcam_jax.types import Classifier, Image, Label, Params, Saliency, Scalar

STEPS, STEP_BATCH, SHIFT = 14, 15, 8
MAPS = 2  # to be raised when a method gives other maps: old rows are of old ones
LEVELS = 0.1, 0.2, 0.3, 0.4, 0.5, 0.6
BLUR, SOFT = g.gaussian_blur(51, 50.0), g.gaussian_blur(31, 10.0)


def flat(model_apply: Any, params: Any, **options: Any) -> Any:
    """The warning: the same steps from a map that means nothing, with the blurred image alone."""

    def speck(model_apply: Any, params: Any, layer: Any = None) -> Any:
        del layer
        drawn = jax.random.normal(jax.random.key(0), (28, 28))
        return lambda image, label, key: jax.image.resize(drawn, image.shape[:2], "linear")

    return g.refined(model_apply, params, method=speck, substrates=[BLUR], smoothness=0.3, **options)


METHODS: dict[str, Callable[..., Any]] = {
    "group-cam": g.group_cam,
    "grad-cam": g.grad_cam,
    "refined-fast": functools.partial(g.refined, steps=6),
    "refined": g.refined,
    "refined, 32 steps": functools.partial(g.refined, steps=32),
    "flat start": flat,
}


def areas(
    classifier: Classifier,
    params: Params,
    image: Image,
    saliency: Saliency,
    label: Label,
    ends: Mapping[str, tuple[Image, Image]],
) -> dict[str, Scalar]:
    """Insertion minus deletion for each pair of where insertion starts and where deletion ends."""

    def confidence(image):
        return jax.nn.softmax(classifier.apply(params, image[None])[0])[label]

    starts = jnp.stack([part for start, _ in ends.values() for part in (start, image)])
    stops = jnp.stack([part for _, stop in ends.values() for part in (image, stop)])
    curves = pixel_curves(confidence, starts, stops, saliency[None], -(-saliency.size // STEPS), STEP_BATCH)
    under = jnp.trapezoid(curves, dx=1 / (curves.shape[1] - 1), axis=1).reshape(-1, 2)
    return dict(zip(ends, under[:, 0] - under[:, 1], strict=True))


def build_measure(classifier: Classifier, other: Classifier) -> Callable[..., dict[str, Scalar]]:
    """Everything that is measured of one map, in one program for all methods."""

    @jax.jit
    def measure(weights, images, saliency, label, mask, key):
        params, of_other = weights
        image, photograph, for_other = images
        blurred, zeros = BLUR(image, None), jnp.zeros_like(image)
        noisy, soft = 0.5 * jax.random.normal(key, image.shape), SOFT(image, None)
        mean = jnp.broadcast_to(image.mean((0, 1)), image.shape)
        standard = {"standard": (blurred, zeros)}
        unseen = {"noise": (noisy, noisy), "soft": (soft, soft), "photo": (photograph,) * 2, "mean": (mean, mean)}
        score = functools.partial(areas, classifier, params, image)
        elsewhere = {"standard": (BLUR(for_other, None), jnp.zeros_like(for_other))}
        moved = jnp.roll(saliency, (SHIFT, SHIFT), (0, 1))
        return {
            **score(saliency, label, standard | unseen),
            "other network": areas(other, of_other, for_other, saliency, label, elsewhere)["standard"],
            "moved": score(moved, label, standard)["standard"],
            "hit": hit(saliency, mask),
            "energy": energy_inside(saliency, mask),
            **{f"IoU above {level}": mask_overlap(saliency, mask, level) for level in LEVELS},
        }

    return measure


def main(
    model: Annotated[str, typer.Argument(help="The network, as for groupcam.")],
    data: Annotated[Path, typer.Option(help="Folder of pictures with boxes.")],
    output: Annotated[Path, typer.Option(help="Folder for the results; a run that was stopped goes on there.")],
    other: Annotated[str, typer.Option(help="A network of the same classes.")] = "efficientnet-lite0",
    first: Annotated[int, typer.Option(help="Number of the first picture, from 0.")] = 150,
    limit: Annotated[int | None, typer.Option(help="How many pictures.")] = None,
    methods: Annotated[str, typer.Option(help="Separated by semicolons.")] = ";".join(METHODS),
) -> None:
    """Measure refined maps by what no step saw."""
    classifier, second = load_classifier(model, None), load_classifier(other, None)
    inputs = {"model": model, "other": other, "data": data.name, "first": first}
    inputs |= {"code": code_of(model), "weights": fingerprint(classifier.params), "maps": MAPS}
    claim(output, inputs)
    dataset, file = open_data(data), output / "rows.jsonl"
    mend(file)
    done = {(row["id"], row["method"]) for row in read(file)}
    measure = build_measure(classifier, second)
    explain = {name: program(METHODS[name], classifier) for name in methods.split(";")}
    stop = len(dataset) if limit is None else min(len(dataset), first + limit)
    predict = jax.jit(lambda params, image: classifier.apply(params, image[None])[0].argmax().astype(jnp.int32))
    for number in range(first, stop):
        example, stranger = (cropped(dataset[n % len(dataset)]) for n in (number, number + len(dataset) // 2))
        images = (*(classifier.preprocess(one.image) for one in (example, stranger)), second.preprocess(example.image))
        images = tuple(jnp.asarray(image, jnp.float32) for image in images)
        label, mask = predict(classifier.params, images[0]), mask_of_boxes(jnp.asarray(example.boxes), (224, 224))
        key = jax.random.fold_in(jax.random.key(0), number)
        for name, one in explain.items():
            if (example.id, name) not in done:
                saliency = one(classifier.params, images[0], label)
                found = measure((classifier.params, second.params), images, saliency, label, mask, key)
                row = {"id": example.id, "method": name}
                row |= {what: None if np.isnan(value) else round(float(value), 6) for what, value in found.items()}
                append_rows(file, [row])
    table = summary(read(file))
    Console(width=250).print(table)
    write_table(output, table)


def program(build: Callable[..., Any], classifier: Classifier) -> Callable[..., Saliency]:
    """The compiled explanation of one image and class."""
    keyed = {"key": jax.random.key(0)}
    return jax.jit(
        lambda params, image, label: build(classifier.apply, params, layer=classifier.layer)(image, label, **keyed)
    )


def cropped(example: Example) -> Example:
    """A picture as ImageNet's networks see it."""
    return resize_shorter_and_crop(example)


def read(file: Path) -> list[dict[str, Any]]:
    """The rows so far."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def summary(rows: list[dict[str, Any]], base: str = "group-cam") -> Table:
    """Per cent, and what each method gains over Group-CAM on the same pictures, with its 95 % interval."""
    best = {method: best_level([row for row in rows if row["method"] == method]) for method in methods_of(rows)}
    rows = [row | {"IoU": row[best[row["method"]]]} for row in rows]
    by_picture = {(row["id"], row["method"]): row for row in rows}
    columns = [name for name in rows[0] if name not in ("id", "method") and "above" not in name]
    table = Table("method", *columns, "n", box=box.MARKDOWN)
    for method in best:
        own = [row for row in rows if row["method"] == method]
        pairs = [(row, by_picture[row["id"], base]) for row in own if (row["id"], base) in by_picture]
        cells = []
        for column in columns:
            text = f"{estimate(own, column).value:.1f}"
            gains = [{"id": row["id"], "gain": difference(row[column], other[column])} for row, other in pairs]
            if method != base and gains:
                gain = estimate(gains, "gain")
                text += f" ({gain.value:+.1f}, {gain.low:+.1f} to {gain.high:+.1f})"
            cells.append(text)
        table.add_row(method, *cells, str(len(own)))
    return table


def methods_of(rows: list[dict[str, Any]]) -> list[str]:
    """The methods, in the order of their rows."""
    return list(dict.fromkeys(row["method"] for row in rows))


def best_level(rows: list[dict[str, Any]]) -> str:
    """The column of the overlap that is largest over all pictures of a method."""
    columns = [f"IoU above {level}" for level in LEVELS]
    return max(columns, key=lambda column: np.mean([row[column] for row in rows if row[column] is not None]))


def difference(value: float | None, other: float | None) -> float | None:
    """None where either is unknown."""
    return None if value is None or other is None else value - other


def write_table(folder: Path, table: Table) -> None:
    """Writes the table, and what it was measured on."""
    text = io.StringIO()
    Console(file=text, width=400).print(table)
    with whole_file(folder / "table.md") as file:
        file.write("".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines()).encode())
    write_json(folder / "machine.json", machine())


if __name__ == "__main__":
    typer.run(main)
