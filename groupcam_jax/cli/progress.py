"""A line on the terminal while a method runs: its name, the masks it has scored, and the time."""

import contextlib
import functools
import inspect
from collections.abc import Iterator
from typing import Any

import jax
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text


class MaskColumn(ProgressColumn):
    """How many masks are scored, of how many if that is known, and how many a second."""

    def render(self, task: Task) -> Text:
        """What stands in the line; nothing for methods without masks."""
        if not task.completed:
            return Text()
        total = f" of {task.total:,.0f}" if task.total else ""
        speed = f", {task.speed:,.0f} a second" if task.speed else ""
        return Text(f"{task.completed:,.0f}{total} masks{speed}", style="progress.download")


def mask_bar(console: Console) -> Progress:
    """Makes the line; it is shown on a terminal only, and leaves nothing behind."""
    columns = "{task.description}", BarColumn(), MaskColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def counted(builder: functools.partial[Any], bar: Progress) -> functools.partial[Any]:
    """The builder of a method whose masks move the line; where the line is not shown, the program calls nobody."""
    if bar.disable or "progress" not in inspect.signature(builder).parameters:
        return builder

    def advance(done: int) -> None:
        for task in bar.task_ids:
            bar.advance(task, done)

    return functools.partial(builder, progress=advance)


@contextlib.contextmanager
def running(bar: Progress, title: str, total: int | None) -> Iterator[None]:
    """Shows the line while a method runs. Nothing may be printed meanwhile: the line is alone on its terminal."""
    task = bar.add_task(title, total=total)
    try:
        with bar:
            yield
            jax.effects_barrier()  # the last masks are counted in another thread
    finally:
        bar.remove_task(task)


def mask_count(builder: functools.partial[Any]) -> int | None:
    """The masks that a method scores for one class, if its options tell."""
    parameters = inspect.signature(builder).parameters
    if "groups" in parameters:
        return parameters["groups"].default + 1  # and the one that hides everything
    return next((parameters[name].default for name in ("masks", "channels") if name in parameters), None)
