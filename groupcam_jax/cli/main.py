"""The `groupcam` command and its options."""

import pathlib
import sys
from typing import Annotated, Any, Literal

import jax
import typer
from rich.console import Console
from rich.progress import track

from groupcam_jax.cli.classifiers import find_label, load_classifier
from groupcam_jax.cli.explain import compile_explainer, timed
from groupcam_jax.cli.methods import METHODS, find_method
from groupcam_jax.cli.pictures import draw_scene, read_picture, result_names
from groupcam_jax.cli.results import layers_table, report, save_figure, save_raw

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console, errors = Console(highlight=False, soft_wrap=True), Console(stderr=True, highlight=False, soft_wrap=True)


def main() -> None:
    """Runs the command; what a user can mend is one line, not a traceback."""
    try:
        app()
    except (ValueError, TypeError, OSError) as error:
        errors.print("error:", str(error), style="red", markup=False)
        sys.exit(2)


@app.callback()
def groupcam() -> None:
    """Saliency maps for JAX image classifiers: which pixels made the network decide."""


@app.command()
def explain(
    images: Annotated[list[pathlib.Path] | None, typer.Argument(help="Pictures; without any, a drawn scene.")] = None,
    model: Annotated[str, typer.Option(help="A network's name, or FILE.py:factory for your own.")] = "shapes",
    weights: Annotated[pathlib.Path | None, typer.Option(help="A state dict for the named network.")] = None,
    classes: Annotated[
        list[str] | None, typer.Option("--class", help="Class to explain: name, part of it, or index; repeatable.")
    ] = None,
    method: Annotated[str, typer.Option(help=f"One of {', '.join(METHODS)}.")] = "group-cam",
    layer: Annotated[str | None, typer.Option(help="Scope name or index, see --list-layers.")] = None,
    groups: Annotated[int | None, typer.Option(help="Groups of channels.")] = None,
    mask_batch: Annotated[int | None, typer.Option(help="Masks scored at once; fewer need less memory.")] = None,
    output: Annotated[pathlib.Path, typer.Option(help="Folder for the results.")] = pathlib.Path(),
    raw: Annotated[bool, typer.Option("--raw", help="Also write each map as .npy, with a manifest.")] = False,
    show_layers: Annotated[bool, typer.Option("--list-layers", help="List the network's layers and stop.")] = False,
    top: Annotated[int, typer.Option(min=1, help="Classes to print.")] = 5,
    device: Annotated[Literal["cpu", "gpu", "tpu"] | None, typer.Option(help="Where to compute.")] = None,
    seed: Annotated[int, typer.Option(help="Of the drawn scene, and of methods that draw.")] = 0,
) -> None:
    """Draw which pixels of pictures made a network decide."""
    if device is not None:
        jax.config.update("jax_default_device", first_device(device))
    classifier = load_classifier(model, weights)
    if show_layers:
        console.print(layers_table(classifier))
        return
    if not images and model != "shapes":
        raise ValueError(f"name the pictures to explain with --model {model}")
    options = {
        "layer": classifier.layer if layer is None else int(layer) if layer.lstrip("-").isdecimal() else layer,
        "tokens_to_grid": getattr(classifier, "tokens_to_grid", None),
        "data_format": getattr(classifier, "data_format", None),
        "groups": groups,
        "mask_batch": mask_batch,
    }
    builder = find_method(method, options)
    output.mkdir(parents=True, exist_ok=True)  # now, rather than fail after the first explanation
    labels = [find_label(classifier.class_names, wanted) for wanted in classes or []]
    run, seconds = timed(lambda: compile_explainer(builder, classifier, seed=seed, predicted=not labels))
    console.print(f"compiled {method} of {model} in {seconds:.1f} s for {jax.devices()[0].device_kind}")

    sources, names = images or [None], result_names(images or [pathlib.Path(f"scene{seed}")], method)
    progress = track(sources, "explaining", console=errors, transient=True, disable=len(sources) == 1)
    finished, broken = 0, 0
    try:
        for source, name in zip(progress, names, strict=True):
            try:
                picture = draw_scene(seed) if source is None else read_picture(source, classifier.image_size)
            except OSError as error:
                errors.print(f"skipped {source}: {error}", style="red", markup=False)
                broken += 1
                continue
            pixels = picture.resized
            explanations, seconds = timed(lambda pixels=pixels: [run(pixels, label) for label in labels or [None]])
            report(console, classifier, picture, explanations, top)
            save_figure(output / f"{name}.png", classifier, picture, explanations)
            for explanation in explanations if raw else ():
                how = {"picture": picture.source, "model": model, "method": method, "options": options, "seed": seed}
                save_raw(output / f"{name}-{explanation.label}.npy", classifier, explanation, how)
            console.print(f"  explained in {seconds:.2f} s: {output / name}.png")
            finished += 1
    except KeyboardInterrupt:
        errors.print(f"stopped after {finished} of {len(names)} pictures; their results are complete", style="red")
        raise typer.Exit(130) from None
    if broken:
        errors.print(f"{broken} of {len(names)} pictures could not be read", style="red")
        raise typer.Exit(1)


def first_device(kind: str) -> Any:
    """The first device of a kind.

    Raises:
      ValueError: there is none.
    """
    try:
        return jax.devices(kind)[0]
    except RuntimeError:
        raise ValueError(f"--device {kind}: JAX finds none here; it finds {jax.devices()}") from None
