"""Explains pictures one after the other; what cannot be read, explained or written is named, and the others go on.

Matplotlib is imported where it is used: that takes as long as the rest of an explanation of a small network.
"""

import importlib
import pathlib
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer
from rich.progress import Progress

from groupcam_jax.cli.consoles import console, errors
from groupcam_jax.cli.pictures import Picture, read_picture, result_names
from groupcam_jax.cli.results import classes_table, peaks, save_raw
from groupcam_jax.cli.run import Programs, Request, explain_picture
from groupcam_jax.pictures.decode import BrokenPicture

if TYPE_CHECKING:
    from groupcam_jax.report import Explained


def explain_series(
    request: Request, programs: Programs, pictures: Sequence[pathlib.Path | Picture], bar: Progress
) -> None:
    """Explains pictures in turn, each a path or read already.

    Raises:
      typer.Exit: not all of them are done; it has been printed why.
    """
    asked = [*request.builders]
    kinds = ["methods", *asked] if len(asked) > 1 else asked
    sources = [pathlib.Path(one.source) if isinstance(one, Picture) else one for one in pictures]
    named = result_names(sources, kinds, request.layer)
    counts = {"done": 0, "read": 0, "explained": 0, "written": 0}
    cards = []
    # Matplotlib is imported while XLA computes, which leaves Python idle.
    threading.Thread(target=importlib.import_module, args=["groupcam_jax.report"], daemon=True).start()
    try:
        for number, (one, names) in enumerate(zip(pictures, named, strict=True), start=1):
            try:
                picture = one if isinstance(one, Picture) else read(one, request.classifier.image_size)
            except BrokenPicture as error:
                errors.print(f"skipped {error}", style="red", markup=False)
                counts["read"] += 1
                continue
            which = f"{number} of {len(pictures)}: " if len(pictures) > 1 else ""
            try:
                explained = explain_and_save(request, programs, picture, names, bar, which)
                if request.report is not None:
                    cards.append(explained.card())
            except OSError as error:
                errors.print(f"results of {picture.source} not written: {error}", style="red", markup=False)
                counts["written"] += 1
                continue
            except ValueError as error:  # of the user's preprocess, or of Matplotlib
                errors.print(f"{picture.source} not explained: {error}", style="red", markup=False)
                counts["explained"] += 1
                continue
            counts["done"] += 1
    except KeyboardInterrupt:
        told = f"stopped after {counts['done']} of {len(pictures)} pictures; their results are complete"
        errors.print(told, style="red")
        raise typer.Exit(130) from None
    finally:
        if request.report is not None and cards:
            from groupcam_jax.report.page import page, write_page

            about = {"network": request.model, "methods": ", ".join(programs)}
            write_page(request.report, page("Explanations", cards, about))
            console.print(f"report of {len(cards)} pictures: {request.report}")
    for what in ("read", "explained", "written"):
        if counts[what]:
            errors.print(f"{counts[what]} of {len(pictures)} pictures could not be {what}", style="red")
    if counts["done"] < len(pictures):
        errors.print(f"{counts['done']} of {len(pictures)} done", style="red")
        raise typer.Exit(1)


def read(source: pathlib.Path, size: int) -> Picture:
    """Reads a picture; a pipe is named, because nothing may ever come."""
    if source.is_fifo():
        errors.print(f"{source}: waits for what is written to this pipe", markup=False)
    return read_picture(source, size)


def explain_and_save(
    request: Request, programs: Programs, picture: Picture, names: dict[str, str], bar: Progress, which: str
) -> "Explained":
    """Explains a picture with each method, prints what was found, and writes it under the names of its kinds.

    Raises:
      OSError: a result cannot be written.
      ValueError: the picture cannot be preprocessed or drawn.
    """
    classifier, several = request.classifier, "methods" in names
    found, maps, took = [], {}, 0.0
    for method, explanations, seconds in explain_picture(request, programs, picture, bar, which):
        if not found:
            console.print(classes_table(classifier, picture, explanations[0].probabilities, request.top))
            found = explanations
        maps[method] = [one.saliency for one in explanations]
        took += seconds
        beside = f"  {method:{max(map(len, programs))}} {seconds:7.2f} s  " if several else "  "
        console.print(peaks(classifier, picture, explanations, beside))
        for one in explanations if request.raw else ():
            save_raw(request.output / f"{names[method]}-{one.label}.npy", request, picture, method, one)
    from groupcam_jax.plots import write_figure
    from groupcam_jax.report.explained import explained

    labels, probabilities = [one.label for one in found], found[0].probabilities
    shown = explained(picture.pixels, maps, labels, probabilities, classifier.class_names, picture.source, request.top)
    figure = request.output / f"{next(iter(names.values()))}.png"
    write_figure(figure, shown.plot())
    console.print(f"  explained in {took:.2f} s: {figure}")
    return shown
