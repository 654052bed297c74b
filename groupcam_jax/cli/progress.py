"""The line on the terminal while a method runs: it counts the masks that are scored."""

import contextlib
import functools
import inspect
from collections.abc import Iterator

import jax
from rich.progress import Progress

from groupcam_jax.types import Explainer


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
