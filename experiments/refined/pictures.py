"""Draws the maps side by side: what `refined` changes, for the eye.

    python -m experiments.refined.pictures refined.jpg             six pictures that may be shown, offline
    python -m experiments.refined.pictures refined.jpg --model MODEL --data DIR --first 150 --limit 24

The six are three photographs of scikit-image (in the public domain, or CC0) and three drawn scenes.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
import typer
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image
from skimage import data as skimage_data

import pretrained
from experiments.refined.methods import predict, program
from groupcam_jax.classifiers import load_classifier
from groupcam_jax.evaluation.data import open_data, resize_shorter_and_crop
from groupcam_jax.files import whole_file
from groupcam_jax.plots import methods_figure
from groupcam_jax.types import Classifier, Pixels
from pretrained.scenes import scene

METHODS = "group-cam", "grad-cam", "refined-fast", "refined", "refined-far", "flat start"
PHOTOGRAPHS = (skimage_data.chelsea, skimage_data.coffee, skimage_data.rocket)


def main(
    output: Annotated[Path, typer.Argument(help="The picture to write, .jpg.")],
    model: Annotated[str, typer.Option(help="The network, as for groupcam.")] = "efficientnet-lite0",
    data: Annotated[Path | None, typer.Option(help="Folder of pictures; without it the six.")] = None,
    first: Annotated[int, typer.Option(help="Number of the first picture, from 0.")] = 0,
    limit: Annotated[int, typer.Option(help="How many pictures.")] = 24,
) -> None:
    """Draw refined maps beside those that they start from."""
    classifier = load_classifier(model, None)
    if data is None:
        rows = [*drawn(classifier, photographs()), *drawn(pretrained.load("shapes"), scenes())]
    else:
        dataset = open_data(data)
        chosen = range(first, min(len(dataset), first + limit))
        rows = drawn(classifier, (resize_shorter_and_crop(dataset[number]).image for number in chosen))
    with whole_file(output) as file:
        stacked(rows).save(file, "JPEG", quality=88, optimize=True)


def photographs() -> Iterator[Pixels]:
    """The central squares of three photographs, 224 pixels wide."""
    for load in PHOTOGRAPHS:
        photograph = Image.fromarray(load())
        side, (width, height) = min(photograph.size), photograph.size
        left, top = (width - side) // 2, (height - side) // 2
        square = photograph.crop((left, top, left + side, top + side))
        yield np.asarray(square.resize((224, 224), Image.Resampling.BICUBIC))


def scenes() -> Iterator[Pixels]:
    """Three drawn scenes."""
    for seed in range(3):
        yield np.asarray((scene(jax.random.key(seed)).image * 255).round(), np.uint8)


def drawn(classifier: Classifier, pictures: Iterator[Pixels]) -> list[Pixels]:
    """Each picture beside the maps of all methods for the class that the network predicts."""
    explain = {name: program(name, classifier) for name in METHODS}
    rows = []
    for pixels in pictures:
        image = jnp.asarray(classifier.preprocess(pixels), jnp.float32)
        label = predict(classifier, image[None])
        maps = {name: [*np.asarray(one(classifier.params, image[None], label))] for name, one in explain.items()}
        canvas = FigureCanvasAgg(methods_figure(pixels, maps, [classifier.class_names[int(label[0])]]))
        canvas.draw()
        rows.append(np.asarray(canvas.buffer_rgba())[:, :, :3])
    return rows


def stacked(rows: list[Pixels]) -> Image.Image:
    """All rows, one below the other."""
    width = max(row.shape[1] for row in rows)
    filled = [np.pad(row, [(0, 0), (0, width - row.shape[1]), (0, 0)], constant_values=255) for row in rows]
    return Image.fromarray(np.concatenate(filled))


if __name__ == "__main__":
    typer.run(main)
