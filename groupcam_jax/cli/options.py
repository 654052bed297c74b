"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

ModelName = Annotated[
    str, typer.Option("--model", help="A network's name, keras:NAME, or FILE.py:factory for your own.")
]
Weights = Annotated[Path | None, typer.Option(help="A state dict for the named network.")]
StateDict = Annotated[str | None, typer.Option(help="Which one, in a file of weights that has several.")]
ClassNames = Annotated[Path | None, typer.Option(help="The names of the classes, a line each, or JSON.")]
DataDir = Annotated[Path | None, typer.Option(help="Where TFDS keeps its data.")]
Report = Annotated[Path | None, typer.Option(help="Also write a page to click through, in one HTML file.")]
Processes = Annotated[int, typer.Option(min=1, help="Processes that share the run.")]
Process = Annotated[int, typer.Option(min=0, help="Which of them this is, from 0.")]
Coordinator = Annotated[str | None, typer.Option(help="HOST:PORT of process 0.")]
