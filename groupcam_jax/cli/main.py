"""The `groupcam` command and its options."""

import contextlib
import io
import pathlib
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from groupcam_jax.classifiers import chosen_layer, find_label, load_classifier
from groupcam_jax.cli.catalogue import methods_table
from groupcam_jax.cli.device import compute_on
from groupcam_jax.cli.explain import Explanation
from groupcam_jax.cli.pictures import example, read_picture, result_names
from groupcam_jax.cli.progress import mask_bar
from groupcam_jax.cli.results import classes_table, explained_picture, layers_table, peaks, save_figure, save_raw
from groupcam_jax.cli.run import REFUSALS, Request, compile_methods, explain_picture
from groupcam_jax.cli.warned import print_warnings
from groupcam_jax.methods import find_methods, fix_options
from groupcam_jax.pictures.decode import BrokenPicture
from groupcam_jax.report.page import check_replaceable, page, write_page

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
# No emoji: my_model.py:factory would become one.
console = Console(highlight=False, soft_wrap=True, emoji=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def main() -> None:
    """Runs the command; errors that a user can fix take one line, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may be no text at all
    print_warnings(errors)
    try:
        app()
    except (*REFUSALS, OSError) as error:
        errors.print("error:", str(error), style="red", markup=False)
        sys.exit(2)


def print_version(asked: bool) -> None:
    """Prints the version and stops."""
    if asked:
        console.print(f"groupcam-jax {metadata.version('groupcam-jax')}")
        raise typer.Exit


@app.callback()
def groupcam(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print it and stop.")
    ] = False,
) -> None:
    """Saliency maps for JAX image classifiers: which pixels made the network decide."""


@app.command()
def explain(
    images: Annotated[
        list[pathlib.Path] | None, typer.Argument(help="Pictures, or - for standard input; else an example.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="A network's name, keras:NAME, or FILE.py:factory for your own.")
    ] = "efficientnet-lite0",
    weights: Annotated[pathlib.Path | None, typer.Option(help="A state dict for the named network.")] = None,
    state_dict: Annotated[str | None, typer.Option(help="Which one, in a file of weights that has several.")] = None,
    class_names: Annotated[
        pathlib.Path | None, typer.Option(help="The names of the classes, a line each, or JSON.")
    ] = None,
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
    report: Annotated[
        pathlib.Path | None, typer.Option(help="Also write a page to click through, in one HTML file.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Also write each map as .npy, with a manifest.")] = False,
    show_layers: Annotated[bool, typer.Option("--list-layers", help="List the network's layers and stop.")] = False,
    top: Annotated[int, typer.Option(min=1, help="Classes to print.")] = 5,
    device: Annotated[Literal["cpu", "gpu", "tpu"] | None, typer.Option(help="Where to compute.")] = None,
    seed: Annotated[int, typer.Option(help="Of the drawn scene, and of methods that draw.")] = 0,
) -> None:
    """Draw which pixels of pictures made a network decide."""
    if device is not None:
        compute_on(device)
    classifier = load_classifier(model, weights, state_dict, class_names)
    if show_layers:
        console.print(layers_table(classifier))
        return
    given = [] if images else [example(model, seed, classifier.image_size)]
    sources = images or [pathlib.Path(picture.source) for picture in given]
    asked = find_methods(method or ["group-cam"])
    options = {
        "layer": layer and chosen_layer(layer, classifier.layer),
        "groups": groups,
        "mask_batch": mask_batch,
    }
    builders = fix_options(asked, options, {"layer": classifier.layer})
    output.mkdir(parents=True, exist_ok=True)  # now, rather than fail after the first explanation
    if report is not None:
        check_replaceable(report)
    labels = [find_label(classifier.class_names, wanted) for wanted in classes or []]
    request, bar = Request(model, classifier, builders, labels, seed), mask_bar(errors)
    programs = compile_methods(request, bar, console)

    several = len(asked) > 1
    kinds = ["methods", *asked] if several else asked
    unused = iter(result_names(sources, *kinds))
    finished, broken, unwritten = 0, 0, 0
    cards = []
    try:
        for number, source in enumerate(sources, start=1):
            names = {kind: next(unused) for kind in kinds}
            if source.is_fifo():
                errors.print(f"{source}: waits for what is written to this pipe", markup=False)
            try:
                picture = given[0] if given else read_picture(source, classifier.image_size)
            except BrokenPicture as error:
                errors.print(f"skipped {error}", style="red", markup=False)
                broken += 1
                continue
            which = f"{number} of {len(sources)}: " if len(sources) > 1 else ""
            explained: dict[str, list[Explanation]] = {}
            took = 0.0
            figure = output / f"{names[kinds[0]]}.png"
            try:
                for name, explanations, seconds in explain_picture(request, programs, picture, bar, which):
                    if not explained:
                        console.print(classes_table(classifier, picture, explanations[0].probabilities, top))
                    explained[name] = explanations
                    took += seconds
                    beside = f"  {name:{max(map(len, programs))}} {seconds:7.2f} s  " if several else "  "
                    console.print(peaks(classifier, picture, explanations, beside))
                    for one in explanations if raw else ():
                        save_raw(output / f"{names[name]}-{one.label}.npy", request, picture, name, one)
                save_figure(figure, classifier, picture, explained, grid=several)
            except OSError as error:
                errors.print(f"results of {source} not written: {error}", style="red", markup=False)
                unwritten += 1
                continue
            console.print(f"  explained in {took:.2f} s: {figure}")
            if report is not None:
                cards.append(explained_picture(classifier, picture, explained, top).card())
            finished += 1
    except KeyboardInterrupt:
        errors.print(f"stopped after {finished} of {len(sources)} pictures; their results are complete", style="red")
        raise typer.Exit(130) from None
    finally:
        if report is not None and cards:
            write_page(report, page("Explanations", cards, {"network": model, "methods": ", ".join(programs)}))
            console.print(f"report of {len(cards)} pictures: {report}")
    for count, what in ((broken, "read"), (unwritten, "written")):
        if count:
            errors.print(f"{count} of {len(sources)} pictures could not be {what}", style="red")
    if broken or unwritten:
        errors.print(f"{finished} of {len(sources)} done", style="red")
        raise typer.Exit(1)


@app.command()
def methods() -> None:
    """List the methods: what the saliency of each means, and its paper."""
    Console(highlight=False, width=None if console.is_terminal else 100).print(methods_table())


@contextlib.contextmanager
def needing(extra: str) -> Iterator[None]:
    """Says how to install what a command needs, where it is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ImportError(f'{error.name} is not installed: pip install "groupcam-jax[{extra}]"') from error


ELSEWHERE: dict[str, Any] = {  # commands with a file, and help, of their own, which take seconds to import
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True},
    "add_help_option": False,
}


@app.command(**ELSEWHERE)
def evaluate(context: typer.Context) -> None:
    """Measure methods on a data set: the paper's tables and figures."""
    with needing("evaluation"):
        from groupcam_jax.cli.evaluate import app as experiments

    experiments(context.args, prog_name="groupcam evaluate")


@app.command("fine-tune", **ELSEWHERE)
def fine_tune(context: typer.Context) -> None:
    """Train a network on your own pictures, augmented by what it finds salient itself."""
    with needing("training"):
        from groupcam_jax.cli.fine_tune import app as training

    training(context.args, prog_name="groupcam fine-tune")
