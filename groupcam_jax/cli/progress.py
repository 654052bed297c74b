"""A line on the terminal while a method runs: its name, the masks it has scored, and the time."""

import contextlib
import functools
import inspect
from collections.abc import Iterator

import jax
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from groupcam_jax.types import Explainer


class MaskColumn(ProgressColumn):
    """How many masks are scored, out of how many, and how many per second."""

    def render(self, task: Task) -> Text:
        """The text of the column; empty for methods without masks."""
        if not task.completed:
            return Text()
        speed = f", {task.speed:,.0f} a second" if task.speed else ""
        return Text(f"{task.completed:,.0f} of {task.total or 0:,.0f} masks{speed}", style="progress.download")


def mask_bar(console: Console) -> Progress:
    """Makes the line; it is shown only on a terminal, and erased at the end."""
    columns = "{task.description}", BarColumn(), MaskColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def counted(builder: functools.partial[Explainer], bar: Progress) -> functools.partial[Explainer]:
    """The builder of a method whose masks advance the line.

    Without a line, or where all masks are one batch, the program makes no callbacks: JAX keeps no program that does.
    """
    parameters = inspect.signature(builder).parameters
    one_batch = any(name.endswith("_batch") and option.default is None for name, option in parameters.items())
    if bar.disable or one_batch or "progress" not in parameters:
        return builder

    def advance(done: int, total: int) -> None:
        for task in bar.tasks:
            bar.update(task.id, advance=done, total=total * task.fields["classes"])

    return functools.partial(builder, progress=advance)


@contextlib.contextmanager
def running(bar: Progress, title: str, classes: int) -> Iterator[None]:
    """Shows the line while a method explains some classes. Nothing else may be printed meanwhile."""
    task = bar.add_task(title, total=None, classes=classes)
    try:
        with bar:
            yield
            jax.effects_barrier()  # the last masks are counted in another thread
    finally:
        bar.remove_task(task)
