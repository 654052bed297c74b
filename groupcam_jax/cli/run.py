"""Compiles the requested methods one by one, and runs them on a picture."""

import functools
import pathlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from rich.console import Console
from rich.progress import Progress

from groupcam_jax.cli.pictures import Picture
from groupcam_jax.cli.program import ExplainPicture, Explanation, compile_explainer, timed
from groupcam_jax.cli.progress import counted, running
from groupcam_jax.compiler import default_device
from groupcam_jax.types import Classifier, Explainer

# What a method raises while it is traced, if it does not fit the network or a package is missing.
REFUSALS = (ValueError, NotImplementedError, ImportError)


class Request(NamedTuple):
    """What the user asked for.

    Attributes:
      model: the name of the classifier.
      classifier: what is explained, see `groupcam_jax.types`.
      builders: the methods by their names, with their options.
      labels: the classes to explain; empty for the predicted one.
      layer: the one that was asked for by name or index; None is the usual one.
      seed: for the key of random methods.
      output: the folder for figures and maps.
      report: the file of a page to click through, if there is to be one.
      raw: whether each map is written as well.
      top: how many of the likeliest classes are printed.
    """

    model: str
    classifier: Classifier
    builders: Mapping[str, functools.partial[Explainer]]
    labels: list[int]
    layer: str | None
    seed: int
    output: pathlib.Path
    report: pathlib.Path | None
    raw: bool
    top: int


Programs: TypeAlias = Mapping[str, ExplainPicture]


def compile_methods(request: Request, bar: Progress, console: Console) -> Programs:
    """Compiles one program per method; if there are several, those that do not fit the network are left out.

    If the predicted class is explained, the first program predicts it for all: rounding must not make them disagree.

    Raises:
      one of REFUSALS: raised by the only method.
      ValueError: all of several methods are left out.
    """
    programs: dict[str, ExplainPicture] = {}
    left_out: dict[str, list[str]] = {}
    for method, builder in request.builders.items():
        predicted = not request.labels and not programs
        build = functools.partial(compile_explainer, seed=request.seed, predicted=predicted)
        try:
            with bar.console.status(f"compiling {method}"):
                programs[method], seconds = timed(functools.partial(build, counted(builder, bar), request.classifier))
        except REFUSALS as error:
            if len(request.builders) == 1:
                raise
            left_out.setdefault(str(error), []).append(method)
        else:
            kind = default_device().device_kind
            console.print(f"compiled {method} of {request.model} in {seconds:.1f} s for {kind}")
    for message, methods in left_out.items():
        bar.console.print(f"left out {', '.join(methods)}: {message}", style="yellow", markup=False)
    if not programs:
        raise ValueError(f"none of the methods fits {request.model}")
    return programs


def explain_picture(
    request: Request, programs: Programs, picture: Picture, bar: Progress, which: str
) -> Iterator[tuple[str, list[Explanation], float]]:
    """Explains a picture with each method in turn.

    Args:
      request: what was asked for.
      programs: from `compile_methods`.
      picture: what is explained.
      bar: the progress line.
      which: which of several pictures this is, shown before the method's name.

    Yields:
      the method, its explanations (one per class), and the seconds that they took.
    """
    labels: list[int | None] = [*request.labels] or [None]
    for method, program in programs.items():
        one_by_one = map(program, [picture.resized] * len(labels), labels)
        with running(bar, f"{which}{method}", len(labels)):
            explanations, seconds = timed(functools.partial(list, one_by_one))
        labels = [explanation.label for explanation in explanations]
        yield method, explanations, seconds
