"""The pictures of the gallery: every method on one photograph, and the paper's figures 4 and 6 drawn of it.

    python -m experiments.gallery --output docs/gallery

EfficientNet-Lite0 explains "Egyptian cat" and "espresso". The photograph joins two of scikit-image's, both CC0. A
method that does not fit the network (attention rollout) gets no picture. 32 minutes on 2 cores of an AMD EPYC, beside
other work (22 of processor time).
"""

from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
import typer
from matplotlib.figure import Figure
from PIL import Image
from rich.progress import track

import pretrained
from groupcam_jax import group_cam
from groupcam_jax.cli.pictures import resized
from groupcam_jax.cli.program import compile_explainer
from groupcam_jax.cli.run import REFUSALS
from groupcam_jax.files import whole_file
from groupcam_jax.methods import METHODS, fix_options
from groupcam_jax.metrics import insertion_deletion
from groupcam_jax.metrics.sanity_check import cascading, independent, modules
from groupcam_jax.plots import brightened, draw_overlay, methods_figure

PICTURE = Path(__file__).parent / "results" / "cat-and-cup.jpg"
CLASSES = (285, 967)
COMPARED = {"Grad-CAM": "grad-cam", "Score-CAM": "score-cam", "Group-CAM": "group-cam"}  # figure 4
STAGES, KINDS = 6, ("cascading", "one alone")  # figure 6
SIDE = 300  # pixels


def main(output: Annotated[Path, typer.Option(help="Folder for the pictures.")]) -> None:
    """Draws all pictures."""
    output.mkdir(parents=True, exist_ok=True)
    model = pretrained.load("efficientnet-lite0")
    picture = resized("cat and cup", np.asarray(Image.open(PICTURE)), model.image_size)
    maps: dict[str, list[np.ndarray]] = {}
    for name, builder in track(fix_options([*METHODS], {"mask_batch": 8}, {"layer": model.layer}).items(), "methods"):
        try:
            explain = compile_explainer(builder, model, seed=0, predicted=False)
        except REFUSALS as error:
            print(f"left out {name}: {error}")
            continue
        maps[name] = [explain(picture.resized, label).saliency for label in CLASSES]
        save(output / f"{name}.jpg", both_classes(picture.pixels, maps[name]), SIDE)
    image = jnp.asarray(model.preprocess(picture.resized), jnp.float32)
    compared = {title: maps[name][0] for title, name in COMPARED.items()}
    save(output / "figure-4.jpg", curves(model, image, picture.pixels, compared), 1000)
    save(output / "figure-6.jpg", sanity(model, image, picture.pixels), 1400)


def save(path: Path, figure: Figure, width: int) -> None:
    """Writes a figure as a JPEG of so many pixels across."""
    with whole_file(path) as file:
        figure.savefig(
            file, format="jpeg", dpi=width / figure.get_figwidth(), pil_kwargs={"quality": 80, "optimize": True}
        )


def both_classes(pixels: np.ndarray, saliencies: list[np.ndarray]) -> Figure:
    """The maps of a method over the picture, one below the other."""
    figure = Figure(figsize=(2, 2.02))
    for place, saliency in enumerate(saliencies):
        axes = figure.add_axes((0, 0.505 * (1 - place), 1, 0.495))
        axes.set_axis_off()
        draw_overlay(axes, pixels, brightened(saliency))
    return figure


def curves(model: pretrained.Classifier, image: jax.Array, pixels: np.ndarray, maps: dict[str, np.ndarray]) -> Figure:
    """Of each method the map, and its insertion and deletion curves with their areas."""
    measure = jax.jit(insertion_deletion(model.apply, model.params, step_batch=8))
    figure = Figure(figsize=(10, 2.3 * len(maps)), layout="constrained")
    for row, (title, saliency) in zip(figure.subplots(len(maps), 3), maps.items(), strict=True):
        draw_overlay(row[0], pixels, saliency)
        row[0].set_axis_off()
        row[0].set_title(title, weight="bold")
        measured = measure(image, jnp.asarray(saliency), CLASSES[0])
        for axes, name in zip(row[1:], ("insertion", "deletion"), strict=True):
            curve = np.asarray(getattr(measured, name))
            places = np.linspace(0, 1, len(curve))
            axes.plot(places, curve)
            axes.fill_between(places, curve, alpha=0.2)
            axes.set_title(f"{name}: {float(getattr(measured, f'{name}_auc')):.3f}")
            axes.set_ylim(0, 1)
            axes.spines[["top", "right"]].set_visible(False)
    return figure


def sanity(model: pretrained.Classifier, image: jax.Array, pixels: np.ndarray) -> Figure:
    """The maps of Group-CAM while the network loses its weights, from the last module to the first."""
    explain = jax.jit(lambda params: group_cam(model.apply, params, layer=model.layer, mask_batch=8)(image, CLASSES[0]))
    order = modules(model.apply, model.params, image[None])
    places = {0, *np.linspace(0, len(order) - 1, STAGES).round().astype(int)}
    trained = np.asarray(explain(model.params))
    columns = {"trained": [trained, trained]}
    key = jax.random.key(0)
    for place, *both in zip(
        range(len(order)), *(way(model.params, order, key) for way in (cascading, independent)), strict=True
    ):
        if place in places:
            module = order[::-1][place].replace("['params']", "").replace("']['", "/").strip("[]'")
            columns[module] = [np.asarray(explain(params)) for _, params in both]
    return methods_figure(pixels, columns, KINDS)


if __name__ == "__main__":
    typer.run(main)
