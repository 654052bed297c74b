"""The `groupcam` command."""

import contextlib
import gc
import io
import logging
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Annotated, Any

import typer
from rich.console import Console

from groupcam_jax.cli.catalogue import methods_table
from groupcam_jax.cli.consoles import console, errors
from groupcam_jax.cli.explain import explain
from groupcam_jax.cli.run import REFUSALS
from groupcam_jax.cli.warned import printed_warnings

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


def main(*arguments: str) -> None:
    """Runs the command, after arguments that come first; errors that a user can fix take one line, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may be no text at all
    # Traced programs are many small objects that stay: to look through them again and again took a tenth of a command.
    if not gc.get_freeze_count():
        gc.freeze()
    gc.set_threshold(100_000)
    logging.basicConfig(format="%(message)s")  # else the first library that logs says how all lines look
    try:
        with printed_warnings(errors):
            app([*arguments, *sys.argv[1:]] if arguments else None)  # None: Windows' wildcards are expanded
    except (*REFUSALS, OSError, RuntimeError) as error:
        if not isinstance(error, (*REFUSALS, OSError)) and not str(error).startswith("Unable to initialize backend"):
            raise
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


app.command()(explain)


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
