"""The table of methods, taken from their docstrings."""

import sys
from typing import Any

from rich.table import Table
from rich.text import Text

from groupcam_jax.methods import METHODS
from groupcam_jax.spelled import spelled


def methods_table() -> Table:
    """Lists the methods: what the saliency of each is, and the paper below it."""
    table = Table("method", "saliency, and the paper", box=None, header_style="bold")
    table.columns[0].no_wrap = True
    for name, builder in METHODS.items():
        line, paper = describe(builder)
        options = ", ".join(f"{option}={spelled(value)}" for option, value in fixed_options(builder).items())
        table.add_row(name, Text.assemble(line, options and f" ({options})", "\n", (paper, "dim")))
    return table


def describe(builder: Any) -> tuple[str, str]:
    """What a method does and its paper; the docstring of its module begins with `Name: what it does (paper).`"""
    module = sys.modules[getattr(builder, "func", builder).__module__]
    _, _, told = str(module.__doc__).splitlines()[0].partition(": ")
    line, _, paper = told.removesuffix(").").rpartition(" (")
    return line, paper


def fixed_options(builder: Any) -> dict[str, Any]:
    """The options that distinguish a variant from its method, batch sizes aside."""
    options = getattr(builder, "keywords", {})
    return {option: value for option, value in options.items() if not option.endswith("_batch")}
