"""Draws which pixels of pictures made a network decide: `groupcam explain`."""

import pathlib
from typing import Annotated, Literal

import typer

from groupcam_jax.class_names import find_label
from groupcam_jax.classifiers import chosen_layer, load_classifier
from groupcam_jax.cli.consoles import console, errors
from groupcam_jax.cli.device import compute_on
from groupcam_jax.cli.kept import NoCache
from groupcam_jax.cli.options import ClassNames, ModelName, Report, StateDict, Weights
from groupcam_jax.cli.pictures import Picture, check_given, example
from groupcam_jax.cli.results import layers_table
from groupcam_jax.cli.run import Request, compile_methods
from groupcam_jax.cli.series import explain_series
from groupcam_jax.methods import find_methods, fix_options
from groupcam_jax.progress_line import progress_line


def explain(
    images: Annotated[
        list[pathlib.Path] | None, typer.Argument(help="Pictures, or - for standard input; else an example.")
    ] = None,
    model: ModelName = "efficientnet-lite0",
    weights: Weights = None,
    state_dict: StateDict = None,
    class_names: ClassNames = None,
    classes: Annotated[
        list[str] | None, typer.Option("--class", help="Class to explain: name, part of it, or index; repeatable.")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help="One that `groupcam methods` lists, or all; repeatable.", show_default="group-cam"),
    ] = None,
    layer: Annotated[str | None, typer.Option(help="Scope name or index, see --list-layers.")] = None,
    groups: Annotated[int | None, typer.Option(help="Groups of channels.")] = None,
    mask_batch: Annotated[
        int | None, typer.Option(help="Masks, steps or samples at once; fewer need less memory.")
    ] = None,
    output: Annotated[pathlib.Path, typer.Option(help="Folder for the results.")] = pathlib.Path(),
    report: Report = None,
    raw: Annotated[bool, typer.Option("--raw", help="Also write each map as .npy, with a manifest.")] = False,
    show_layers: Annotated[bool, typer.Option("--list-layers", help="List the network's layers and stop.")] = False,
    top: Annotated[int, typer.Option(min=1, help="Classes to print.")] = 5,
    device: Annotated[Literal["cpu", "gpu", "tpu"] | None, typer.Option(help="Where to compute.")] = None,
    seed: Annotated[int, typer.Option(help="Of the drawn scene, and of methods that draw.")] = 0,
    no_cache: NoCache = False,
) -> None:
    """Draw which pixels of pictures made a network decide."""
    del no_cache  # heeded as it was read
    check_given(images or [])
    if device is not None:
        compute_on(device)
    classifier = load_classifier(model, weights, state_dict, class_names)
    if show_layers:
        console.print(layers_table(classifier))
        return
    pictures: list[pathlib.Path | Picture] = [*images] if images else [example(model, seed, classifier.image_size)]
    asked = find_methods(method or ["group-cam"])
    options = {
        "layer": layer and chosen_layer(layer, classifier.layer),
        "groups": groups,
        "mask_batch": mask_batch,
    }
    builders = fix_options(asked, options, {"layer": classifier.layer})
    output.mkdir(parents=True, exist_ok=True)  # now, rather than fail after the first explanation
    if report is not None:
        from groupcam_jax.report.page import check_replaceable

        check_replaceable(report)
    labels = [find_label(classifier.class_names, wanted) for wanted in classes or []]
    request = Request(model, classifier, builders, labels, layer, seed, output, report, raw, top)
    bar = progress_line(errors, "masks", digits=0)
    programs = compile_methods(request, bar, console)
    explain_series(request, programs, pictures, bar)
